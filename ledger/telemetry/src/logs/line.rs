//! One line of the log, in each of the three formats.
//!
//! Owns the order of what a line says and the names it keeps for itself. Must not know what is logged, nor
//! which lines are left out.

use std::borrow::Cow;
use std::fmt::{Debug, Write as _};

use serde::{Deserialize, Serialize};
use talon_wire::TraceContext;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::escape::{needs_quotes, plain, quoted};
use crate::scope::Scope;

/// What a line looks like.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// For people: time, level, module, message, then what belongs to it.
    #[default]
    Text,
    /// An object a line.
    Json,
    /// `key=value`, quoted where it has to be.
    Logfmt,
}

/// What every line says of itself; a field of the same name gets an underscore.
const OWN_NAMES: [&str; 6] = ["time", "level", "target", "message", "request_id", "trace_id"];

/// A value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    /// A number, or true or false: what JSON writes without quotes.
    Bare(String),
}

/// What an event says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    pub(super) message: String,
    pub(super) fields: Vec<(Cow<'static, str>, Value)>,
}

/// What stands before it.
pub(super) struct Head<'a> {
    pub(super) time: &'a str,
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) scope: Scope,
}

impl Line {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut line = Self::default();
        event.record(&mut line);
        line
    }

    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        match value {
            Value::Text(text) if name == "message" => self.message = text,
            value if OWN_NAMES.contains(&name) => {
                self.fields.push((Cow::Owned(format!("{name}_")), value));
            }
            value => self.fields.push((Cow::Borrowed(name), value)),
        }
    }

    /// The line without its end.
    pub(super) fn render(&self, format: Format, is_colourful: bool, head: &Head<'_>) -> String {
        let mut out = String::with_capacity(256);
        match format {
            Format::Text => self.text(&mut out, is_colourful, head),
            Format::Json => self.json(&mut out, head),
            Format::Logfmt => self.logfmt(&mut out, head),
        }
        out
    }

    fn text(&self, out: &mut String, is_colourful: bool, head: &Head<'_>) {
        let Head { time, level, target, scope } = head;
        let (before, after) = if is_colourful { (colour(*level), "\u{1b}[0m") } else { ("", "") };
        write!(out, "{time} {before}{level:>5}{after} {target}: ").expect("a string takes all");
        plain(out, &self.message);
        self.pairs(out, scope);
    }

    fn logfmt(&self, out: &mut String, head: &Head<'_>) {
        let Head { time, level, target, scope } = head;
        write!(out, "time={time} level={} target={target} message=", level_name(*level))
            .expect("a string takes all");
        logfmt_value(out, &self.message);
        self.pairs(out, scope);
    }

    fn pairs(&self, out: &mut String, scope: &Scope) {
        for (name, value) in &self.fields {
            write!(out, " {name}=").expect("a string takes all");
            let (Value::Text(text) | Value::Bare(text)) = value;
            logfmt_value(out, text);
        }
        if let Some(id) = scope.request {
            write!(out, " request_id={id}").expect("a string takes all");
        }
        if let Some(TraceContext { trace, .. }) = scope.trace.as_deref() {
            write!(out, " trace_id={trace}").expect("a string takes all");
        }
    }

    fn json(&self, out: &mut String, head: &Head<'_>) {
        let Head { time, level, target, scope } = head;
        let level = level_name(*level);
        write!(out, r#"{{"time":"{time}","level":"{level}","target":"{target}","message":"#)
            .expect("a string takes all");
        quoted(out, &self.message);
        for (name, value) in &self.fields {
            write!(out, r#","{name}":"#).expect("a string takes all");
            match value {
                Value::Text(text) => quoted(out, text),
                Value::Bare(digits) => out.push_str(digits),
            }
        }
        if let Some(id) = scope.request {
            write!(out, r#","request_id":"{id}""#).expect("a string takes all");
        }
        if let Some(TraceContext { trace, .. }) = scope.trace.as_deref() {
            write!(out, r#","trace_id":"{trace}""#).expect("a string takes all");
        }
        out.push('}');
    }
}

fn logfmt_value(out: &mut String, text: &str) {
    if needs_quotes(text) { quoted(out, text) } else { plain(out, text) }
}

/// The level as the metrics call it.
pub(super) fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        Level::DEBUG => "\u{1b}[34m",
        Level::TRACE => "\u{1b}[35m",
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(value.to_owned()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, Value::Text(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Bare(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Bare(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bare(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let text = value.to_string();
        // JSON has no word for what is no number.
        let value = if value.is_finite() { Value::Bare(text) } else { Value::Text(text) };
        self.put(field, value);
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
