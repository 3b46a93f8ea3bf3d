//! Misbehaviour on command.

use crate::*;

#[tokio::test]
async fn a_denied_login_comes_back_as_access_denied() {
    let stand = Stand::new();
    stand.break_with(HubFaults { deny_login: true, ..HubFaults::default() });
    for answer in
        [stand.get(&format!("{AUTHORIZE}&person=1")).await, stand.choose("&person=1").await]
    {
        assert_eq!(answer.sent_back("error").as_deref(), Some("access_denied"));
        assert_eq!(answer.sent_back("code"), None);
    }
}

#[tokio::test]
async fn the_state_can_come_back_wrong() {
    let stand = Stand::new();
    stand.break_with(HubFaults { wrong_state: true, ..HubFaults::default() });
    let answer = stand.get(&format!("{AUTHORIZE}&person=1")).await;
    assert!(answer.sent_back("code").is_some());
    assert!(answer.sent_back("state").is_some_and(|state| state != "s&t"));
}

#[tokio::test]
async fn endpoints_can_fail_and_recover() {
    let stand = Stand::new();
    let code = stand.code(1).await;
    let token = stand.token(1).await;
    let failing = HubFaults { token_error: true, user_info_error: true, ..HubFaults::default() };
    stand.break_with(failing);
    let expected = (500, "server_error".to_owned());
    assert_eq!(stand.exchange(&code).await.error(), expected);
    assert_eq!(stand.info(&token, "drfocode").await.error(), expected);
    stand.break_with(HubFaults::default());
    assert_eq!(stand.exchange(&code).await.status, StatusCode::OK);
    assert_eq!(stand.info(&token, "drfocode").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_person_can_be_without_a_tax_number() {
    let stand = Stand::new();
    let token = stand.token(77).await;
    stand.break_with(HubFaults { without_rnokpp: true, ..HubFaults::default() });
    let answer = stand.info(&token, "drfocode,unzr").await.json();
    assert_eq!(answer, json!({ "drfocode": "ЯЯ000077", "unzr": "" }));
}

#[tokio::test]
async fn a_tax_number_can_have_a_wrong_check_digit() {
    let stand = Stand::new();
    let token = stand.token(77).await;
    stand.break_with(HubFaults { bad_check_digit: true, ..HubFaults::default() });
    let answer = stand.info(&token, "drfocode").await.json();
    let told = answer["drfocode"].as_str().expect("a string");
    assert_eq!(told[..9], person(77).rnokpp[..9]);
    assert_ne!(told, person(77).rnokpp);
    assert_eq!(told.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_protocol_can_be_late_and_only_those() {
    let stand = Stand::new();
    stand.break_with(HubFaults { delay_ms: 5_000, ..HubFaults::default() });
    let start = tokio::time::Instant::now();
    stand.get("/stand-in/faults").await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    stand.code(1).await;
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test]
async fn faults_are_set_over_http_whole_and_only_as_json() {
    let stand = Stand::new();
    let kind = "application/json";
    let answer = stand.post("/stand-in/faults", kind, r#"{"deny_login":true}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(stand.get("/stand-in/faults").await.json()["deny_login"], true);
    assert!(stand.hub.faults().get().deny_login);
    for (kind, body) in [
        (kind, r#"{"deny_logins":true}"#),
        (kind, r#"{"delay_ms":60001}"#),
        (kind, "{"),
        ("text/plain", "{}"),
    ] {
        let answer = stand.post("/stand-in/faults", kind, body).await;
        assert_eq!(answer.error(), (400, "invalid_request".to_owned()), "{kind} {body}");
        assert!(stand.hub.faults().get().deny_login, "{kind} {body}");
    }
    stand.post("/stand-in/faults", kind, "{}").await;
    assert_eq!(stand.hub.faults().get(), HubFaults::default());
}
