//! Every line can be read back, whatever was put into it.

use proptest::prelude::*;

use std::sync::Arc;

use super::*;
use crate::request_id::RequestId;

fn head(scope: Scope) -> Head<'static> {
    Head { time: "2026-11-27T06:00:00.000001Z", level: Level::WARN, target: "talon::x", scope }
}

fn line(message: &str, fields: &[(&'static str, Value)]) -> Line {
    let fields = fields.iter().map(|(name, value)| (Cow::Borrowed(*name), value.clone()));
    Line { message: message.to_owned(), fields: fields.collect() }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// The pairs of a line of logfmt, as its readers take it apart.
fn pairs(mut line: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    while !line.is_empty() {
        let (key, rest) = line.split_once('=').expect("a key and a value");
        let (value, end) = match rest.strip_prefix('"') {
            None => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (rest[..end].to_owned(), end)
            }
            Some(quoted) => {
                let mut escaped = false;
                let closes = |c: char| {
                    let is_end = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    is_end
                };
                let end = 2 + quoted.find(closes).expect("the quotes are closed");
                (serde_json::from_str(&rest[..end]).expect("escapes are those of JSON"), end)
            }
        };
        pairs.push((key.to_owned(), value));
        line = rest[end..].strip_prefix(' ').unwrap_or(&rest[end..]);
    }
    pairs
}

#[test]
fn one_event_in_each_format() {
    let trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let scope = Scope {
        request: Some(RequestId::next()),
        trace: TraceContext::parse(trace).map(Arc::new),
        is_recorded: false,
    };
    let id = scope.request.unwrap();
    let said = line("no such\nluck", &[("error", text("a \"b\"")), ("n", Value::Bare("3".into()))]);
    assert_eq!(
        said.render(Format::Text, false, &head(scope.clone())),
        format!(
            r#"2026-11-27T06:00:00.000001Z  WARN talon::x: no such\nluck error="a \"b\"" n=3 request_id={id} trace_id=0af7651916cd43dd8448eb211c80319c"#
        )
    );
    assert_eq!(
        said.render(Format::Logfmt, false, &head(scope.clone())),
        format!(
            r#"time=2026-11-27T06:00:00.000001Z level=warn target=talon::x message="no such\nluck" error="a \"b\"" n=3 request_id={id} trace_id=0af7651916cd43dd8448eb211c80319c"#
        )
    );
    assert_eq!(
        said.render(Format::Json, false, &head(scope)),
        format!(
            r#"{{"time":"2026-11-27T06:00:00.000001Z","level":"warn","target":"talon::x","message":"no such\nluck","error":"a \"b\"","n":3,"request_id":"{id}","trace_id":"0af7651916cd43dd8448eb211c80319c"}}"#
        )
    );
}

#[test]
fn a_line_outside_of_a_request_names_none() {
    for format in [Format::Text, Format::Json, Format::Logfmt] {
        let said = line("x", &[]).render(format, false, &head(Scope::default()));
        assert!(!said.contains("_id"), "{said}");
    }
}

proptest! {
    #[test]
    fn whatever_is_said_stays_on_one_line_and_reads_back(message in ".*", value in "(?s).{0,200}") {
        let said = line(&message, &[("error", text(&value))]);
        for format in [Format::Text, Format::Json, Format::Logfmt] {
            let rendered = said.render(format, false, &head(Scope::default()));
            prop_assert!(!rendered.contains(char::is_control), "{:?}", rendered);
        }
        let json = said.render(Format::Json, false, &head(Scope::default()));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(json["message"].as_str(), Some(message.as_str()));
        prop_assert_eq!(json["error"].as_str(), Some(value.as_str()));
        prop_assert_eq!(json.as_object().unwrap().len(), 5);
        let logfmt = said.render(Format::Logfmt, false, &head(Scope::default()));
        let pairs = pairs(&logfmt);
        prop_assert_eq!(pairs.len(), 5, "{}", &logfmt);
        prop_assert_eq!(&pairs[3], &("message".to_owned(), message));
        prop_assert_eq!(&pairs[4], &("error".to_owned(), value));
    }
}
