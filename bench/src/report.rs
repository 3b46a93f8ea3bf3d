//! `bench/RESULTS.md`: written whole from what was measured last and from what was said of it by hand.
//!
//! Owns the goals and the form of the document. Must not know how anything is measured. Called by the program
//! `talon-bench` after a measurement, which first puts its own figures beside the others under
//! `bench/results`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::parts;
use crate::peers::{self, Sample, Variant};
use crate::size;

/// What a ratio should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// Nothing is promised.
    None,
}

impl Bound {
    fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(bound) => Some(value >= bound),
            Self::AtMost(bound) => Some(value <= bound),
            Self::None => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {bound}"),
            Self::AtMost(bound) => format!("≤ {bound}"),
            Self::None => "–".to_owned(),
        }
    }

    fn verdict(self, value: f64) -> &'static str {
        match self.is_met(value) {
            Some(true) => "reached",
            Some(false) => "**not reached**",
            None => "",
        }
    }

    /// A row of a table of goals.
    pub(crate) fn row(self, what: &str, Spread { min, median, max }: Spread) -> String {
        let digits = if median < 100.0 { 2 } else { 0 };
        format!(
            "| {what} | {} | {min:.digits$} | **{median:.digits$}** | {max:.digits$} | {} |\n",
            self.text(),
            self.verdict(median),
        )
    }
}

/// A figure of a sample.
type Figure = fn(&Sample) -> Option<f64>;

const PER_SECOND: Figure = |sample| Some(sample.per_second());
const CPU: Figure = |sample| sample.cpu_us;
const ALL_CPU: Figure = Sample::all_cpu_us;
const P50: Figure = |sample| sample.p50_us.map(|micros| micros as f64);

/// A ratio between two variants of a round.
struct Goal {
    what: &'static str,
    figure: Figure,
    of: Variant,
    to: Variant,
    bound: Bound,
}

const fn goal(what: &'static str, figure: Figure, [of, to]: [Variant; 2], bound: Bound) -> Goal {
    Goal { what, figure, of, to, bound }
}

const GOALS: &[Goal] = &[
    goal(
        "durable bookings, server CPU ÷ bare POST",
        CPU,
        [Variant::Talon, Variant::BarePost],
        Bound::AtMost(1.25),
    ),
    goal(
        "durable bookings, RPS ÷ bare POST",
        PER_SECOND,
        [Variant::Talon, Variant::BarePost],
        Bound::AtLeast(0.70),
    ),
    goal(
        "the same with Redis, server CPU ÷ bare POST",
        CPU,
        [Variant::TalonRedis, Variant::BarePost],
        Bound::AtMost(1.25),
    ),
    goal(
        "the same with Redis, server and Redis CPU ÷ bare POST",
        ALL_CPU,
        [Variant::TalonRedis, Variant::BarePost],
        Bound::AtMost(1.45),
    ),
    goal(
        "the same with Redis, RPS ÷ bare POST",
        PER_SECOND,
        [Variant::TalonRedis, Variant::BarePost],
        Bound::AtLeast(0.70),
    ),
    goal(
        "the same with a remote ledger, RPS ÷ bare POST",
        PER_SECOND,
        [Variant::TalonRemote, Variant::BarePost],
        Bound::None,
    ),
    goal(
        "bookings with a proof, RPS ÷ without",
        PER_SECOND,
        [Variant::TalonProof, Variant::Talon],
        Bound::None,
    ),
    goal(
        "bookings with a proof, server CPU ÷ without",
        CPU,
        [Variant::TalonProof, Variant::Talon],
        Bound::None,
    ),
    goal(
        "refusals from memory, RPS ÷ bare POST",
        PER_SECOND,
        [Variant::TalonRefusal, Variant::BarePost],
        Bound::AtLeast(1.0),
    ),
    goal(
        "refusals from memory, CPU ÷ bare POST",
        CPU,
        [Variant::TalonRefusal, Variant::BarePost],
        Bound::AtMost(1.0),
    ),
    goal(
        "availability, RPS ÷ bare GET",
        PER_SECOND,
        [Variant::TalonRead, Variant::BareGet],
        Bound::AtLeast(0.95),
    ),
    goal(
        "bookings ÷ nginx limit_req in front of bare hyper",
        PER_SECOND,
        [Variant::Talon, Variant::NginxLimit],
        Bound::AtLeast(2.3),
    ),
    goal(
        "bookings ÷ PostgreSQL claims, spread",
        PER_SECOND,
        [Variant::Talon, Variant::PostgresSpread],
        Bound::AtLeast(8.0),
    ),
    goal(
        "bookings ÷ PostgreSQL claims, one date",
        PER_SECOND,
        [Variant::TalonOneDay, Variant::PostgresOneDay],
        Bound::AtLeast(17.0),
    ),
    goal(
        "bookings ÷ Redis claims, appendfsync always",
        PER_SECOND,
        [Variant::Talon, Variant::RedisClaim],
        Bound::AtLeast(1.7),
    ),
    goal("bookings ÷ SQLite claims", PER_SECOND, [Variant::Talon, Variant::Sqlite], Bound::None),
    goal(
        "booking alone, p50 ÷ one sync",
        P50,
        [Variant::TalonAlone, Variant::Sync],
        Bound::AtMost(1.6),
    ),
];

/// Least, median and greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of some values, unless there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Some(Self { min, median, max })
    }
}

/// Where figures are kept.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results")
}

/// Keeps what was measured as `NAME.json` and writes the document anew.
///
/// # Errors
/// When a file cannot be written or another one not be read.
pub(crate) fn keep(name: &str, results: &impl Serialize) -> Result<()> {
    let file = folder().join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(results).context("figures as JSON")? + "\n";
    std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    write()
}

/// Writes the document from what is kept.
///
/// # Errors
/// As [`keep`].
pub(crate) fn write() -> Result<()> {
    let peers: Option<peers::Results> = kept("peers")?;
    let parts: Option<parts::Results> = kept("parts")?;
    let size: Option<size::Results> = kept("size")?;
    let said = folder().join("limits.md");
    let said =
        std::fs::read_to_string(&said).with_context(|| format!("reading {}", said.display()))?;
    let text = document(peers.as_ref(), parts.as_ref(), size.as_ref(), &said);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    println!("written: {}", file.display());
    Ok(())
}

fn kept<T: DeserializeOwned>(name: &str) -> Result<Option<T>> {
    let file = folder().join(format!("{name}.json"));
    match std::fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text)
            .with_context(|| format!("reading {}; measure again", file.display()))
            .map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}

fn document(
    peers: Option<&peers::Results>,
    parts: Option<&parts::Results>,
    size: Option<&size::Results>,
    said: &str,
) -> String {
    let mut text =
        "# Measured\n\nWritten by `cargo xtask peers`, `cargo xtask parts` and `cargo xtask size`; \
                    the figures as JSON and what is said by hand lie in [results](results). How to read it: \
                    [README](README.md).\n"
            .to_owned();
    if let Some(peers) = peers {
        text += &ratios(peers);
        text += &variants(peers);
    }
    if let Some(parts) = parts {
        text += &parts.document();
    }
    if let Some(size) = size {
        text += &size.document();
    }
    text + "\n" + said
}

fn ratios(results: &peers::Results) -> String {
    let mut text = format!(
        "\n## Against the goals\n{}{}\n{} interleaved rounds of {} s; ratios within a round.\n\n\
         | ratio | goal | min | median | max | |\n|---|---|---|---|---|---|\n",
        results.machine.sentence(),
        results.machine.busy(),
        results.rounds.len(),
        results.seconds,
    );
    for goal in GOALS {
        let in_round = |round: &std::collections::BTreeMap<Variant, Sample>| {
            let of = (goal.figure)(round.get(&goal.of)?)?;
            Some(of / (goal.figure)(round.get(&goal.to)?)?)
        };
        let Some(spread) = Spread::of(results.rounds.iter().filter_map(in_round)) else { continue };
        text += &goal.bound.row(goal.what, spread);
    }
    text
}

fn variants(results: &peers::Results) -> String {
    let mut text =
        "\n## Each by itself\nMedians over the rounds. These differ from one run to the next by \
                    tens of percent, the ratios above far less.\n\n\
                    | variant | a second | server CPU µs | Redis CPU µs | p50 µs | p99 µs |\n\
                    |---|---|---|---|---|---|\n"
            .to_owned();
    let Some(first) = results.rounds.first() else { return text };
    for variant in first.keys() {
        let median = |figure: Figure, digits: usize| {
            let values = results.rounds.iter().filter_map(|round| figure(round.get(variant)?));
            Spread::of(values)
                .map_or_else(|| "–".to_owned(), |spread| format!("{:.digits$}", spread.median))
        };
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            variant.description().trim_end_matches('.'),
            median(PER_SECOND, 0),
            median(CPU, 2),
            median(|sample| sample.redis_cpu_us, 2),
            median(P50, 0),
            median(|sample| sample.p99_us.map(|micros| micros as f64), 0),
        )
        .expect("a string takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_of_an_even_number_lies_between() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { min: 1.0, median: 2.5, max: 4.0 });
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_goal_is_judged_by_its_side() {
        assert_eq!(Bound::AtMost(1.25).verdict(1.25), "reached");
        assert_eq!(Bound::AtMost(1.25).verdict(1.26), "**not reached**");
        assert_eq!(Bound::AtLeast(8.0).verdict(7.9), "**not reached**");
        assert_eq!(Bound::None.verdict(1.0), "");
    }

    #[test]
    fn what_is_kept_here_can_be_read_and_is_what_the_document_shows() {
        let peers: Option<peers::Results> = kept("peers").unwrap();
        let parts: Option<parts::Results> = kept("parts").unwrap();
        let size: Option<size::Results> = kept("size").unwrap();
        let said = std::fs::read_to_string(folder().join("limits.md")).unwrap();
        let document = document(peers.as_ref(), parts.as_ref(), size.as_ref(), &said);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        assert_eq!(
            std::fs::read_to_string(file).unwrap(),
            document,
            "`talon-bench report` writes it"
        );
    }
}
