//! A demonstration's release: a date that is not open opens at its moment, for everybody.

use serde_json::{Value, json};

use crate::harness::{Browser, Gateway, Launch, Visit, day, eventually, somebody};

const HALL: u32 = 3;
const DAYS: &str = "/api/v1/authorities/small/offices/3/services/exam/days";

async fn first_closed_day(gateway: &Gateway) -> Value {
    let mut browser = Browser::new(gateway.public());
    let days = browser.get(DAYS).await.expect(200).json();
    days["days"].as_array().unwrap().iter().find(|day| day["open"] == false).unwrap().clone()
}

#[tokio::test]
async fn a_date_opens_at_the_moment_that_was_announced() {
    let gateway = Launch::new().flag("--release-in").flag("2s").start();
    let coming = first_closed_day(&gateway).await;
    let date = coming["date"].as_str().unwrap().to_owned();
    // Two seconds are enough to ask; and midnight may come before this line.
    assert!([day(14), day(15)].contains(&date), "{date}");
    let opens_at: jiff::Timestamp = coming["opens_at"].as_str().unwrap().parse().unwrap();
    assert!(opens_at < jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3));

    let starts = format!("{DAYS}/{date}/starts");
    let mut browser = Browser::new(gateway.public());
    let closed = browser.get(&starts).await.expect(200).json();
    assert_eq!((&closed["open"], &closed["starts"]), (&json!(false), &json!([])));
    assert_eq!(closed["opens_at"], coming["opens_at"]);

    let visit = Visit::at(HALL, "exam", &date, "08:00");
    let early = visit.book(&mut somebody(&gateway), "k").await;
    assert_eq!(early.refused(409, "not-released")["opens_at"], coming["opens_at"]);

    let mut who = somebody(&gateway);
    let booked = eventually("the date opens", async || {
        let reply = visit.book(&mut who, "k").await;
        if reply.status == 429 {
            return None;
        }
        if reply.status != 201 {
            reply.refused(409, "not-released");
            return None;
        }
        Some(reply)
    })
    .await;
    assert!(jiff::Timestamp::now() >= opens_at, "not before its moment");
    assert_eq!(booked.json()["date"], date);
    eventually("the page says so", async || {
        let open = browser.get(&starts).await.expect(200).json();
        (open["open"] == true && !open["starts"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    // What is open stays open, whoever asks and whatever happens.
    let gateway = gateway.kill().start();
    visit.book(&mut somebody(&gateway), "k").await.expect(201);
}
