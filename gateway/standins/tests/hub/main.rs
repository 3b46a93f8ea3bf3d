//! The rules of the stand-in hub, each asked through its router as a browser or the gateway would.

mod faults;
mod login;
mod place;
mod tokens;
mod user;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER,
};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use talon_standins::traces::{MAX_CALLS, MAX_TRACE_HEADER_BYTES};
use talon_standins::{
    AnswerForm, Hub, HubError, HubFaults, HubLimits, HubOptions, MARK, ServeError, entity, person,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;
use url::Url;

const CALLBACK: &str = "http://127.0.0.1:8080/login/callback";
const AUTHORIZE: &str = "/?response_type=code&client_id=talon&auth_type=dig_sign,bank_id&state=s%26t\
                         &redirect_uri=http://127.0.0.1:8080/login/callback";
const FORM: &str = "response_type=code&client_id=talon&auth_type=bank_id&state=st\
                    &redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Flogin%2Fcallback";

/// A hub on a clock that the test moves.
struct Stand {
    hub: Hub,
    now_ms: Arc<AtomicU64>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the answer is JSON")
    }

    fn error(&self) -> (u16, String) {
        let error = self.json()["error"].as_str().expect("an error is a string").to_owned();
        (self.status.as_u16(), error)
    }

    fn header(&self, name: http::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("headers are text"))
    }

    /// The parameter of the address the browser is sent to.
    fn sent_back(&self, parameter: &str) -> Option<String> {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        let location = self.header(LOCATION);
        assert!(location.starts_with(&format!("{CALLBACK}?")), "{location}");
        let url = Url::parse(location).expect("the hub redirects to an address");
        url.query_pairs().find(|(name, _)| name == parameter).map(|(_, value)| value.into_owned())
    }
}

fn options() -> HubOptions {
    HubOptions::new("talon", "secret", vec![CALLBACK.to_owned()])
}

impl Stand {
    fn new() -> Self {
        Self::with(HubLimits::default())
    }

    fn with(limits: HubLimits) -> Self {
        let now_ms = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now_ms);
        let hub = Hub::new(HubOptions {
            limits,
            clock: Arc::new(move || Duration::from_millis(clock.load(Ordering::Relaxed))),
            ..options()
        });
        Self { hub: hub.expect("the options are good"), now_ms }
    }

    fn pass(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).expect("tests are short");
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    fn break_with(&self, faults: HubFaults) {
        self.hub.faults().set(faults).expect("the delay is short enough");
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.hub.router().oneshot(request).await.expect("a router always answers");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the body is whole").to_bytes();
        let body = String::from_utf8(body.to_vec()).expect("bodies are text");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, target: &str) -> Answer {
        let request = Request::get(target).header(HOST, "127.0.0.1:8081").body(Body::empty());
        self.send(request.expect("the target is good")).await
    }

    async fn post(&self, target: &str, content_type: &str, body: &str) -> Answer {
        let request = Request::post(target)
            .header(HOST, "127.0.0.1:8081")
            .header(CONTENT_TYPE, content_type)
            .body(Body::from(body.to_owned()));
        self.send(request.expect("the target is good")).await
    }

    async fn choose(&self, more: &str) -> Answer {
        self.post("/choose", "application/x-www-form-urlencoded", &format!("{FORM}{more}")).await
    }

    async fn code(&self, person: u32) -> String {
        self.code_of(&format!("&person={person}")).await
    }

    async fn code_of(&self, more: &str) -> String {
        let answer = self.get(&format!("{AUTHORIZE}{more}")).await;
        answer.sent_back("code").expect("a login gives a code")
    }

    async fn exchange(&self, code: &str) -> Answer {
        self.get(&exchange_target("talon", "secret", code)).await
    }

    /// The access token and the user's id, as a query.
    async fn token(&self, person: u32) -> String {
        self.token_of(&format!("&person={person}")).await
    }

    async fn token_of(&self, more: &str) -> String {
        let code = self.code_of(more).await;
        let answer = self.exchange(&code).await.json();
        let text = |field: &str| answer[field].as_str().expect("a string").to_owned();
        format!("access_token={}&user_id={}", text("access_token"), text("user_id"))
    }

    async fn info(&self, token: &str, fields: &str) -> Answer {
        self.get(&format!("/get-user-info?{token}&fields={fields}&cert=")).await
    }
}

fn exchange_target(client: &str, secret: &str, code: &str) -> String {
    format!(
        "/get-access-token?grant_type=authorization_code&client_id={client}&client_secret={secret}&code={code}"
    )
}
