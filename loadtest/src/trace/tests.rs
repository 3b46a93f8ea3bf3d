//! Tests of traces: each kind of log is understood, and nothing of a person comes through.

use proptest::prelude::*;

use super::*;

fn place() -> Place {
    let code = |text: &str| Code::try_from(text.to_owned()).unwrap();
    Place { authority: code("mvs"), office: 8041, service: code("practical-exam") }
}

const DAYS: &str = "/api/v1/authorities/mvs/offices/8041/services/practical-exam/days";

fn written(entries: &[Entry]) -> String {
    let mut text = Vec::new();
    write(entries, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_combined_log_is_understood() {
    let log = format!(
        "192.0.2.7 - Shevchenko [25/Nov/2026:06:00:00 +0200] \"GET {DAYS}?x=1 HTTP/1.1\" 200 5 \
         \"https://a.example/?phone=380501234567\" \"Mozilla/5.0\"\n\
         192.0.2.8 - - [25/Nov/2026:06:00:01 +0200] \"GET {DAYS}/2026-12-01/starts HTTP/2.0\" 200 5\n\
         192.0.2.7 - - [25/Nov/2026:06:00:02 +0200] \"POST /api/v1/bookings HTTP/1.1\" 201 5\n\
         192.0.2.7 - - [25/Nov/2026:06:00:03 +0200] \"GET /tickets?name=x HTTP/1.1\" 200 5\n\
         192.0.2.7 - - [25/Nov/2026:06:00:03 +0200] \"PUT /api/v1/session HTTP/1.1\" 405 5\n\
         nonsense\n"
    );
    let (trace, summary) = Import::read(Kind::Combined, log.as_bytes());
    let entry = |at_ms, visitor, ask| Entry { at_ms, visitor, ask };
    let expected = [
        entry(0, 0, Ask::Days { place: place() }),
        entry(1_000, 1, Ask::Starts { place: place(), in_days: 6 }),
        entry(2_000, 0, Ask::Book { place: None }),
        entry(3_000, 0, Ask::Page),
    ];
    assert_eq!(trace, expected);
    assert_eq!(summary, Summary { kept: 4, others: 1, unreadable: 1, too_many: 0 });
}

#[test]
fn an_archive_of_a_browser_is_understood() {
    let body = r#"{\"authority\":\"mvs\",\"office\":8041,\"service\":\"practical-exam\",\"phone\":\"380501234567\",\"wishes\":[]}"#;
    let har = format!(
        r#"{{"log":{{"entries":[
        {{"startedDateTime":"2026-11-25T04:00:01.500Z","request":{{"method":"POST",
          "url":"https://booking.example/api/v1/bookings","cookies":[{{"name":"s","value":"secret"}}],
          "headers":[{{"name":"Idempotency-Key","value":"mine"}}],"postData":{{"text":"{body}"}}}}}},
        {{"startedDateTime":"2026-11-25T04:00:00Z","request":{{"method":"GET",
          "url":"https://booking.example/api/v1/challenge?authority=mvs&office=8041&service=practical-exam"}}}},
        {{"startedDateTime":"x"}}]}}}}"#
    );
    let (trace, summary) = Import::read(Kind::Har, har.as_bytes());
    let asks: Vec<(u64, Ask)> = trace.iter().map(|it| (it.at_ms, it.ask.clone())).collect();
    let expected =
        [(0, Ask::Challenge { place: place() }), (1_500, Ask::Book { place: Some(place()) })];
    assert_eq!(asks, expected);
    assert_eq!(summary.unreadable, 1);
    let text = written(&trace);
    assert!(!text.contains("secret") && !text.contains("3805") && !text.contains("mine"), "{text}");
}

#[test]
fn a_file_of_goreplay_is_understood() {
    let log = format!(
        "1 aa 1764043200000000000 0\nGET {DAYS} HTTP/1.1\r\nHost: a.example\r\nCookie: s=one\r\n\r\n\
         \n🐵🙈🙉\n2 aa 1764043200100000000 5\nHTTP/1.1 200 OK\r\n\r\n{{}}\n🐵🙈🙉\n\
         1 bb 1764043202000000000 0\nPOST /api/v1/bookings/00ff/cancel HTTP/1.1\r\nCookie: s=two\r\n\r\n\
         \n🐵🙈🙉\n1 cc x\n\n🐵🙈🙉\n"
    );
    let (trace, summary) = Import::read(Kind::Goreplay, log.as_bytes());
    let entry = |at_ms, visitor, ask| Entry { at_ms, visitor, ask };
    assert_eq!(trace, [entry(0, 0, Ask::Days { place: place() }), entry(2_000, 1, Ask::Cancel)]);
    assert_eq!(summary.unreadable, 1);
}

#[test]
fn a_trace_is_read_back_as_it_was_written() {
    let ask = Ask::Starts { place: place(), in_days: -3 };
    let entries = [Entry { at_ms: 7, visitor: 3, ask }];
    assert_eq!(read(written(&entries).as_bytes()).unwrap(), entries);
}

#[test]
fn a_trace_with_anything_else_in_it_is_refused() {
    let bad = |line: &str| read(line.as_bytes()).unwrap_err().to_string();
    assert!(bad(r#"{"at_ms":1,"visitor":1,"ask":{"call":"page"},"name":"x"}"#).contains("line 1"));
    let code = r#"{"at_ms":1,"visitor":1,"ask":{"call":"offices","authority":"3184710691"}}"#;
    assert!(bad(code).contains("lower-case letters"));
    assert!(bad(&"x".repeat(MAX_LINE_BYTES + 1)).contains("longer than"));
}

#[test]
fn no_more_requests_are_read_than_the_bound() {
    let line = "{\"at_ms\":0,\"visitor\":0,\"ask\":{\"call\":\"page\"}}\n";
    let most = line.repeat(50);
    assert_eq!(read_up_to(50, most.as_bytes()).unwrap().len(), 50);
    let more = most + line;
    assert!(matches!(read_up_to(50, more.as_bytes()), Err(BadTrace::TooLong)));
}

#[test]
fn no_more_requests_and_visitors_are_taken_from_a_log_than_the_bounds() {
    let line = |number: u32| {
        format!("192.0.2.{number} - - [25/Nov/2026:06:00:00 +0200] \"GET / HTTP/1.1\" 200 5\n")
    };
    let log: String = (0..100).map(line).collect();
    let (trace, summary) = Import::read_up_to(60, 7, Kind::Combined, log.as_bytes());
    assert_eq!(summary, Summary { kept: 60, too_many: 40, ..Summary::default() });
    let visitors: Vec<u32> = trace.iter().map(|entry| entry.visitor).collect();
    assert_eq!(visitors[..7], [0, 1, 2, 3, 4, 5, 6]);
    assert!(visitors.iter().all(|visitor| *visitor < 7), "{visitors:?}");
}

#[test]
fn a_log_larger_than_the_bound_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let [log, trace] = ["log", "trace"].map(|name| folder.path().join(name));
    // A hole takes no room on the disk.
    std::fs::File::create(&log).unwrap().set_len(MAX_LOG_BYTES + 1).unwrap();
    let error = import(Kind::Combined, &log, &trace).unwrap_err().to_string();
    assert!(error.contains("larger than") && !trace.exists(), "{error}");
}

/// A tax number, an address, a name and a key, none of which may come through.
const PERSONAL: [&str; 6] =
    ["3184710691", "ivan@example.org", "Шевченко", "198.51.100.77", "380501234567", "SecretKey"];

proptest! {
    #[test]
    fn nothing_personal_comes_through_wherever_it_stood(
        personal in proptest::sample::select(PERSONAL.to_vec()),
        at in 0_usize..12,
        kind in proptest::sample::select(vec![Kind::Combined, Kind::Har, Kind::Goreplay]),
    ) {
        let mut fields = [
            "192.0.2.1", "-", "mvs", "8041", "practical-exam", "2026-12-01", "q", "agent", "cookie",
            "key", "text", "referer",
        ];
        fields[at] = personal;
        let [address, user, authority, office, service, date, query, agent, cookie, key, note, from]
            = fields;
        let target = format!(
            "/api/v1/authorities/{authority}/offices/{office}/services/{service}/days/{date}/starts?\
             q={query}"
        );
        let body = format!(
            r#"{{"authority":"{authority}","office":"{office}","service":"{service}","note":"{note}"}}"#
        );
        let head = format!("Cookie: {cookie}\r\nIdempotency-Key: {key}\r\nUser-Agent: {agent}");
        let log = match kind {
            Kind::Combined => format!(
                "{address} - {user} [25/Nov/2026:06:00:00 +0200] \"GET {target} HTTP/1.1\" 200 1 \
                 \"{from}\" \"{agent}\"\n"
            ),
            Kind::Har => serde_json::json!({"log": {"entries": [
                {"startedDateTime": "2026-11-25T04:00:00Z", "serverIPAddress": address,
                 "request": {"method": "GET", "url": format!("https://a.example{target}"),
                             "cookies": [{"name": user, "value": cookie}]}},
                {"startedDateTime": "2026-11-25T04:00:00Z", "comment": from,
                 "request": {"method": "POST", "url": "https://a.example/api/v1/bookings",
                             "headers": [{"name": "k", "value": key}], "postData": {"text": body}}},
            ]}}).to_string(),
            Kind::Goreplay => format!(
                "1 aa 1764043200000000000\nGET {target} HTTP/1.1\r\n{head}\r\n\r\n\n🐵🙈🙉\n\
                 1 bb 1764043200000000000\nPOST /api/v1/bookings HTTP/1.1\r\n{head}\r\n\r\n{body}\n🐵🙈🙉\n"
            ),
        };
        let (trace, _) = Import::read(kind, log.as_bytes());
        let text = written(&trace);
        prop_assert!(!text.contains(personal), "{personal} in {text}");
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        kind in proptest::sample::select(vec![Kind::Combined, Kind::Har, Kind::Goreplay]),
    ) {
        let (trace, summary) = Import::read(kind, &bytes);
        prop_assert_eq!(trace.len(), summary.kept);
    }
}

#[test]
fn a_log_of_another_kind_is_refused_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (log, trace) = (folder.path().join("access.log"), folder.path().join("trace.jsonl"));
    std::fs::write(&log, "192.0.2.1 - - [25/Nov/2026:06:00:00 +0200] \"GET / HTTP/1.1\" 200 5\n")
        .unwrap();
    let refused = import(Kind::Har, &log, &trace).unwrap_err().to_string();
    assert!(refused.contains("no request that can be used as Har"), "{refused}");
    assert!(!trace.exists());
    assert_eq!(import(Kind::Combined, &log, &trace).unwrap().kept, 1);
}
