//! The first choices: whose service, and which. The same for everybody, but for the front page, which
//! offers to log in or says that one is.
//!
//! Must not know offices or days.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use talon_domain::ids::Channel;
use talon_ledger::core::Authority;

use super::about::Answered;
use super::choice::{self, Chosen};
use super::frame::{Account, Frame, personal, public};
use super::words::Words;
use crate::app::{App, Lane};
use crate::caller::identify;
use crate::cold::{Asked, redirect};
use crate::http::body::Answer;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "front.html")]
struct FrontPage<'a> {
    frame: Frame<'a>,
    /// The choice of an authority; empty where there is only one.
    authorities: Vec<AuthorityCard>,
    /// The name of the only authority.
    authority: String,
    services: Vec<ServiceCard>,
    /// What people ask of it.
    questions: Vec<Answered>,
}

struct AuthorityCard {
    href: String,
    name: String,
    /// The names of its services.
    services: String,
}

struct ServiceCard {
    href: String,
    name: String,
    minutes: String,
    opens: String,
    fee: String,
    is_test: bool,
}

/// `/`: what this is, and which authorities or services there are.
pub(super) async fn front(State(lane): State<Lane>, asked: Asked) -> Response {
    let account = Account::of(&identify(&lane.app, &asked.parts.headers));
    let frame = Frame::new(&lane, &asked, account).at_step(1, Vec::new());
    let words = frame.words;
    let sorted: BTreeMap<_, _> = lane.app.authorities.iter().collect();
    let only = the_only(&lane.app);
    let page = FrontPage {
        authorities: match only {
            Some(_) => Vec::new(),
            None => sorted.values().map(|authority| authority_card(authority, words)).collect(),
        },
        authority: only.map_or_else(String::new, |one| words.name(&one.catalogue.name).to_owned()),
        services: only.map(|authority| services(authority, words)).unwrap_or_default(),
        questions: only.map(|authority| questions(authority, words)).unwrap_or_default(),
        frame,
    };
    asked.respond(&lane, Ok(personal(&lane, &asked, &page)))
}

fn the_only(app: &App) -> Option<&Authority> {
    let mut all = app.authorities.values();
    all.next().filter(|_| all.next().is_none()).map(|authority| &**authority)
}

fn authority_card(authority: &Authority, words: Words<'_>) -> AuthorityCard {
    let catalogue = &authority.catalogue;
    let names: Vec<&str> =
        catalogue.services.iter().map(|service| words.name(&service.name)).collect();
    AuthorityCard {
        href: choice::authority_path(catalogue),
        name: words.name(&catalogue.name).to_owned(),
        services: names.join(" · "),
    }
}

fn services(authority: &Authority, words: Words<'_>) -> Vec<ServiceCard> {
    let services = authority.catalogue.services.iter().map(|service| {
        let catalogue = &*authority.catalogue;
        let chosen = Chosen { catalogue, policy: &authority.policy, service, moving: None };
        ServiceCard {
            href: chosen.path(),
            name: words.name(&service.name).to_owned(),
            minutes: words.with("front-minutes", [("minutes", service.minutes.into())]),
            opens: release_rule(&chosen, words),
            fee: super::about::fee(service, words),
            is_test: service.test_mode,
        }
    });
    services.collect()
}

fn questions(authority: &Authority, words: Words<'_>) -> Vec<Answered> {
    Answered::all(&authority.catalogue.questions, words)
}

/// When dates of a service open.
pub(super) fn release_rule(chosen: &Chosen<'_>, words: Words<'_>) -> String {
    let release = chosen.policy.release(chosen.service.id, Channel::Web);
    words.with(
        "front-opens",
        [("days", release.days_ahead.into()), ("time", release.time.to_string().into())],
    )
}

#[derive(Template)]
#[template(path = "authority.html")]
struct AuthorityPage<'a> {
    frame: Frame<'a>,
    authority: String,
    services: Vec<ServiceCard>,
    questions: Vec<Answered>,
}

/// `/book/{authority}`: its services, and what people ask of it.
pub(super) async fn authority(
    State(lane): State<Lane>,
    Path(code): Path<String>,
    asked: Asked,
) -> Response {
    let result = authority_page(&lane, &asked, &code);
    asked.respond(&lane, result)
}

fn authority_page(lane: &Lane, asked: &Asked, code: &str) -> Result<Answer, Problem> {
    let authority = lane.app.authority(code)?;
    if the_only(&lane.app).is_some() {
        return Ok(redirect("/"));
    }
    let frame = Frame::new(lane, asked, Account::Unknown).at_step(1, Vec::new());
    let words = frame.words;
    let page = AuthorityPage {
        authority: words.name(&authority.catalogue.name).to_owned(),
        services: services(authority, words),
        questions: questions(authority, words),
        frame,
    };
    Ok(public(lane, asked, &page))
}

/// `/book`: the choice begins on the front page.
pub(super) async fn to_front(State(lane): State<Lane>, asked: Asked) -> Response {
    asked.respond(&lane, Ok(redirect("/")))
}
