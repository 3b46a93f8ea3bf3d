//! Codes and the tokens they become.

use crate::*;

#[tokio::test]
async fn a_code_becomes_a_token_in_the_words_of_the_protocol() {
    let stand = Stand::new();
    let code = stand.code(5).await;
    let answer = stand.exchange(&code).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(CACHE_CONTROL), "no-store");
    let answer = answer.json();
    assert_eq!(answer["token_type"], "bearer");
    assert_eq!(answer["expires_in"], 600);
    assert_eq!(answer["user_id"], "stand-in-00005");
    assert!(answer["access_token"].is_string() && answer["refresh_token"].is_string());
}

#[tokio::test]
async fn the_last_calls_of_programs_are_told_with_their_traces_and_without_secrets() {
    let stand = Stand::new();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let target = exchange_target("talon", "secret", &stand.code(5).await);
    for value in [trace, &"x".repeat(MAX_TRACE_HEADER_BYTES + 1)] {
        let request = Request::get(&target)
            .header(HOST, "127.0.0.1")
            .header("traceparent", value)
            .header("tracestate", "a=1");
        stand.send(request.body(Body::empty()).expect("good")).await;
    }
    stand.get("/get-user-info").await;
    let calls = stand.get("/stand-in/calls").await.json();
    let call = |path: &str, trace: Value, state: Value| json!({ "path": path, "traceparent": trace, "tracestate": state });
    let cut = "x".repeat(MAX_TRACE_HEADER_BYTES);
    let expected = [
        call("/get-access-token", trace.into(), "a=1".into()),
        call("/get-access-token", cut.into(), "a=1".into()),
        call("/get-user-info", Value::Null, Value::Null),
    ];
    assert_eq!(calls, Value::from(expected.to_vec()));
    for _ in 0..2 * MAX_CALLS {
        stand.get("/get-user-info").await;
    }
    assert_eq!(stand.hub.calls().get().len(), MAX_CALLS);
}

#[tokio::test]
async fn a_code_may_be_posted() {
    let stand = Stand::new();
    let target = exchange_target("talon", "secret", &stand.code(5).await);
    let (path, body) = target.split_once('?').expect("there is a query");
    let answer = stand.post(path, "application/x-www-form-urlencoded", body).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_works_once() {
    let stand = Stand::new();
    let code = stand.code(5).await;
    assert_eq!(stand.exchange(&code).await.status, StatusCode::OK);
    assert_eq!(stand.exchange(&code).await.error(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_code_works_for_less_than_a_minute() {
    let stand = Stand::new();
    let (early, late) = (stand.code(5).await, stand.code(5).await);
    stand.pass(Duration::from_millis(59_999));
    assert_eq!(stand.exchange(&early).await.status, StatusCode::OK);
    stand.pass(Duration::from_millis(1));
    assert_eq!(stand.exchange(&late).await.error(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_wrong_client_learns_nothing_and_spends_nothing() {
    let stand = Stand::new();
    let code = stand.code(5).await;
    for (client, secret) in [("talon", "Secret"), ("talon", ""), ("nolat", "secret")] {
        let answer = stand.get(&exchange_target(client, secret, &code)).await;
        assert_eq!(answer.error(), (401, "invalid_client".to_owned()), "{client} {secret}");
    }
    assert_eq!(stand.exchange(&code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn other_grants_and_unreadable_requests_are_refused() {
    let stand = Stand::new();
    let good = exchange_target("talon", "secret", "c");
    let refresh = good.replace("authorization_code", "refresh_token");
    let expected = (400, "unsupported_grant_type".to_owned());
    assert_eq!(stand.get(&refresh).await.error(), expected);
    let expected = (400, "invalid_request".to_owned());
    assert_eq!(stand.get(&format!("{good}&code=d")).await.error(), expected);
    assert_eq!(stand.post("/get-access-token", "text/plain", "x").await.error(), expected);
    assert_eq!(stand.get("/nothing").await.error(), (404, "invalid_request".to_owned()));
}

#[tokio::test]
async fn at_the_bound_a_login_waits_until_the_oldest_code_expires() {
    let stand = Stand::with(HubLimits { codes: 2, tokens: 2 });
    stand.code(1).await;
    stand.pass(Duration::from_secs(20));
    let living = stand.code(2).await;
    let answer = stand.get(&format!("{AUTHORIZE}&person=3")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header(RETRY_AFTER), "41");
    stand.pass(Duration::from_secs(40));
    stand.code(3).await;
    stand.pass(Duration::from_secs(19));
    assert_eq!(stand.exchange(&living).await.status, StatusCode::OK);
}

#[tokio::test]
async fn at_the_bound_of_tokens_an_exchange_is_refused_and_the_code_stays_good() {
    let stand = Stand::with(HubLimits { codes: 2, tokens: 1 });
    let token = stand.token(1).await;
    let code = stand.code(2).await;
    let answer = stand.exchange(&code).await;
    assert_eq!(answer.error(), (503, "temporarily_unavailable".to_owned()));
    assert_eq!(answer.header(RETRY_AFTER), "601");
    stand.get(&format!("/get-user-logout?{token}")).await;
    assert_eq!(stand.exchange(&code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_randomness_nobody_logs_in() {
    let hub = Hub::new(HubOptions { random: Arc::new(|| None), ..options() });
    let stand = Stand { hub: hub.expect("good"), now_ms: Arc::default() };
    let answer = stand.get(&format!("{AUTHORIZE}&person=3")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header(RETRY_AFTER), "1");
}
