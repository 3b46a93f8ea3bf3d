//! Recording and sending, with OpenTelemetry.
//!
//! Its interface is used as it is and not through spans of `tracing`: those would be made for every request,
//! and these are made for recorded ones only. Owns the one recorder of the process.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::Either;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, TraceContextExt as _, TraceFlags, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, IdGenerator as _, RandomIdGenerator, Sampler,
    SdkTracer, SdkTracerProvider, Span,
};
use talon_wire::{SpanId, TraceContext, TraceId};
use tokio::runtime::Runtime;

use super::{BadTraces, COLLECTOR_DEADLINE, Command, MAX_WAITING_STEPS, Settings};
use crate::scope::Scope;

/// Longest answer of the collector that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The lot is drawn among so many.
const LOTS: u64 = 1_000_000;

static RECORDER: OnceLock<Recorder> = OnceLock::new();

struct Recorder {
    tracer: SdkTracer,
    /// So many of [`LOTS`] win.
    winning: u64,
}

pub(super) fn start(
    settings: &Settings,
    service: &'static str,
) -> Result<Option<SdkTracerProvider>, BadTraces> {
    if settings.endpoint.is_empty() {
        return Ok(None);
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new().map_err(|error| BadTraces(error.to_string()))?)
        .with_endpoint(format!("{}/v1/traces", settings.endpoint.trim_end_matches('/')))
        .with_timeout(COLLECTOR_DEADLINE)
        .build()
        .map_err(|error| BadTraces(error.to_string()))?;
    let batches = BatchConfigBuilder::default().with_max_queue_size(MAX_WAITING_STEPS).build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(
            BatchSpanProcessor::builder(exporter).with_batch_config(batches).build(),
        )
        // The lot is drawn before a step is made.
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(Resource::builder_empty().with_service_name(service).build())
        .build();
    let tracer = provider.tracer("talon");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the ratio is from 0 to 1"
    )]
    let winning = (settings.ratio * LOTS as f64).round() as u64;
    RECORDER
        .set(Recorder { tracer, winning })
        .map_err(|_| BadTraces("they have begun already".to_owned()))?;
    Ok(Some(provider))
}

// What is waited for is held once, and in a box where it is recorded: a function that awaits its argument in two places
// would have room for it three times, for every request that is open.

/// Answers a request; the first step of its trace. `status` says how it ended.
pub fn request<F: Future>(
    scope: Scope,
    answering: F,
    status: fn(&F::Output) -> u16,
) -> impl Future<Output = F::Output> {
    let (span, scope) = begin_request(scope);
    let ending = span.map(|span| Box::new((span, status)));
    scope.run(answering).map(move |answer| {
        if let Some((mut span, status)) = ending.map(|ending| *ending) {
            let status = i64::from(status(&answer));
            span.set_attribute(KeyValue::new("http.response.status_code", status));
            span.end();
        }
        answer
    })
}

/// The span of a request that is recorded, and what it is worked for under.
fn begin_request(scope: Scope) -> (Option<Span>, Scope) {
    let Some(recorder) = RECORDER.get() else { return (None, scope) };
    if scope.request.is_none_or(|id| id.jitter(LOTS) >= recorder.winning) {
        // It has a name all the same, by which logs of several processes are put together.
        let trace = scope.trace.or_else(|| new_trace().map(Arc::new));
        return (None, Scope { trace, ..scope });
    }
    let (mut span, trace) = recorder.begin("request", SpanKind::Server, scope.trace.as_deref());
    if let Some(id) = scope.request {
        span.set_attribute(KeyValue::new("request_id", id.to_string()));
    }
    (Some(span), Scope { trace, is_recorded: true, ..scope })
}

impl Command {
    /// Begins one that came with this scope.
    pub fn begin(scope: Scope) -> Self {
        let is_recorded = scope.trace.as_ref().is_some_and(|trace| trace.is_sampled);
        let Some(recorder) = RECORDER.get().filter(|_| is_recorded) else {
            return Self { scope, span: None };
        };
        let (span, trace) = recorder.begin("command", SpanKind::Server, scope.trace.as_deref());
        Self { scope: Scope { trace, is_recorded, ..scope }, span: Some(Box::new(span)) }
    }

    /// Waits for the answer, which ends it.
    pub fn answer<F: Future>(self, waiting: F) -> impl Future<Output = F::Output> {
        let Self { scope, span } = self;
        match span {
            None => Either::Left(waiting),
            Some(mut span) => {
                Either::Right(Box::pin(scope.run(waiting).inspect(move |_| span.end())))
            }
        }
    }
}

/// One step of the request that the running task works for.
pub fn step<F: Future>(name: &'static str, work: F) -> impl Future<Output = F::Output> {
    let scope = Scope::current();
    let Some(recorder) = RECORDER.get().filter(|_| scope.is_recorded) else {
        return Either::Left(work);
    };
    let (mut span, trace) = recorder.begin(name, SpanKind::Internal, scope.trace.as_deref());
    Either::Right(Box::pin(Scope { trace, ..scope }.run(work).inspect(move |_| span.end())))
}

impl Recorder {
    /// A step and the trace as those see it that it causes.
    fn begin(
        &self,
        name: &'static str,
        kind: SpanKind,
        parent: Option<&TraceContext>,
    ) -> (Span, Option<Arc<TraceContext>>) {
        let vendors = parent.and_then(|parent| parent.state.clone());
        let context = parent.map_or_else(Context::new, |parent| {
            let trace = opentelemetry::trace::TraceId::from_bytes(parent.trace.bytes());
            let span = opentelemetry::trace::SpanId::from_bytes(parent.parent.bytes());
            let state = vendors.as_ref().and_then(|state| state.as_str().parse().ok());
            let (flags, state) = (TraceFlags::SAMPLED, state.unwrap_or_default());
            let parent = SpanContext::new(trace, span, flags, kind == SpanKind::Server, state);
            Context::new().with_remote_span_context(parent)
        });
        let builder = SpanBuilder::from_name(name).with_kind(kind);
        let span = self.tracer.build_with_context(builder, &context);
        let trace = of_span(span.span_context());
        (span, trace.map(|trace| Arc::new(TraceContext { state: vendors, ..trace })))
    }
}

fn of_span(context: &SpanContext) -> Option<TraceContext> {
    let trace = TraceId::new(context.trace_id().to_bytes())?;
    let parent = SpanId::new(context.span_id().to_bytes())?;
    Some(TraceContext { trace, parent, is_sampled: true, state: None })
}

/// A trace that nobody records.
fn new_trace() -> Option<TraceContext> {
    let ids = RandomIdGenerator::default();
    let trace = TraceId::new(ids.new_trace_id().to_bytes())?;
    let parent = SpanId::new(ids.new_span_id().to_bytes())?;
    Some(TraceContext { trace, parent, is_sampled: false, state: None })
}

/// The way to the collector. The thread that sends has no runtime, so it brings one.
#[derive(Debug)]
struct Collector {
    runtime: Runtime,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Collector {
    fn new() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, client: Client::builder(TokioExecutor::new()).build_http() })
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let asking = async {
            let answer = self.client.request(request.map(Full::new)).await?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
            Ok(Response::from_parts(parts, body))
        };
        let deadline = async { tokio::time::timeout(COLLECTOR_DEADLINE, asking).await };
        self.runtime.block_on(deadline).map_err(|_| "the collector is slow")?
    }
}
