//! The report as one page that needs nothing else: no script, no font, no picture from elsewhere.
//!
//! Every plot's numbers are in a table as well. Must not compute what the report does not say. Called
//! by the output.

use std::fmt::Write as _;

use super::plot::{Caption, Series, bars, lines};
use super::{GroupRow, Report};
use crate::personas::Persona;

const STYLE: &str = include_str!("style.css");

/// The whole page.
#[must_use]
pub fn page(report: &Report) -> String {
    let name = escaped(&report.scenario);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'\"><title>Rehearsal: {name}</title><style>{STYLE}</style></head><body><main>\
         <h1>Rehearsal: {name}</h1>"
    );
    head(&mut page, report);
    fairness(&mut page, report);
    groups(&mut page, "Honest people by when they first tried", "arrival", &report.by_arrival);
    groups(&mut page, "Honest people by network", "network", &report.by_network);
    if !report.by_manner.is_empty() {
        groups(&mut page, "Honest people by their manner", "manner", &report.by_manner);
    }
    over_time(&mut page, report);
    latencies(&mut page, report);
    refusals(&mut page, report);
    checked(&mut page, report);
    page.push_str("</main></body></html>\n");
    page
}

/// Text that cannot be taken for markup.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A table; the first cell of each row names it.
fn table(page: &mut String, caption: &str, columns: &[&str], rows: &[Vec<String>]) {
    let caption = escaped(caption);
    // What scrolls is reached by the keyboard, and named.
    let _ = write!(
        page,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table>\
         <caption>{caption}</caption><thead><tr>"
    );
    for column in columns {
        let _ = write!(page, "<th scope=\"col\">{}</th>", escaped(column));
    }
    page.push_str("</tr></thead><tbody>");
    for row in rows {
        page.push_str("<tr>");
        for (place, cell) in row.iter().enumerate() {
            let cell = escaped(cell);
            let _ = if place == 0 {
                write!(page, "<th scope=\"row\">{cell}</th>")
            } else {
                write!(page, "<td>{cell}</td>")
            };
        }
        page.push_str("</tr>");
    }
    page.push_str("</tbody></table></div>");
}

/// A table of what there is one of.
fn facts<const N: usize>(
    page: &mut String,
    caption: &str,
    columns: &[&str],
    facts: [(&str, String); N],
) {
    let rows = facts.map(|(name, value)| vec![name.to_owned(), value]);
    table(page, caption, columns, &rows);
}

/// What a plot shows of each of these, under a name.
fn series<T>(name: &str, all: impl IntoIterator<Item = T>, value: impl FnMut(T) -> f64) -> Series {
    Series { name: name.to_owned(), values: all.into_iter().map(value).collect() }
}

fn head(page: &mut String, report: &Report) {
    let conclusion = report.verdict.conclusion.name();
    let _ = write!(page, "<div class=\"verdict {conclusion}\"><strong>{conclusion}</strong>");
    for reason in &report.verdict.reasons {
        let _ = write!(page, "<br>{}", escaped(reason));
    }
    page.push_str("</div>");
    let (totals, lag) = (&report.totals, &report.generator);
    let rows = [
        ("gateway started, UTC", report.started_at.clone()),
        ("seed", report.seed.to_string()),
        ("cores, shared by generator and gateway", report.cores.to_string()),
        ("identified persons", totals.persons.to_string()),
        ("requests", totals.requests.to_string()),
        ("most requests in one second", totals.peak_per_second.to_string()),
        ("connections set up", totals.connections.to_string()),
        ("lost on the way and sent again", totals.resent.to_string()),
        ("places", totals.places.to_string()),
        ("requests without an answer or with a 5xx", totals.errors.to_string()),
        ("generator: 99 of 100 requests sent within, ms", format!("{:.1}", lag.p99_ms)),
        ("generator: the latest, ms", format!("{:.1}", lag.max_ms)),
        ("generator: requests left out", lag.skipped.to_string()),
    ];
    facts(page, "The run", &["what", "value"], rows);
}

fn fairness(page: &mut String, report: &Report) {
    page.push_str("<h2>Who got the places</h2>");
    for sentence in super::meaning(report) {
        let _ = write!(page, "<p>{}</p>", escaped(&sentence));
    }
    let labels: Vec<String> = report.personas.iter().map(|row| row.persona.to_string()).collect();
    let shares = [
        series("share of persons", &report.personas, |row| row.persons_percent),
        series("share of requests", &report.personas, |row| row.requests_percent),
        series("share of places", &report.personas, |row| row.places_percent),
    ];
    let caption = Caption {
        id: "fairness",
        title: "Shares by persona",
        description: "For each persona its share of persons, of requests and of places.",
        unit: "%",
    };
    page.push_str(&bars(caption, &labels, &shares));
    let rows: Vec<Vec<String>> = report
        .personas
        .iter()
        .map(|row| {
            vec![
                row.persona.to_string(),
                row.persons.to_string(),
                format!("{:.1}", row.persons_percent),
                row.requests.to_string(),
                format!("{:.1}", row.requests_percent),
                row.places.to_string(),
                format!("{:.1}", row.places_percent),
                ratio(row.advantage),
                ratio(row.advantage_as_quick),
                row.most_places.to_string(),
            ]
        })
        .collect();
    let columns = [
        "persona",
        "persons",
        "%",
        "requests",
        "%",
        "places",
        "%",
        "places % / persons %",
        "as quick",
        "most",
    ];
    table(page, "Shares by persona", &columns, &rows);
}

/// A ratio, or a dash where there is none.
fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
}

fn groups(page: &mut String, title: &str, id: &str, rows: &[GroupRow]) {
    let _ = write!(page, "<h2>{}</h2>", escaped(title));
    let labels: Vec<String> = rows.iter().map(|row| row.group.clone()).collect();
    let with_place = [series("with a place", rows, |row| row.with_place_percent)];
    let description = "For each group how many of a hundred have a place.";
    page.push_str(&bars(Caption { id, title, description, unit: "%" }, &labels, &with_place));
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let percent = format!("{:.1}", row.with_place_percent);
            vec![row.group.clone(), row.persons.to_string(), row.with_place.to_string(), percent]
        })
        .collect();
    table(page, title, &["group", "persons", "with a place", "%"], &rows);
}

fn over_time(page: &mut String, report: &Report) {
    page.push_str("<h2>Second by second</h2>");
    let labels: Vec<String> = report.seconds.keys().map(ToString::to_string).collect();
    let seconds = || report.seconds.values();
    let rates = [
        series("as asked", seconds(), |second| real(second.good)),
        series("refused", seconds(), |second| real(second.refused)),
        series("failed", seconds(), |second| real(second.errors)),
    ];
    let caption = Caption {
        id: "rates",
        title: "Answers in each second from the release on",
        description: "Answers as asked, refusals and failures a second.",
        unit: "a second",
    };
    page.push_str(&lines(caption, &labels, &rates));
    let took: Vec<Persona> = Persona::ALL
        .into_iter()
        .filter(|persona| seconds().any(|it| it.places.contains_key(persona)))
        .collect();
    let places: Vec<Series> = took
        .iter()
        .map(|persona| {
            let mut sum = 0;
            series(persona.name(), seconds(), |second| {
                sum += second.places.get(persona).copied().unwrap_or(0);
                real(sum)
            })
        })
        .collect();
    let caption = Caption {
        id: "places",
        title: "Places given so far, by persona",
        description: "The sum of confirmations of each persona over the seconds from the release on.",
        unit: "places",
    };
    page.push_str(&lines(caption, &labels, &places));
    let rows: Vec<Vec<String>> = report
        .seconds
        .iter()
        .map(|(number, second)| {
            let places: u64 = second.places.values().sum();
            [second.good, second.refused, second.errors, places].iter().fold(
                vec![number.to_string()],
                |mut row, value| {
                    row.push(value.to_string());
                    row
                },
            )
        })
        .collect();
    page.push_str("<details><summary>The numbers</summary>");
    table(page, "Second by second", &["second", "as asked", "refused", "failed", "places"], &rows);
    page.push_str("</details>");
}

fn latencies(page: &mut String, report: &Report) {
    page.push_str("<h2>Latency by outcome</h2><p>From when a request was due, so that a wait before it was sent is in it; the way over the network too.</p>");
    let name = |row: &super::LatencyRow| format!("{}: {}", row.action.name(), row.outcome);
    let all = &report.latencies;
    let labels: Vec<String> = (1..=all.len()).map(|number| number.to_string()).collect();
    let caption = Caption {
        id: "latency",
        title: "Latency by outcome",
        description: "Median and 99 of 100 of each outcome, by its number in the table below.",
        unit: "ms",
    };
    let plotted = [series("p50", all, |row| row.p50_ms), series("p99", all, |row| row.p99_ms)];
    page.push_str(&bars(caption, &labels, &plotted));
    let rows: Vec<Vec<String>> = all
        .iter()
        .zip(&labels)
        .map(|(row, number)| {
            let mut cells = vec![format!("{number}. {}", name(row)), row.count.to_string()];
            let values = [row.p50_ms, row.p90_ms, row.p99_ms, row.p999_ms, row.max_ms];
            cells.extend(values.map(|value| format!("{value:.1}")));
            cells
        })
        .collect();
    let columns = ["outcome", "count", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"];
    table(page, "Latency by outcome", &columns, &rows);
}

fn refusals(page: &mut String, report: &Report) {
    page.push_str("<h2>Refusals by rule</h2>");
    let columns: Vec<&str> = ["rule", "all"]
        .into_iter()
        .chain(Persona::ALL.iter().map(|persona| persona.name()))
        .collect();
    let rows: Vec<Vec<String>> = report
        .refusals
        .iter()
        .map(|row| {
            let mut cells = vec![row.rule.clone(), row.count.to_string()];
            let of = |persona| row.by_persona.get(persona).copied().unwrap_or(0).to_string();
            cells.extend(Persona::ALL.iter().map(of));
            cells
        })
        .collect();
    table(
        page,
        "Bookings and moves that were refused or failed, by rule and persona",
        &columns,
        &rows,
    );
}

fn checked(page: &mut String, report: &Report) {
    page.push_str("<h2>What was checked</h2>");
    let check = &report.check;
    let rows = [
        ("bookings that clients were told of", check.confirmed),
        ("bookings in the journal", check.in_journal),
        ("of them moves", check.moves),
        ("restarts after SIGKILL while people booked", check.restarts),
        ("persons asked again after SIGKILL and a new start", check.asked_after_restart),
        ("hand-overs tried", check.hand_overs),
        ("hand-overs that succeeded", check.hand_overs_caught),
        ("promises or rules that were broken", check.violations),
    ];
    let rows = rows.map(|(name, count)| (name, count.to_string()));
    facts(page, "Against the journal, and after a restart", &["what", "count"], rows);
    for violation in &check.shown {
        let _ = write!(page, "<p>{}</p>", escaped(violation));
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let page = page(&report());
        for outside in ["<script", "http://", "https://", "src=", "url(", "<link", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("default-src 'none'"));
        assert!(page.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn every_plot_is_named_once_and_its_numbers_are_in_tables() {
        let page = page(&report());
        let plots = page.matches("<svg ").count();
        assert_eq!(plots, 7);
        assert_eq!(page.matches("role=\"img\"").count(), plots);
        for id in ["fairness", "arrival", "network", "manner", "rates", "places", "latency"] {
            assert_eq!(page.matches(&format!("id=\"{id}-t\"")).count(), 1, "{id}");
        }
        for said in ["honest", "slot-taken", "85.7", "within 0.2 s", "mobile", "book: done"] {
            assert!(page.contains(said), "{said}");
        }
        assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
    }

    #[test]
    fn what_a_report_says_is_no_markup() {
        let mut report = report();
        report.scenario = "<script>alert(1)</script>".to_owned();
        report.check.shown = vec!["a & b < c".to_owned()];
        let page = page(&report);
        assert!(!page.contains("<script") && page.contains("a &amp; b &lt; c"));
    }
}
