//! What is said about a person, and when no more is said.

use crate::*;

#[tokio::test]
async fn only_the_fields_asked_for_are_told() {
    let stand = Stand::new();
    let token = stand.token(8).await;
    let answer = stand.info(&token, "drfocode,lastname,edrpoucode,auth_type").await;
    let expected = json!({
        "drfocode": person(8).rnokpp,
        "lastname": person(8).surname,
        "edrpoucode": "",
        "auth_type": "dig_sign",
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn every_field_of_the_protocol_is_known() {
    let stand = Stand::new();
    let token = stand.token(8).await;
    let fields = "auth_type,issuer,issuercn,serial,subject,subjectcn,locality,state,o,ou,title,\
                  lastname,givenname,middlename,email,address,phone,dns,edrpoucode,drfocode,unzr,\
                  isqscd";
    let answer = stand.info(&token, fields).await.json();
    let told = answer.as_object().expect("an object");
    assert_eq!(told.len(), 22);
    assert!(told.values().all(Value::is_string));
    assert!(answer["issuercn"].as_str().is_some_and(|issuer| issuer.starts_with("Стенд")));
}

#[tokio::test]
async fn whoever_signs_for_an_organisation_is_themselves_and_it() {
    let stand = Stand::new();
    let token = stand.token_of("&person=42&entity=7").await;
    let told = stand.info(&token, "drfocode,edrpoucode,o,title").await.json();
    let expected = json!({
        "drfocode": person(42).rnokpp,
        "edrpoucode": entity(7).edrpou,
        "o": entity(7).name,
        "title": "Директор",
    });
    assert_eq!(told, expected);
    let own = stand.token(42).await;
    let told = stand.info(&own, "edrpoucode,o,title").await.json();
    assert_eq!(told, json!({ "edrpoucode": "", "o": "", "title": "" }));
}

#[tokio::test]
async fn a_login_can_be_without_some_of_the_numbers() {
    let stand = Stand::new();
    let known = person(7);
    for (without, drfocode, unzr) in [
        ("", &known.rnokpp, known.unzr.as_str()),
        ("unzr", &known.rnokpp, ""),
        ("rnokpp", &known.passport, known.unzr.as_str()),
        ("rnokpp,unzr", &known.passport, ""),
    ] {
        let token = stand.token_of(&format!("&person=7&without={without}")).await;
        let told = stand.info(&token, "drfocode,unzr").await.json();
        assert_eq!(told, json!({ "drfocode": drfocode, "unzr": unzr }), "{without}");
    }
}

#[tokio::test]
async fn a_field_that_does_not_exist_is_refused_and_so_are_none() {
    let stand = Stand::new();
    let token = stand.token(8).await;
    for fields in ["drfocode,password", "", "drfocode,"] {
        let expected = (400, "invalid_request".to_owned());
        assert_eq!(stand.info(&token, fields).await.error(), expected, "{fields}");
    }
}

#[tokio::test]
async fn encryption_is_refused_and_not_pretended() {
    let stand = Stand::new();
    let token = stand.token(8).await;
    let target = format!("/get-user-info?{token}&fields=drfocode&cert=MIIB");
    let answer = stand.get(&target).await;
    assert_eq!(answer.error(), (400, "unsupported_cert".to_owned()));
    assert!(answer.body.contains("not supported by the stand-in"));
}

#[tokio::test]
async fn a_token_works_only_with_its_own_user_and_until_it_expires() {
    let stand = Stand::new();
    let token = stand.token(8).await;
    let expected = (401, "invalid_token".to_owned());
    let other = token.replace("00008", "00009");
    assert_eq!(stand.info(&other, "drfocode").await.error(), expected);
    assert_eq!(stand.info("access_token=x&user_id=y", "drfocode").await.error(), expected);
    stand.pass(Duration::from_secs(600));
    assert_eq!(stand.info(&token, "drfocode").await.error(), expected);
}

#[tokio::test]
async fn a_token_is_dead_after_logout() {
    let stand = Stand::new();
    let token = stand.token(8).await;
    let other = stand.token(8).await;
    let answer = stand.get(&format!("/get-user-logout?{token}")).await;
    assert_eq!(answer.error(), (200, "0".to_owned()));
    let expected = (401, "invalid_token".to_owned());
    assert_eq!(stand.info(&token, "drfocode").await.error(), expected);
    assert_eq!(stand.get(&format!("/get-user-logout?{token}")).await.error(), expected);
    assert_eq!(stand.info(&other, "drfocode").await.status, StatusCode::OK);
}
