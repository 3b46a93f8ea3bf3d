//! What is a `traceparent` and what is none, by the specification's own rules.

use proptest::prelude::*;

use super::*;

const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn is_good(text: &str) -> bool {
    TraceContext::parse(text.as_bytes()).is_some()
}

#[test]
fn the_specifications_example_is_read_and_written_as_it_came() {
    let context = TraceContext::parse(GOOD.as_bytes()).unwrap();
    assert!(context.is_sampled);
    assert_eq!(context.trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(context.parent.to_string(), "b7ad6b7169203331");
    assert_eq!(context.to_string(), GOOD);
}

#[test]
fn flags_without_a_meaning_are_not_passed_on() {
    for (flags, after) in [("00", "00"), ("01", "01"), ("ff", "01"), ("fe", "00")] {
        let context = TraceContext::parse(GOOD.replace("-01", &format!("-{flags}")).as_bytes());
        assert!(context.unwrap().to_string().ends_with(&format!("-{after}")), "{flags}");
    }
}

#[test]
fn a_later_version_is_read_by_what_is_known_of_it() {
    assert!(is_good(&GOOD.replace("00-", "01-")));
    assert!(is_good(&(GOOD.replace("00-", "cc-") + "-what-the-future-will-be-like")));
    assert!(is_good(&(GOOD.replace("00-", "fe-") + "-")));
    assert!(!is_good(&(GOOD.replace("00-", "cc-") + ".what")), "a dash has to follow");
    assert!(!is_good(&GOOD.replace("00-", "ff-")), "this version is forbidden");
}

#[test]
fn what_is_not_exactly_a_traceparent_is_none() {
    for bad in [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
        "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c8031é-b7ad6b7169203331-01",
    ] {
        assert!(!is_good(bad), "{bad}");
    }
}

fn context() -> impl Strategy<Value = TraceContext> {
    let parts = (any::<[u8; 16]>(), any::<[u8; 8]>(), any::<bool>());
    parts.prop_filter_map("ids are not zero", |(trace, parent, is_sampled)| {
        let (trace, parent) = (TraceId::new(trace)?, SpanId::new(parent)?);
        Some(TraceContext { trace, parent, is_sampled, state: None })
    })
}

proptest! {
    #[test]
    fn what_was_written_reads_back(context in context()) {
        let (text, bytes) = (context.to_string(), context.to_bytes());
        prop_assert_eq!(TraceContext::parse(text.as_bytes()), Some(context.clone()));
        prop_assert_eq!(TraceContext::from_bytes(&bytes), Some(context));
    }

    #[test]
    fn what_is_read_of_version_00_is_written_as_it_came_but_for_the_flags(
        context in context(), at in 0_usize..55, byte in any::<u8>(),
    ) {
        let mut text = context.to_string().into_bytes();
        text[at] = byte;
        if let Some(read) = TraceContext::parse(&text) {
            let written = read.to_string().into_bytes();
            prop_assert_eq!(&written[3..53], &text[3..53]);
        }
    }

    #[test]
    fn any_bytes_are_read_or_not(text in proptest::collection::vec(any::<u8>(), 0..80)) {
        if TraceContext::parse(&text).is_some() {
            prop_assert!(text.len() >= 55 && text[..55].is_ascii());
        }
    }
}
