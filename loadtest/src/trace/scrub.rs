//! From a recorded request to a call of the API, with everything of a person left behind.
//!
//! Nothing is copied but what parses as a code, a number or a date. Pure. Called by the readers.

use http::Method;
use jiff::civil::Date;
use serde_json::Value;

use super::{Ask, Code, Place};

/// Highest office number that is believed; longer ones could be somebody's telephone.
const MAX_OFFICE: u32 = 99_999;
/// Longest way from the first request to a date, in days.
const MAX_DAYS: i32 = 400;

/// The call of a request, if it is one; dates count from `first`.
pub(super) fn ask(method: &Method, target: &str, body: &[u8], first: Date) -> Option<Ask> {
    // A browser's log has whole addresses.
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let is_get = *method == Method::GET;
    match parts[..] {
        ["api", "v1", ref rest @ ..] if is_get => read(rest, query, first),
        ["api", "v1", "bookings"] if *method == Method::POST => {
            Some(Ask::Book { place: body_place(body) })
        }
        ["api", "v1", "bookings", _, "cancel"] if *method == Method::POST => Some(Ask::Cancel),
        ["api", "v1", "bookings", _, "move"] if *method == Method::POST => Some(Ask::Move),
        ["api", ..] => None,
        // Which page does not matter, and its address may say whose it was.
        _ if is_get => Some(Ask::Page),
        _ => None,
    }
}

fn read(parts: &[&str], query: &str, first: Date) -> Option<Ask> {
    match *parts {
        ["authorities", authority, "offices"] => Some(Ask::Offices { authority: code(authority)? }),
        ["authorities", authority, "services"] => {
            Some(Ask::Services { authority: code(authority)? })
        }
        ["authorities", authority, "offices", office, "services", service, "days"] => {
            Some(Ask::Days { place: place(authority, office, service)? })
        }
        [
            "authorities",
            authority,
            "offices",
            office,
            "services",
            service,
            "days",
            date,
            "starts",
        ] => {
            let place = place(authority, office, service)?;
            Some(Ask::Starts { place, in_days: in_days(date, first)? })
        }
        ["challenge"] => {
            let named = |name: &str| {
                let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
            };
            let place = place(named("authority")?, named("office")?, named("service")?)?;
            Some(Ask::Challenge { place })
        }
        ["bookings"] => Some(Ask::Bookings),
        _ => None,
    }
}

fn code(text: &str) -> Option<Code> {
    Code::try_from(text.to_owned()).ok()
}

fn place(authority: &str, office: &str, service: &str) -> Option<Place> {
    let office: u32 = office.parse().ok().filter(|office| *office <= MAX_OFFICE)?;
    Some(Place { authority: code(authority)?, office, service: code(service)? })
}

fn in_days(date: &str, first: Date) -> Option<i32> {
    let date: Date = date.parse().ok()?;
    let days = date.since((jiff::Unit::Day, first)).ok()?.get_days();
    (-MAX_DAYS..=MAX_DAYS).contains(&days).then_some(days)
}

/// Where a booking's body wants a place; what else it says is left behind.
fn body_place(body: &[u8]) -> Option<Place> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| body.get(name)?.as_str().and_then(code);
    let office = u32::try_from(body.get("office")?.as_u64()?).ok();
    let office = office.filter(|office| *office <= MAX_OFFICE)?;
    Some(Place { authority: text("authority")?, office, service: text("service")? })
}
