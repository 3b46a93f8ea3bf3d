//! People: logged in through the hub, or with a session signed by the gateway's own key; and what
//! they ask for.
//!
//! Must not know what is answered.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use serde_json::{Value, json};
use talon_domain::ids::{AuthorityId, Pseudonym, SessionId};
use talon_gateway::identity::token::{Names, Session, SessionKeys};

use super::{Ask, Browser, Gateway, Reply};

/// The date so many days from today, in Kyiv. Tests take 2 and more: also over midnight that is
/// a day to come.
pub(crate) fn day(ahead: i32) -> String {
    let zone = TimeZone::get("Europe/Kyiv").unwrap();
    let today = Zoned::now().with_time_zone(zone).date();
    (today + ahead.days()).to_string()
}

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Somebody nobody else is, with a session of an hour, by token.
pub(crate) fn somebody(gateway: &Gateway) -> Browser {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    // Relaxed: numbers only have to differ.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let key = std::fs::read(gateway.launch().data().join("keys/session.key")).unwrap();
    Browser::bearing(gateway.public(), token_with(&key, number, now_s() + 3600))
}

/// By which name a human goes at an authority; it is another one at each.
pub(crate) fn name_of(number: u32, authority: AuthorityId) -> Pseudonym {
    let mut name = [0; 32];
    name[..4].copy_from_slice(&number.to_le_bytes());
    name[30..].copy_from_slice(&authority.0.to_be_bytes());
    Pseudonym(name)
}

/// A token of person `number` that is signed with `key`.
pub(crate) fn token_with(key: &[u8], number: u32, expires_at_s: u64) -> String {
    let names = |authority: u16| {
        let authority = AuthorityId(authority);
        Names { authority, person: name_of(number, authority), entity: None }
    };
    let mut session = [0; 16];
    session[..4].copy_from_slice(&number.to_le_bytes());
    session[8..].copy_from_slice(&expires_at_s.to_le_bytes());
    let people = vec![names(1), names(2)];
    let session = Session::new(SessionId(session), expires_at_s - 3600, expires_at_s, people);
    SessionKeys::new(key).sign(&session)
}

/// The way of a login so far: the browser left for the hub and stands before its link.
pub(crate) async fn authorize_link(browser: &mut Browser, return_path: &str) -> String {
    let reply = browser.get(&format!("/login?return={return_path}")).await.expect(303);
    reply.header("location").to_owned()
}

/// Logs synthetic person `number` in through the hub, redirect by redirect.
pub(crate) async fn log_in(gateway: &Gateway, number: u32) -> Browser {
    log_in_with(gateway, number, "").await
}

/// The same, with more said to the hub: `&entity=7`, `&without=rnokpp`.
pub(crate) async fn log_in_with(gateway: &Gateway, number: u32, more: &str) -> Browser {
    let mut browser = Browser::new(gateway.public());
    let link = authorize_link(&mut browser, "/").await;
    let back = at_hub_with(gateway, &link, number, more).await;
    let reply = browser.get(&back).await.expect(303);
    assert_eq!(reply.header("location"), "/");
    assert!(browser.cookies.contains_key("talon_session"), "{:?}", browser.cookies);
    browser
}

/// What the hub sends the browser back to when person `number` logs in there.
pub(crate) async fn at_hub(gateway: &Gateway, link: &str, number: u32) -> String {
    at_hub_with(gateway, link, number, "").await
}

async fn at_hub_with(gateway: &Gateway, link: &str, number: u32, more: &str) -> String {
    let target = link.strip_prefix(&format!("http://{}", gateway.hub())).unwrap();
    let mut browser = Browser::new(gateway.hub());
    let reply = browser.get(&format!("{target}&person={number}{more}")).await.expect(303);
    let back = reply.header("location").strip_prefix(&format!("http://{}", gateway.public()));
    back.unwrap().to_owned()
}

/// A booking somebody asks for.
#[derive(Clone, Debug)]
pub(crate) struct Visit(pub(crate) Value);

impl Visit {
    /// One start at an office of the small authority.
    pub(crate) fn at(office: u32, service: &str, date: &str, time: &str) -> Self {
        let wishes = json!([{ "date": date, "time": time }]);
        Self(
            json!({ "authority": "small", "office": office, "service": service, "wishes": wishes }),
        )
    }

    /// Any start of these dates.
    pub(crate) fn any(office: u32, service: &str, from: &str, to: &str) -> Self {
        let any = json!({ "from": from, "to": to });
        Self(json!({ "authority": "small", "office": office, "service": service, "any": any }))
    }

    /// With a member of the body set.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0[name] = value.into();
        self
    }

    /// The request under an idempotency key.
    pub(crate) fn ask(&self, key: &str) -> Ask {
        Ask::post("/api/v1/bookings").header("idempotency-key", key).json(&self.0)
    }

    /// Books under an idempotency key.
    pub(crate) async fn book(&self, who: &mut Browser, key: &str) -> Reply {
        who.send(self.ask(key)).await
    }
}
