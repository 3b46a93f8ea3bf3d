//! The log of a process: lines on standard error in one of three formats, filtered by level and module, with
//! the id of the request they belong to, and bounded in a flood.
//!
//! Owns the settings of the log. Must not know what is logged. Started once, by both programs, before they
//! serve. No formatter of a library fits: those add to a line what its spans say, and a span for each
//! request would cost even the requests of which nothing is logged.

mod escape;
mod line;
mod sampling;

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::counter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::callsite::Identifier;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

pub use line::Format;
pub use sampling::{MAX_PLACES, WINDOW};

use crate::scope::Scope;
use crate::table;
use line::{Head, Line, Value};
use sampling::Sampler;

/// The variable that wins over `log.filter`.
pub const VARIABLE: &str = "TALON_LOG";
/// Lines whose target ends so tell of the process as a whole and are never left out.
pub const LIFECYCLE: &str = "::lifecycle";
/// Most lines a second that may be allowed to one place in the program.
pub const MOST_LINES_PER_SECOND: u32 = 10_000;
/// How often it is said what was left out.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// A level, or levels by module such as `info,talon_gateway=debug`; the environment variable
    /// TALON_LOG wins over it.
    pub filter: String,
    /// What a line looks like.
    pub format: Format,
    /// Most lines a second that each place in the program writes, 1 to 10,000; further ones are
    /// counted, and a line says how many there were.
    pub lines_per_second: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: Format::Text, lines_per_second: 20 }
    }
}

impl Settings {
    /// Checks what types alone cannot.
    ///
    /// # Errors
    /// The key and what would be right.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if EnvFilter::try_new(&self.filter).is_err() {
            let remedy = "is no filter such as info or info,talon_gateway=debug";
            return Err(("log.filter", remedy.to_owned()));
        }
        if !(1..=MOST_LINES_PER_SECOND).contains(&self.lines_per_second) {
            let problem =
                format!("{} is not from 1 to {MOST_LINES_PER_SECOND}", self.lines_per_second);
            return Err(("log.lines_per_second", problem));
        }
        Ok(())
    }

    /// The filter in force: that of the environment, if there is one.
    fn filter(&self) -> EnvFilter {
        EnvFilter::try_from_env(VARIABLE)
            .or_else(|_| EnvFilter::try_new(&self.filter))
            .unwrap_or_else(|_| EnvFilter::new("info"))
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum BadLog {
    /// There is one already.
    #[error("a log is there already")]
    Twice,
    /// The system gives no thread.
    #[error("a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A log that was started; dropping it changes nothing.
#[derive(Clone)]
pub struct Logs {
    filter: reload::Handle<EnvFilter, Registry>,
    lines: Lines,
}

impl Logs {
    /// Starts the log of this process.
    ///
    /// # Errors
    /// [`BadLog`].
    pub fn start(settings: &Settings) -> Result<Self, BadLog> {
        let (filter, handle) = reload::Layer::new(settings.filter());
        let lines = Lines {
            format: settings.format,
            is_colourful: std::io::stderr().is_terminal(),
            sampler: Arc::new(Sampler::new(settings.lines_per_second)),
        };
        let layer = lines.clone().with_filter(filter);
        tracing_subscriber::registry().with(layer).try_init().map_err(|_| BadLog::Twice)?;
        let logs = Self { filter: handle, lines };
        let reporting = logs.clone();
        std::thread::Builder::new().name("talon-log".to_owned()).spawn(move || {
            loop {
                std::thread::sleep(REPORT_EVERY);
                reporting.report();
            }
        })?;
        Ok(logs)
    }

    /// Puts other settings in force; the format stays what it was at the start.
    pub fn change(&self, settings: &Settings) {
        self.lines.sampler.change(settings.lines_per_second);
        if let Err(error) = self.filter.reload(settings.filter()) {
            tracing::error!(%error, "log.filter cannot be changed");
        }
    }

    /// Says what was left out and not yet said; also called before the process ends. The filter is not
    /// asked: what was left out had passed it.
    pub fn report(&self) {
        for (place, count) in self.lines.sampler.take_left_out() {
            let of = place.0.metadata();
            let at = format!("{}:{}", of.file().unwrap_or("?"), of.line().unwrap_or(0));
            let line = Line {
                message: "lines were left out".to_owned(),
                fields: vec![
                    ("left_out".into(), Value::Bare(count.to_string())),
                    ("of".into(), Value::Text(at)),
                ],
            };
            self.lines.write(&line, of, Scope::default());
        }
    }
}

/// Writes events as lines, unless there are too many. Not a filter of `tracing_subscriber`: one that
/// refuses an event which it had not refused by its metadata leaves that crate's state behind for the next.
#[derive(Clone)]
struct Lines {
    format: Format,
    is_colourful: bool,
    sampler: Arc<Sampler<Identifier>>,
}

impl Lines {
    fn write(&self, line: &Line, of: &Metadata<'_>, scope: Scope) {
        let mut time = String::with_capacity(32);
        let told = SystemTime.format_time(&mut Writer::new(&mut time));
        debug_assert!(told.is_ok(), "a string takes all");
        let head = Head { time: &time, level: *of.level(), target: of.target(), scope };
        let mut text = line.render(self.format, self.is_colourful, &head);
        text.push('\n');
        // A line that nobody can read is no reason to stop.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let of = event.metadata();
        let is_about_the_process = of.target().ends_with(LIFECYCLE);
        if is_about_the_process || self.sampler.admits(of.callsite(), Instant::now()) {
            self.write(&Line::of(event), of, Scope::current());
        } else {
            let level = line::level_name(*of.level());
            counter!(table::LOG_LINES_LEFT_OUT.name, "level" => level).increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_name_their_key_and_what_would_be_right() {
        let key = |settings: Settings| settings.check().map_err(|(key, _)| key);
        assert_eq!(key(Settings::default()), Ok(()));
        let filter = "info,=nothing=".to_owned();
        assert_eq!(key(Settings { filter, ..Settings::default() }), Err("log.filter"));
        for lines_per_second in [0, MOST_LINES_PER_SECOND + 1] {
            let settings = Settings { lines_per_second, ..Settings::default() };
            assert_eq!(key(settings), Err("log.lines_per_second"));
        }
    }
}
