//! The header `traceparent` of W3C Trace Context: read of whoever asks, passed on to whoever is asked.
//!
//! What it says is a claim of whoever asks: it names lines of the log and is passed on, and nothing else
//! hangs on it. Must not know who is asked.

use http::{HeaderMap, HeaderName, HeaderValue};
use talon_telemetry::scope::Scope;
use talon_wire::TraceContext;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace that a request says it belongs to; one that says it twice, or wrongly, says nothing.
pub fn of_request(headers: &HeaderMap) -> Option<TraceContext> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { TraceContext::parse(value.as_bytes()) }
}

/// Names the trace of the request that is worked for, if it has one, in a request to somebody else.
pub fn pass_on(headers: &mut HeaderMap) {
    if let Some(trace) = Scope::current().trace {
        let value = HeaderValue::from_str(&trace.to_string());
        headers.insert(TRACEPARENT, value.expect("hexadecimal digits and dashes are visible"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (TRACEPARENT, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn one_good_header_names_a_trace_and_anything_else_does_not() {
        assert_eq!(of_request(&headers(&[GOOD])).unwrap().to_string(), GOOD);
        for bad in [&[][..], &["00-0"], &[GOOD, GOOD], &["", GOOD]] {
            assert_eq!(of_request(&headers(bad)), None, "{bad:?}");
        }
    }

    #[test]
    fn what_came_is_passed_on_and_without_it_nothing_is() {
        let mut asked = HeaderMap::new();
        pass_on(&mut asked);
        assert!(asked.is_empty());
        let scope = Scope { trace: of_request(&headers(&[GOOD])), ..Scope::default() };
        scope.within(|| pass_on(&mut asked));
        assert_eq!(asked[TRACEPARENT], GOOD);
    }
}
