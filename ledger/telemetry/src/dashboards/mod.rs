//! The dashboards of `grafana/dashboards`, as data.
//!
//! Written here because a query that names a metric should be next to the table of metrics, and because every
//! panel has the same form. `cargo run -p talon-telemetry --example dashboards` writes the files; tests judge
//! them. Must not know Grafana beyond the form of a dashboard.

mod antibot;
mod gateway;
mod json;
mod ledger;
mod objectives;
mod redis;
mod release_day;

pub use json::render;

/// A dashboard.
pub struct Dashboard {
    /// Its address in Grafana, and the name of its file.
    pub uid: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Its rows, from the top.
    pub rows: &'static [Row],
}

/// Panels under one title.
pub struct Row {
    /// The title.
    pub title: &'static str,
    /// From left to right; Grafana's 24 columns are divided evenly.
    pub panels: &'static [Panel],
}

/// How a panel draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// One number for each query.
    Stat,
    /// Lines over time.
    Lines,
    /// Areas over time, one on the other.
    Stacked,
}

/// When a number means that something is wrong; it is shown in red then, and in green otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Alarm {
    /// No number is wrong by itself.
    Never,
    /// Everything below.
    Below(f64),
    /// This and everything above.
    From(f64),
}

/// One panel.
pub struct Panel {
    /// Its title.
    pub title: &'static str,
    /// What it says, and when to worry.
    pub description: &'static str,
    /// The unit, as Grafana names it.
    pub unit: &'static str,
    /// How it draws.
    pub draw: Draw,
    /// When a single number is red.
    pub alarm: Alarm,
    /// Queries with their legends; `SEL` stands for the chosen jobs and instances.
    pub queries: &'static [(&'static str, &'static str)],
}

/// All dashboards, in the order in which they are looked at.
pub const ALL: &[&Dashboard] = &[
    &release_day::DASHBOARD,
    &gateway::DASHBOARD,
    &antibot::DASHBOARD,
    &ledger::DASHBOARD,
    &redis::DASHBOARD,
    &objectives::DASHBOARD,
];

const fn panel(
    draw: Draw,
    title: &'static str,
    unit: &'static str,
    description: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Panel {
    Panel { title, description, unit, draw, alarm: Alarm::Never, queries }
}

impl Panel {
    /// Red as the alarm says.
    const fn red(mut self, alarm: Alarm) -> Self {
        self.alarm = alarm;
        self
    }
}

const fn stat(
    title: &'static str,
    unit: &'static str,
    description: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Panel {
    panel(Draw::Stat, title, unit, description, queries)
}

const fn lines(
    title: &'static str,
    unit: &'static str,
    description: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Panel {
    panel(Draw::Lines, title, unit, description, queries)
}

const fn stacked(
    title: &'static str,
    unit: &'static str,
    description: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Panel {
    panel(Draw::Stacked, title, unit, description, queries)
}
