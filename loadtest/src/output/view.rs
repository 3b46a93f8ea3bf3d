//! The view in a terminal while a rehearsal runs: progress, rates, percentiles, outcomes.
//!
//! Owns the screen, from when everybody is ready until the end; where there is no terminal, one line
//! says that people come. Must not keep numbers of its own. Called by the binary.

use std::io::{IsTerminal as _, Stdout, stdout};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::ExecutableCommand as _;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::{Block, Gauge, Paragraph, Row, Sparkline, Table};
use ratatui::{Frame, Terminal};
use tokio::time::Instant;

use crate::measure::{Action, Recorder};
use crate::rehearsal::Progress;

/// How often the screen is drawn.
const EVERY: Duration = Duration::from_millis(250);
/// Most outcomes that are shown.
const MAX_ROWS: usize = 14;

type Screen = Terminal<CrosstermBackend<Stdout>>;

/// The view of one rehearsal.
pub struct View {
    name: String,
    is_wanted: bool,
    screen: Arc<Mutex<Option<Screen>>>,
}

impl View {
    /// A view that is not shown yet; never when `plain` or when nobody looks.
    pub(super) fn new(name: &str, plain: bool) -> Self {
        let is_wanted = !plain && stdout().is_terminal();
        Self { name: name.to_owned(), is_wanted, screen: Arc::default() }
    }

    /// Everybody is ready: shows what happens from now on.
    pub fn follow(&self, progress: Progress) {
        let screen = if self.is_wanted { open().ok() } else { None };
        let Some(screen) = screen else {
            let begins = progress.begins_at.saturating_duration_since(Instant::now());
            println!("{}: people come in {} s", self.name, begins.as_secs());
            return;
        };
        *lock(&self.screen) = Some(screen);
        let (shared, name) = (Arc::clone(&self.screen), self.name.clone());
        tokio::spawn(async move {
            loop {
                match &mut *lock(&shared) {
                    Some(screen) => {
                        let recorder = progress.recorder.lock();
                        let recorder = recorder.expect("nobody panics while counting");
                        let times = Times::at(Instant::now(), &progress);
                        // A screen that cannot be drawn is no reason to stop a rehearsal.
                        let _ = screen.draw(|frame| draw(frame, &name, times, &recorder));
                    }
                    None => return,
                }
                tokio::time::sleep(EVERY).await;
            }
        });
    }

    /// The run is over: gives the terminal back as it was.
    pub fn end(self) {
        if lock(&self.screen).take().is_some() {
            let _ = stdout().execute(LeaveAlternateScreen);
        }
    }
}

fn lock(screen: &Mutex<Option<Screen>>) -> MutexGuard<'_, Option<Screen>> {
    screen.lock().expect("nobody panics while drawing")
}

fn open() -> std::io::Result<Screen> {
    stdout().execute(EnterAlternateScreen)?;
    Terminal::new(CrosstermBackend::new(stdout()))
}

/// Where a run is.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// Seconds from the release; negative before it.
    second: i64,
    /// The part of the run that is over.
    part: f64,
}

impl Times {
    fn at(now: Instant, progress: &Progress) -> Self {
        let whole = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let second = match now.checked_duration_since(progress.opens_at) {
            Some(after) => whole(after),
            None => -1 - whole(progress.opens_at - now),
        };
        let over = now.saturating_duration_since(progress.begins_at).as_secs_f64();
        let all = progress.ends_at.saturating_duration_since(progress.begins_at).as_secs_f64();
        Self { second, part: (over / all.max(0.001)).clamp(0.0, 1.0) }
    }
}

fn draw(frame: &mut Frame<'_>, name: &str, times: Times, recorder: &Recorder) {
    let parts = [Constraint::Length(3), Constraint::Length(8), Constraint::Min(6)];
    let [top, middle, bottom] = Layout::vertical(parts).areas(frame.area());
    let phase = if times.second < 0 {
        format!("opens in {} s", -times.second)
    } else {
        format!("open for {} s", times.second)
    };
    let gauge = Gauge::default().ratio(times.part).label(phase);
    frame.render_widget(gauge.block(Block::bordered().title(format!(" {name} "))), top);
    let halves = Layout::horizontal([Constraint::Percentage(60), Constraint::Percentage(40)]);
    let [left, right] = halves.areas(middle);
    rates(frame, left, recorder);
    places(frame, right, times, recorder);
    percentiles(frame, bottom, recorder);
}

fn rates(frame: &mut Frame<'_>, area: Rect, recorder: &Recorder) {
    let all: Vec<u64> =
        recorder.seconds().values().map(|it| it.good + it.refused + it.errors).collect();
    let last = all.len().saturating_sub(usize::from(area.width.saturating_sub(2)));
    let peak = all.iter().max().copied().unwrap_or(0);
    let title = format!(" answers a second, at most {peak} ");
    let sparkline = Sparkline::default().data(&all[last..]);
    frame.render_widget(sparkline.block(Block::bordered().title(title)), area);
}

fn places(frame: &mut Frame<'_>, area: Rect, times: Times, recorder: &Recorder) {
    let mut won: std::collections::BTreeMap<_, u64> = std::collections::BTreeMap::new();
    for (persona, count) in recorder.seconds().values().flat_map(|second| &second.places) {
        *won.entry(*persona).or_default() += count;
    }
    let mut lines: Vec<String> =
        won.iter().map(|(persona, count)| format!("{persona:<10} {count:>7}")).collect();
    // The second before this one is whole.
    let second = recorder.seconds().get(&(times.second - 1)).cloned().unwrap_or_default();
    lines.insert(
        0,
        format!(
            "now {} as asked, {} refused, {} failed",
            second.good, second.refused, second.errors
        ),
    );
    let block = Block::bordered().title(" places ");
    frame.render_widget(Paragraph::new(lines.join("\n")).block(block), area);
}

fn percentiles(frame: &mut Frame<'_>, area: Rect, recorder: &Recorder) {
    let ms = |micros: u64| format!("{}", micros / 1000);
    let mut all: Vec<_> =
        recorder.latencies().filter(|(it, ..)| *it != Action::Challenge).collect();
    all.sort_by_key(|(_, _, latencies)| std::cmp::Reverse(latencies.len()));
    let rows = all.into_iter().take(MAX_ROWS).map(|(action, outcome, latencies)| {
        let [p50, p99] = [0.5, 0.99].map(|part| ms(latencies.value_at_quantile(part)));
        let name = format!("{} {outcome}", action.name());
        Row::new([name, latencies.len().to_string(), p50, p99, ms(latencies.max())])
    });
    let widths = [
        Constraint::Min(30),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(8),
    ];
    let lag = recorder.lags().value_at_quantile(0.99) / 1000;
    let title = format!(" outcomes; the generator's own lag: p99 {lag} ms ");
    let header = Row::new(["outcome", "count", "p50 ms", "p99 ms", "max ms"]);
    let table = Table::new(rows, widths).header(header).block(Block::bordered().title(title));
    frame.render_widget(table, area);
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::measure::{Outcome, Sample};
    use crate::personas::Persona;

    fn shown(times: Times, recorder: &Recorder, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, "demo", times, recorder)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_screen_shows_progress_rates_places_and_percentiles() {
        let mut recorder = Recorder::default();
        let sample = Sample {
            persona: Persona::Honest,
            action: Action::Book,
            outcome: &Outcome::Done,
            latency: Duration::from_millis(40),
            second: 2,
        };
        recorder.sample(sample);
        recorder.lag(Duration::from_millis(7));
        let screen = shown(Times { second: 3, part: 0.5 }, &recorder, 100, 24);
        for said in
            ["demo", "open for 3 s", "at most 1", "honest", "book done", "p99 7 ms", "now 1"]
        {
            assert!(screen.contains(said), "{said}\n{screen}");
        }
        let before = shown(Times { second: -4, part: 0.0 }, &recorder, 100, 24);
        assert!(before.contains("opens in 4 s"), "{before}");
    }

    #[test]
    fn a_small_screen_is_drawn_as_well() {
        shown(Times { second: 0, part: 1.0 }, &Recorder::default(), 10, 4);
        shown(Times { second: 0, part: 1.0 }, &Recorder::default(), 1, 1);
    }
}
