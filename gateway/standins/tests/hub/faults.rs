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
async fn a_logout_can_fail_and_leaves_the_token_good() {
    let stand = Stand::new();
    let token = stand.token(1).await;
    stand.break_with(HubFaults { logout_error: true, ..HubFaults::default() });
    let logout = format!("/get-user-logout?{token}");
    assert_eq!(stand.get(&logout).await.error(), (500, "server_error".to_owned()));
    stand.break_with(HubFaults::default());
    assert_eq!(stand.get(&logout).await.error(), (200, "0".to_owned()));
}

#[tokio::test]
async fn an_envelope_can_come_instead_of_the_person() {
    let stand = Stand::new();
    let token = stand.token(1).await;
    stand.break_with(HubFaults { encrypted: true, ..HubFaults::default() });
    let answer = stand.info(&token, "drfocode").await.json();
    assert!(answer["encryptedUserInfo"].is_string() && answer.get("drfocode").is_none());
}

#[tokio::test]
async fn an_organisations_code_can_have_a_wrong_check_digit() {
    let stand = Stand::new();
    let token = stand.token_of("&person=1&entity=3").await;
    stand.break_with(HubFaults { bad_check_digit: true, ..HubFaults::default() });
    let answer = stand.info(&token, "edrpoucode").await.json();
    let told = answer["edrpoucode"].as_str().expect("a string");
    assert_eq!(told[..7], entity(3).edrpou[..7]);
    assert_ne!(told, entity(3).edrpou);
}

#[tokio::test]
async fn each_call_can_answer_in_a_wrong_form() {
    let stand = Stand::new();
    let form = |step: &str, form: AnswerForm| {
        let mut faults = HubFaults::default();
        match step {
            "token" => faults.token_answer = form,
            "info" => faults.user_info_answer = form,
            _ => faults.logout_answer = form,
        }
        faults
    };
    for step in ["token", "info", "logout"] {
        for wrong in [AnswerForm::MalformedJson, AnswerForm::Html, AnswerForm::TooLong] {
            let code = stand.code(1).await;
            let token = stand.token(1).await;
            stand.break_with(form(step, wrong));
            let answer = match step {
                "token" => stand.exchange(&code).await,
                "info" => stand.info(&token, "drfocode").await,
                _ => stand.get(&format!("/get-user-logout?{token}")).await,
            };
            assert_eq!(answer.status, StatusCode::OK);
            let is_json = serde_json::from_str::<Value>(&answer.body).is_ok();
            assert_eq!(is_json, wrong == AnswerForm::TooLong, "{step} {wrong:?}");
            let is_page = answer.header(CONTENT_TYPE).starts_with("text/html");
            assert_eq!(is_page, wrong == AnswerForm::Html, "{step} {wrong:?}");
            assert!(wrong != AnswerForm::TooLong || answer.body.len() > 1 << 20);
            stand.break_with(HubFaults::default());
        }
    }
}

#[tokio::test]
async fn an_answer_can_be_torn_off() {
    let stand = Stand::new();
    let token = stand.token(1).await;
    let user_info_answer = AnswerForm::Cut;
    stand.break_with(HubFaults { user_info_answer, ..HubFaults::default() });
    let request = Request::get(format!("/get-user-info?{token}&fields=drfocode&cert="))
        .header(HOST, "127.0.0.1:8081")
        .body(Body::empty());
    let response = stand.hub.router().oneshot(request.expect("good")).await.expect("an answer");
    assert!(response.into_body().collect().await.is_err(), "the body ends too soon");
}

#[tokio::test(start_paused = true)]
async fn each_call_can_be_late_by_itself() {
    let stand = Stand::new();
    let token = stand.token(1).await;
    let start = tokio::time::Instant::now();
    stand.break_with(HubFaults { user_info_delay_ms: 3_000, ..HubFaults::default() });
    stand.code(1).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    stand.info(&token, "drfocode").await;
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    stand.break_with(HubFaults { logout_delay_ms: 4_000, ..HubFaults::default() });
    stand.get(&format!("/get-user-logout?{token}")).await;
    assert_eq!(start.elapsed(), Duration::from_secs(7));
    let code = stand.code(1).await;
    stand.break_with(HubFaults { token_delay_ms: 5_000, ..HubFaults::default() });
    stand.exchange(&code).await;
    assert_eq!(start.elapsed(), Duration::from_secs(12));
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
        (kind, r#"{"logout_delay_ms":60001}"#),
        (kind, r#"{"token_answer":"wrong"}"#),
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
