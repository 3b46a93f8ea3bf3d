//! Traces as a collector gets them: the real program sends over HTTP to a stand-in that decodes what arrives.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "system/harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the harness of all whole-system tests")]
mod harness;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use harness::{Ask, Gateway, Launch, LedgerServer, Visit, day, eventually, somebody};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACESTATE: &str = "vendor=1";

/// A collector that keeps what it is sent.
struct Collector {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    async fn start() -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        let take = async move |body: Bytes| {
            let request = ExportTraceServiceRequest::decode(body).expect("it is OTLP");
            kept.lock().unwrap().push(request);
        };
        let router = Router::new().route("/v1/traces", post(take));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, requests }
    }

    fn launch(&self, ratio: &str) -> Launch {
        self.told_by(Launch::new(), ratio)
    }

    fn told_by(&self, launch: Launch, ratio: &str) -> Launch {
        let endpoint = format!("traces.endpoint=http://{}", self.address);
        launch.set(&endpoint).set(&format!("traces.ratio={ratio}"))
    }

    /// A ledger of its own that sends its steps here.
    fn ledger(&self) -> LedgerServer {
        let mut ledger = LedgerServer::new();
        ledger.append(&format!("[traces]\nendpoint = \"http://{}\"\n", self.address));
        ledger.start();
        ledger
    }

    /// The steps that one program sent.
    fn spans_of(&self, program: &str) -> Vec<Span> {
        let requests = self.requests.lock().unwrap();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        let its = resources.filter(|one| format!("{:?}", one.resource).contains(program));
        its.flat_map(|resource| &resource.scope_spans).flat_map(|s| s.spans.clone()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        self.spans_of("")
    }
}

fn find<'a>(spans: &'a [Span], name: &str, parent: &[u8]) -> &'a Span {
    let found = spans.iter().find(|span| span.name == name && span.parent_span_id == parent);
    found.unwrap_or_else(|| panic!("no {name} below {}: {spans:#?}", hex::encode(parent)))
}

async fn book(gateway: &Gateway, traceparent: Option<&str>) {
    let mut who = somebody(gateway);
    let mut ask = Visit::any(1, "exam", &day(2), &day(9)).ask("k");
    if let Some(value) = traceparent {
        ask = ask.header("traceparent", value).header("tracestate", TRACESTATE);
    }
    who.send(ask).await.expect(201);
}

/// Stops the gateway, which sends what waits; not on this thread, on which the collector answers.
async fn stop(gateway: Gateway) {
    tokio::task::spawn_blocking(|| gateway.stop()).await.unwrap();
}

#[tokio::test]
async fn a_booking_is_a_trace_from_the_request_to_the_durable_record() {
    let collector = Collector::start().await;
    let gateway = collector.launch("1").start();
    book(&gateway, Some(TRACEPARENT)).await;
    stop(gateway).await;
    let of_trace = |span: &Span| span.trace_id == hex::decode(TRACE_ID).unwrap();
    let spans: Vec<Span> = collector.spans().into_iter().filter(of_trace).collect();
    let request = find(&spans, "request", &hex::decode(PARENT).unwrap());
    find(&spans, "admission", &request.span_id);
    let ledger = find(&spans, "ledger", &request.span_id);
    let durable = find(&spans, "durable", &ledger.span_id);
    assert!(request.start_time_unix_nano <= ledger.start_time_unix_nano);
    assert!(durable.end_time_unix_nano <= ledger.end_time_unix_nano);
    let keys: Vec<&str> = request.attributes.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(keys, ["request_id", "http.response.status_code"]);
    let all = collector.requests.lock().unwrap();
    let resource = all[0].resource_spans[0].resource.as_ref().unwrap();
    assert!(format!("{resource:?}").contains("talon-gateway"));
}

#[tokio::test]
async fn a_ledger_elsewhere_goes_on_with_the_trace_of_its_gateway() {
    let collector = Collector::start().await;
    let mut ledger = collector.ledger();
    let gateway = collector.told_by(ledger.gateway(), "1").start();
    book(&gateway, Some(TRACEPARENT)).await;
    stop(gateway).await;
    tokio::task::spawn_blocking(move || ledger.stop()).await.unwrap();
    let of_trace = |span: &Span| span.trace_id == hex::decode(TRACE_ID).unwrap();
    let [there, here] = ["talon-ledger", "talon-gateway"].map(|program| {
        collector.spans_of(program).into_iter().filter(of_trace).collect::<Vec<_>>()
    });
    let request = find(&here, "request", &hex::decode(PARENT).unwrap());
    let asked = find(&here, "ledger", &request.span_id);
    let command = find(&there, "command", &asked.span_id);
    let durable = find(&there, "durable", &command.span_id);
    assert!(durable.end_time_unix_nano <= command.end_time_unix_nano);
    for span in [request, asked, command, durable] {
        assert_eq!(span.trace_state, TRACESTATE, "{}", span.name);
    }
}

#[tokio::test]
async fn a_ledger_elsewhere_records_what_its_gateway_records_and_nothing_else() {
    let collector = Collector::start().await;
    let mut ledger = collector.ledger();
    let gateway = collector.told_by(ledger.gateway(), "0").start();
    book(&gateway, Some(TRACEPARENT)).await;
    stop(gateway).await;
    tokio::task::spawn_blocking(move || ledger.stop()).await.unwrap();
    assert!(collector.spans().is_empty());
}

#[tokio::test]
async fn what_a_client_says_of_its_trace_does_not_decide_what_is_recorded() {
    let collector = Collector::start().await;
    let gateway = collector.launch("0").set("log.filter=debug").set("log.format=json").start();
    book(&gateway, Some(TRACEPARENT)).await;
    book(&gateway, None).await;
    let made = async || {
        let log = gateway.log();
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let ids: Vec<String> = log
            .lines()
            .map(line)
            .filter(|line| line["message"] == "answered" && line["method"] == "POST")
            .map(|line| line["trace_id"].as_str().expect("there is one").to_owned())
            .collect();
        (ids.len() == 2).then_some(ids)
    };
    let ids = eventually("both answers are logged", made).await;
    assert_eq!(ids[0], TRACE_ID);
    assert!(ids[1].len() == 32 && ids[1] != TRACE_ID, "one is made where none came");
    stop(gateway).await;
    assert!(collector.spans().is_empty());
}

#[tokio::test]
async fn a_collector_that_is_not_there_holds_up_nobody() {
    let launch = Launch::new().set("traces.endpoint=http://127.0.0.1:1").set("traces.ratio=1");
    let gateway = launch.start();
    book(&gateway, None).await;
    let mut who = somebody(&gateway);
    who.send(Ask::get("/api/v1/bookings")).await.expect(200);
    stop(gateway).await;
}
