//! What everybody may read: tagged, kept for a moment, and soon true again.

use serde_json::{Value, json};

use crate::harness::{Ask, Browser, Visit, day, eventually, shared, somebody};

const DAYS: &str = "/api/v1/authorities/small/offices/2/services/exchange/days";

#[tokio::test]
async fn public_reads_need_no_cookie_and_are_answered_from_the_clients_copy_by_304() {
    let mut browser = Browser::new(shared().public());
    for path in [
        "/api/v1/authorities".to_owned(),
        "/api/v1/authorities/small/services".to_owned(),
        "/api/v1/authorities/small/offices".to_owned(),
        "/api/v1/authorities/small/offices/3/services/exam/days".to_owned(),
        format!("/api/v1/authorities/small/offices/3/services/exam/days/{}/starts", day(3)),
    ] {
        let first = browser.get(&path).await.expect(200);
        assert_eq!(first.header("content-type"), "application/json");
        assert_eq!(first.header("cache-control"), "public, max-age=1");
        assert!(first.headers.get("set-cookie").is_none());
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let again = browser.send(Ask::get(&path).header("if-none-match", &known)).await;
            assert_eq!((again.status, again.body.len()), (304, 0), "{path} {known}");
            assert_eq!(again.header("etag"), tag);
            assert_eq!(again.header("cache-control"), "public, max-age=1");
        }
        let other = browser.send(Ask::get(&path).header("if-none-match", "\"x\"")).await;
        assert_eq!((other.status, other.body), (200, first.body), "{path}");
    }
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn the_catalogue_is_told_in_both_languages() {
    let mut browser = Browser::new(shared().public());
    let authorities = browser.get("/api/v1/authorities").await.json();
    assert_eq!(
        authorities["authorities"][0],
        json!({
            "code": "small",
            "name": { "uk": "Мала установа", "en": "Small authority" },
            "zone": "Europe/Kyiv",
            "questions": [{
                "question": { "uk": "Чи можна прийти пізніше?", "en": "May I come later?" },
                "answer": { "uk": "Ні.", "en": "No." }
            }]
        })
    );
    let services = browser.get("/api/v1/authorities/small/services").await.json();
    let driving = find(&services["services"], "code", &json!("driving"));
    assert_eq!((&driving["minutes"], &driving["proof"]), (&json!(40), &json!(true)));
    let release = json!({ "days_ahead": 14, "time": "00:00", "zone": "Europe/Kyiv" });
    assert_eq!(driving["release"], release);
    assert_eq!(driving["test_mode"], true);
    assert_eq!(driving["about"]["fee"]["kopiyky"], 35_000);
    let exam = find(&services["services"], "code", &json!("exam"));
    assert_eq!((&exam["test_mode"], exam.get("about")), (&json!(false), None));
    let offices = browser.get("/api/v1/authorities/small/offices").await.json();
    let village = find(&offices["offices"], "id", &json!(2));
    assert_eq!(village["services"], json!(["exchange"]));
    assert_eq!(village["region"]["code"], "UA-30");
    assert_eq!(village["address"]["en"], "2 Second St");
    assert_eq!(village["phones"], json!(["+380 44 123 45 67"]));
    assert_eq!(village["alternatives"][0]["link"], "https://example.org/");
    let closure = &village["closures"][0];
    assert_eq!((&closure["to"], &closure["limited"]), (&json!("2020-03-02"), &json!(false)));
    let hall = find(&offices["offices"], "id", &json!(3));
    assert!(["phones", "alternatives", "closures"].iter().all(|key| hall.get(key).is_none()));
}

fn find<'a>(list: &'a Value, member: &str, value: &Value) -> &'a Value {
    list.as_array().unwrap().iter().find(|entry| &entry[member] == value).unwrap()
}

#[tokio::test]
async fn free_places_are_soon_true_again_after_a_booking() {
    let date = day(6);
    let mut browser = Browser::new(shared().public());
    let starts = format!("{DAYS}/{date}/starts");
    let before = browser.get(&starts).await.expect(200);
    let free = |time: &str| json!({ "time": time, "free": 1 });
    let all = json!([free("09:00"), free("09:20"), free("09:40")]);
    assert_eq!((&before.json()["open"], &before.json()["starts"]), (&json!(true), &all));
    assert_eq!(free_on(&mut browser, &date).await, 3);

    let who = &mut somebody(shared());
    let visit = Visit::at(2, "exchange", &date, "09:20");
    let booked = visit.book(who, "k").await.expect(201);
    eventually("one start less", async || {
        let left = browser.get(&starts).await.expect(200);
        (left.json()["starts"] == json!([free("09:00"), free("09:40")])).then(|| {
            assert_ne!(left.header("etag"), before.header("etag"));
        })
    })
    .await;
    eventually("two free", async || (free_on(&mut browser, &date).await == 2).then_some(())).await;
    who.post(&format!("{}/cancel", booked.header("location"))).await.expect(200);
    eventually("the place returns", async || {
        (browser.get(&starts).await.json()["starts"] == all).then_some(())
    })
    .await;
}

async fn free_on(browser: &mut Browser, date: &str) -> u64 {
    let days = browser.get(DAYS).await.expect(200).json();
    let free = &find(&days["days"], "date", &json!(date))["free"];
    free.as_u64().unwrap()
}

#[tokio::test]
async fn the_days_end_with_the_first_that_is_not_open() {
    let mut browser = Browser::new(shared().public());
    let days = browser.get(DAYS).await.expect(200).json();
    let days = days["days"].as_array().unwrap();
    let (last, open) = days.split_last().unwrap();
    assert!(open.iter().all(|day| day["open"] == true && day.get("opens_at").is_none()));
    assert_eq!((&last["open"], &last["free"]), (&json!(false), &json!(0)));
    let opens_at: jiff::Timestamp = last["opens_at"].as_str().unwrap().parse().unwrap();
    assert!(opens_at > jiff::Timestamp::now());
}

#[tokio::test]
async fn health_and_metrics_are_told_to_operators() {
    let gateway = shared();
    let mut admin = Browser::new(gateway.admin());
    assert_eq!(admin.get("/livez").await.expect(200).text(), "ok\n");
    let ready = admin.get("/readyz").await.expect(200).text();
    for check in ["serving: ok", "journal: ok", "clock: ok"] {
        assert!(ready.contains(check), "{ready}");
    }
    Visit::any(1, "exam", &day(2), &day(5)).book(&mut somebody(gateway), "k").await.expect(201);
    let metrics = admin.get("/metrics").await.expect(200).text();
    assert!(metrics.contains("gateway_bookings_total{outcome=\"booked\"}"), "{metrics}");
    // Operators' addresses are not the public's.
    Browser::new(gateway.public()).get("/metrics").await.refused(404, "not-found");
}
