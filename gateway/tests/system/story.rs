//! The story that the whole system is for: log in, choose, book, look, cancel; and all of it is
//! still there after the process was killed.

use serde_json::Value;

use crate::harness::{Browser, Gateway, Launch, Reply, Visit, day, eventually, log_in};

const TOWN: u32 = 1;

#[tokio::test]
async fn what_was_confirmed_is_there_after_a_kill() {
    whole_story(Launch::new()).await;
}

/// Plays the whole story on a gateway of this launch.
pub(crate) async fn whole_story(launch: Launch) -> Gateway {
    let gateway = launch.start();
    let mut citizen = log_in(&gateway, 7).await;
    let date = day(3);

    let (time, free) = first_free(&mut citizen, &date).await;
    let visit = Visit::at(TOWN, "exam", &date, &time);
    let booked = visit.book(&mut citizen, "first").await.expect(201);
    let ticket = booked.json();
    assert_eq!(booked.header("location"), format!("/api/v1/bookings/{}", id(&ticket)));
    assert_ticket(&ticket, &date, &time, "booked");
    free_becomes(&mut citizen, &date, &time, free - 1).await;

    let read = citizen.get(booked.header("location")).await.expect(200);
    assert_eq!((read.json(), read.header("cache-control")), (ticket.clone(), "no-store"));
    let repeat = visit.book(&mut citizen, "first").await.expect(200);
    assert_eq!((repeat.json(), repeat.header("idempotent-replay")), (ticket.clone(), "true"));

    let other = Visit::at(TOWN, "permit", &day(4), "15:50").book(&mut citizen, "second").await;
    let other = other.expect(201).json();
    let cancelled = cancel(&mut citizen, &ticket).await;
    assert_ticket(&cancelled, &date, &time, "cancelled");
    assert_eq!(cancel(&mut citizen, &ticket).await, cancelled, "a repeat gives the same");
    free_becomes(&mut citizen, &date, &time, free).await;
    let list = listed(&mut citizen).await;
    assert_eq!(ids(&list), sorted([id(&ticket), id(&other)]));

    let gateway = gateway.kill().start();
    let mut citizen = citizen.twin_at(gateway.public());
    assert_eq!(listed(&mut citizen).await, list, "the session and the bookings outlive a kill");
    let read = citizen.get(&format!("/api/v1/bookings/{}", id(&ticket))).await.expect(200);
    assert_eq!(read.json(), cancelled);
    let repeat = visit.book(&mut citizen, "first").await.expect(200);
    assert_eq!(id(&repeat.json()), id(&ticket), "the key still finds what it booked");
    let mut again = log_in(&gateway, 7).await;
    assert_eq!(listed(&mut again).await, list, "a new login is the same person");
    gateway
}

async fn first_free(citizen: &mut Browser, date: &str) -> (String, u64) {
    let days = citizen.get(&days_path()).await.expect(200).json();
    let open = days["days"].as_array().unwrap().iter().find(|day| day["date"] == *date).unwrap();
    assert_eq!(open["open"], true);
    let starts = starts(citizen, date).await;
    let start = &starts.as_array().unwrap()[0];
    (start["time"].as_str().unwrap().to_owned(), start["free"].as_u64().unwrap())
}

fn days_path() -> String {
    format!("/api/v1/authorities/small/offices/{TOWN}/services/exam/days")
}

async fn starts(citizen: &mut Browser, date: &str) -> Value {
    let reply = citizen.get(&format!("{}/{date}/starts", days_path())).await.expect(200);
    reply.json()["starts"].clone()
}

async fn free_becomes(citizen: &mut Browser, date: &str, time: &str, free: u64) {
    let mut watcher = citizen.twin();
    eventually(&format!("{free} free at {time} on {date}"), async || {
        let starts = starts(&mut watcher, date).await;
        let start = starts.as_array().unwrap().iter().find(|start| start["time"] == *time);
        let seen = start.map_or(0, |start| start["free"].as_u64().unwrap());
        (seen == free).then_some(())
    })
    .await;
}

async fn cancel(citizen: &mut Browser, ticket: &Value) -> Value {
    let reply: Reply = citizen.post(&format!("/api/v1/bookings/{}/cancel", id(ticket))).await;
    reply.expect(200).json()
}

async fn listed(citizen: &mut Browser) -> Value {
    citizen.get("/api/v1/bookings").await.expect(200).json()["bookings"].clone()
}

fn id(ticket: &Value) -> String {
    ticket["id"].as_str().unwrap().to_owned()
}

fn ids(list: &Value) -> Vec<String> {
    sorted(list.as_array().unwrap().iter().map(id))
}

fn sorted(ids: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.into_iter().collect();
    ids.sort();
    ids
}

fn assert_ticket(ticket: &Value, date: &str, time: &str, state: &str) {
    let id = id(ticket);
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    for (member, value) in [
        ("authority", "small"),
        ("service", "exam"),
        ("date", date),
        ("time", time),
        ("zone", "Europe/Kyiv"),
        ("state", state),
    ] {
        assert_eq!(ticket[member], value, "{member}");
    }
    assert_eq!((&ticket["office"], &ticket["minutes"]), (&TOWN.into(), &30.into()));
    let moment =
        |member: &str| -> jiff::Timestamp { ticket[member].as_str().unwrap().parse().unwrap() };
    let local = moment("starts_at").to_zoned(jiff::tz::TimeZone::get("Europe/Kyiv").unwrap());
    assert_eq!(local.strftime("%F %H:%M").to_string(), format!("{date} {time}"));
    let notice = moment("starts_at") - moment("cancel_until");
    assert_eq!(notice.total(jiff::Unit::Minute).unwrap(), 120.0);
}
