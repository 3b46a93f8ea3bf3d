//! How a login begins: the link, the page, the choice.

use crate::*;

#[tokio::test]
async fn the_page_says_that_it_is_a_stand_in_and_lists_people() {
    let answer = Stand::new().get(AUTHORIZE).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(CONTENT_TYPE), "text/html; charset=utf-8");
    assert!(answer.body.contains(MARK));
    for index in [0, 11] {
        let surname = person(index).surname.replace('\'', "&#39;");
        assert!(answer.body.contains(&surname), "{surname}");
    }
    assert_eq!(answer.body.matches("<li>").count(), 12);
    let offered = entity(2);
    for said in ["name=\"entity\" value=\"2\"", &offered.edrpou, "value=\"rnokpp,unzr\""] {
        assert!(answer.body.contains(said), "{said}");
    }
}

#[tokio::test]
async fn the_page_allows_no_script_and_forms_only_to_the_client() {
    let answer = Stand::new().get(AUTHORIZE).await;
    let policy = answer.header(CONTENT_SECURITY_POLICY);
    assert!(policy.contains("default-src 'none'; style-src 'self';"), "{policy}");
    assert!(policy.contains("form-action 'self' http://127.0.0.1:8080;"), "{policy}");
    assert!(!answer.body.contains("<script") && !answer.body.contains("style="));
    assert_eq!(answer.header(CACHE_CONTROL), "no-store");
    let style = Stand::new().get("/stand-in.css").await;
    assert_eq!(style.header(CONTENT_TYPE), "text/css; charset=utf-8");
}

#[tokio::test]
async fn what_the_link_carries_is_escaped() {
    let target = AUTHORIZE.replace("s%26t", "%22%3E%3Cscript%3E");
    let body = Stand::new().get(&target).await.body;
    assert!(body.contains("value=\"&quot;&gt;&lt;script&gt;\""));
    assert!(!body.contains("<script"));
}

#[tokio::test]
async fn a_person_in_the_link_is_chosen_at_once() {
    let stand = Stand::new();
    let answer = stand.get(&format!("{AUTHORIZE}&person=99999")).await;
    assert_eq!(answer.sent_back("state").as_deref(), Some("s&t"));
    assert!(answer.sent_back("code").is_some_and(|code| code.len() == 64));
}

#[tokio::test]
async fn a_person_chosen_on_the_page_is_logged_in() {
    let stand = Stand::new();
    let answer = stand.choose("&person=3").await;
    assert_eq!(answer.sent_back("state").as_deref(), Some("st"));
    let code = answer.sent_back("code").expect("a login gives a code");
    assert_eq!(stand.exchange(&code).await.json()["user_id"], "stand-in-00003");
}

#[tokio::test]
async fn an_entity_or_a_lack_that_does_not_exist_is_refused_and_not_guessed() {
    let stand = Stand::new();
    for more in ["&entity=10000", "&entity=-1", "&entity=x", "&without=passport", "&without=x,unzr"]
    {
        let answer = stand.get(&format!("{AUTHORIZE}&person=1{more}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{more}");
        let answer = stand.choose(&format!("&person=1{more}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{more}");
    }
    for more in ["&entity=9999", "&entity=", "&without=", "&without=rnokpp,unzr"] {
        stand.choose(&format!("&person=1{more}")).await.sent_back("code").expect("a code");
    }
}

#[tokio::test]
async fn who_refuses_is_sent_back_without_a_code() {
    let answer = Stand::new().choose("&refuse=1").await;
    assert_eq!(answer.sent_back("error").as_deref(), Some("access_denied"));
    assert_eq!(answer.sent_back("state").as_deref(), Some("st"));
    assert_eq!(answer.sent_back("code"), None);
}

#[tokio::test]
async fn somebody_who_does_not_exist_cannot_log_in() {
    let stand = Stand::new();
    for who in ["100000", "-1", "x", ""] {
        let answer = stand.get(&format!("{AUTHORIZE}&person={who}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{who}");
        let answer = stand.choose(&format!("&person={who}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{who}");
    }
    assert_eq!(stand.choose("").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_link_with_anything_wrong_is_refused_without_a_redirect() {
    let stand = Stand::new();
    for (good, bad) in [
        ("response_type=code", "response_type=token"),
        ("response_type=code&", ""),
        ("client_id=talon", "client_id=other"),
        ("client_id=talon&", ""),
        ("auth_type=dig_sign,bank_id", "auth_type=dig_sign,password"),
        ("auth_type=dig_sign,bank_id&", ""),
        ("state=s%26t", "state="),
        ("state=s%26t", "state=1&state=2"),
        ("/login/callback", "/login/callback/"),
        ("/login/callback", "/login/callback?x"),
        ("127.0.0.1:8080", "127.0.0.1:8082"),
        ("127.0.0.1:8080", "example.org"),
        ("&redirect_uri=http://127.0.0.1:8080/login/callback", ""),
    ] {
        let target = AUTHORIZE.replace(good, bad);
        assert_ne!(target, AUTHORIZE, "{good} is in the link");
        let answer = stand.get(&format!("{target}&person=1")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{target}");
        assert_eq!(answer.header(LOCATION), "", "{target}");
        assert!(answer.body.contains(MARK), "{target}");
    }
    let long = AUTHORIZE.replace("s%26t", &"s".repeat(1025));
    assert_eq!(stand.get(&long).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_form_is_checked_like_the_link() {
    let stand = Stand::new();
    let form = FORM.replace("8080", "8082");
    let kind = "application/x-www-form-urlencoded";
    let answer = stand.post("/choose", kind, &format!("{form}&person=1")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = stand.post("/choose", "text/plain", FORM).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = stand.post("/choose", kind, &"x".repeat(17 * 1024)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}
