//! The headers `traceparent` and `tracestate` of W3C Trace Context: read of whoever asks, passed on to whoever is
//! asked.
//!
//! What they say is a claim of whoever asks: it names lines of the log and is passed on, and nothing else
//! hangs on it. Must not know who is asked.

use http::{HeaderMap, HeaderName, HeaderValue};
use talon_telemetry::scope::Scope;
use talon_wire::TraceContext;
use talon_wire::trace_state::{MAX_TRACE_STATE_BYTES, TraceState};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The trace that a request says it belongs to; one that says it twice, or wrongly, says nothing.
pub fn of_request(headers: &HeaderMap) -> Option<TraceContext> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let value = values.next()?;
    let trace = TraceContext::parse(value.as_bytes()).filter(|_| values.next().is_none())?;
    Some(TraceContext { state: state_of(headers), ..trace })
}

/// What vendors say of the trace. It may stand in several headers, which are one list.
fn state_of(headers: &HeaderMap) -> Option<TraceState> {
    let mut values = headers.get_all(TRACESTATE).iter();
    let first = values.next()?.as_bytes();
    let mut more = values.peekable();
    if more.peek().is_none() {
        return TraceState::parse(first);
    }
    // One byte beyond the bound is enough to be refused.
    let mut all = first.to_vec();
    for value in more {
        if all.len() > MAX_TRACE_STATE_BYTES {
            break;
        }
        all.push(b',');
        all.extend_from_slice(value.as_bytes());
    }
    TraceState::parse(&all)
}

/// Names the trace of the request that is worked for, if it has one, in a request to somebody else.
pub fn pass_on(headers: &mut HeaderMap) {
    if let Some(trace) = Scope::current().trace {
        let value = HeaderValue::from_str(&trace.to_string());
        headers.insert(TRACEPARENT, value.expect("hexadecimal digits and dashes are visible"));
        if let Some(state) = &trace.state {
            let value = HeaderValue::from_str(state.as_str());
            headers.insert(TRACESTATE, value.expect("it is visible ASCII, spaces and tabs"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
    fn what_vendors_say_is_passed_on_with_its_trace_as_one_list_and_never_without_it() {
        let passed = |parent: &'static str, states: &[&'static str]| {
            let mut headers = headers(&[parent]);
            for state in states {
                headers.append(TRACESTATE, HeaderValue::from_static(state));
            }
            let mut asked = HeaderMap::new();
            let scope = Scope { trace: of_request(&headers).map(Arc::new), ..Scope::default() };
            scope.within(|| pass_on(&mut asked));
            asked.get(TRACESTATE).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(passed(GOOD, &["a=1, b=2"]).as_deref(), Some("a=1, b=2"));
        assert_eq!(passed(GOOD, &["a=1", "b=2", "c=3"]).as_deref(), Some("a=1,b=2,c=3"));
        assert_eq!(passed(GOOD, &["a=1", "a=2"]), None, "malformed is dropped");
        assert_eq!(passed(GOOD, &[]), None);
        assert_eq!(passed("00-0", &["a=1"]), None);
    }

    #[test]
    fn what_came_is_passed_on_and_without_it_nothing_is() {
        let mut asked = HeaderMap::new();
        pass_on(&mut asked);
        assert!(asked.is_empty());
        let scope =
            Scope { trace: of_request(&headers(&[GOOD])).map(Arc::new), ..Scope::default() };
        scope.within(|| pass_on(&mut asked));
        assert_eq!(asked[TRACEPARENT], GOOD);
    }
}
