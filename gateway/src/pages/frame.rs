//! What stands around every page: language, menu, trail, and the headers of the answer.
//!
//! Must not know what the page says.

use std::sync::Arc;

use askama::Template;
use bytes::Bytes;
use flate2::Compression;
use http::{HeaderValue, Method, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::appearance::Appearance;
use super::assets::{ASSETS, gzip, takes_gzip};
use super::kept::{Kept, Which};
use super::words::Words;
use super::{choice, tickets};
use crate::app::{Lane, now};
use crate::availability::is_known;
use crate::caller::Identified;
use crate::cold::Asked;
use crate::http::body::{self, Answer};
use crate::http::language::Language;
use crate::http::problem::Problem;
use crate::identity::login::local_path;

/// Pages shorter than this are not compressed, in bytes.
const MIN_GZIP_BYTES: usize = 1024;
/// Fast: pages are made for each reader.
const LEVEL: Compression = Compression::new(4);
const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=1");
const HTML: &str = "text/html; charset=utf-8";

/// What a page knows of who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Account {
    /// The page is for everybody, so it does not look.
    Unknown,
    /// Nobody is logged in.
    Out,
    /// Somebody is.
    In,
}

impl Account {
    /// By the outcome of an identification.
    pub(super) fn of(who: &Result<Identified, Problem>) -> Self {
        if who.is_ok() { Self::In } else { Self::Out }
    }
}

/// One choice made on the way to this page.
pub(super) struct Crumb {
    /// What was chosen.
    pub(super) label: String,
    /// Where it can be chosen again.
    pub(super) href: String,
}

/// A language to change to.
pub(super) struct OtherLanguage {
    /// Its tag.
    pub(super) tag: &'static str,
    /// Its name for itself.
    pub(super) name: String,
}

/// What stands around a page.
pub(super) struct Frame<'a> {
    /// The texts.
    pub(super) words: Words<'a>,
    /// The page's address, to come back to from a login or another language.
    pub(super) here: String,
    /// How it looks to this reader.
    pub(super) appearance: Appearance,
    /// Whether somebody is logged in.
    pub(super) account: Account,
    /// Whether this is a demonstration.
    pub(super) is_demo: bool,
    /// The choices made so far.
    pub(super) trail: Vec<Crumb>,
    /// Which of the steps this is; empty outside of them.
    pub(super) step: String,
    /// That a booking is being moved; empty when none is.
    pub(super) moving: String,
}

impl<'a> Frame<'a> {
    /// The frame of an answer to `asked`.
    pub(super) fn new(lane: &'a Lane, asked: &Asked, account: Account) -> Self {
        let words = Words { texts: &lane.app.texts, language: asked.context.language, now: now() };
        let moving = match choice::moving(&asked.parts.uri) {
            Ok(Some(id)) => words.with("move-note", [("number", tickets::number(id).into())]),
            _ => String::new(),
        };
        let (trail, step, is_demo) = (Vec::new(), String::new(), lane.app.is_demo());
        let appearance = Appearance::of_request(&asked.parts.headers, &lane.app.cookies);
        let here = here(asked);
        Self { words, here, appearance, account, is_demo, trail, step, moving }
    }

    /// With the choices made so far, before step `step`.
    pub(super) fn at_step(mut self, step: u8, trail: Vec<Crumb>) -> Self {
        self.step = self.words.with("site-step", [("step", step.into())]);
        self.trail = trail;
        self
    }

    /// A text without arguments.
    pub(super) fn t(&self, key: &str) -> String {
        self.words.t(key)
    }

    /// The page's language.
    pub(super) fn lang(&self) -> &'static str {
        self.words.language.tag()
    }

    /// The languages to change to.
    pub(super) fn other_languages(&self) -> Vec<OtherLanguage> {
        let others = Language::ALL.into_iter().filter(|other| *other != self.words.language);
        others
            .map(|other| OtherLanguage {
                tag: other.tag(),
                name: self.words.texts.get(other, "site-language-name", None),
            })
            .collect()
    }

    /// The link to log in and come back here.
    pub(super) fn login(&self) -> String {
        format!("/login?return={}", utf8_percent_encode(&self.here, NON_ALPHANUMERIC))
    }

    /// The stylesheet's address.
    pub(super) fn stylesheet(&self) -> &'static str {
        &ASSETS.stylesheet.path
    }

    /// The icon's address.
    pub(super) fn icon(&self) -> &'static str {
        &ASSETS.icon.path
    }

    /// Whether the menu offers to log in.
    pub(super) fn is_out(&self) -> bool {
        self.account == Account::Out
    }

    /// Whether the menu offers to log out.
    pub(super) fn is_in(&self) -> bool {
        self.account == Account::In
    }
}

/// The address that shows this page again.
fn here(asked: &Asked) -> String {
    let uri = &asked.parts.uri;
    let path = uri.path();
    let is_passage = ["/login", "/logout", "/language", "/appearance", "/oauth/"]
        .iter()
        .any(|way| path.starts_with(way));
    let whole = match asked.parts.method {
        _ if is_passage => "/",
        // A form's address may say which booking moves.
        Method::GET | Method::POST => {
            uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
        }
        _ => path,
    };
    local_path(whole).to_owned()
}

/// A page for everybody: the same for all who ask in one language and have chosen one appearance.
pub(super) fn public(lane: &Lane, asked: &Asked, template: &impl Template) -> Answer {
    let html = render(template);
    let hash = Sha256::digest(html.as_bytes());
    let tag = format!("W/\"{}\"", hex::encode(&hash[..12]));
    let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits are visible ASCII");
    let zipped =
        if html.len() >= MIN_GZIP_BYTES { gzip(html.as_bytes(), LEVEL) } else { Bytes::new() };
    let page = Arc::new(Kept { html: html.into(), zipped, tag });
    lane.app.pages.keep(which(lane, asked), Arc::clone(&page));
    public_answer(lane, asked, &page)
}

/// The page for everybody that somebody was given a moment ago.
pub(super) fn kept(lane: &Lane, asked: &Asked) -> Option<Answer> {
    let page = lane.app.pages.find(&which(lane, asked))?;
    Some(public_answer(lane, asked, &page))
}

fn which(lane: &Lane, asked: &Asked) -> Which {
    let parts = &asked.parts;
    let address = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Which {
        address: address.to_owned(),
        language: asked.context.language,
        appearance: Appearance::of_request(&parts.headers, &lane.app.cookies),
    }
}

fn public_answer(lane: &Lane, asked: &Asked, page: &Kept) -> Answer {
    let headers = &asked.parts.headers;
    let mut answer = if is_known(headers, &page.tag) {
        let mut answer = html_answer(lane, asked, (Bytes::new(), false));
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        let zipped = !page.zipped.is_empty() && takes_gzip(headers);
        let bytes = if zipped { &page.zipped } else { &page.html };
        html_answer(lane, asked, (bytes.clone(), zipped))
    };
    answer.headers_mut().insert(header::ETAG, page.tag.clone());
    answer.headers_mut().insert(header::CACHE_CONTROL, PUBLIC);
    answer
}

/// A page for one person's eyes.
pub(super) fn personal(lane: &Lane, asked: &Asked, template: &impl Template) -> Answer {
    let html = render(template);
    let zipped = html.len() >= MIN_GZIP_BYTES && takes_gzip(&asked.parts.headers);
    let bytes = if zipped { gzip(html.as_bytes(), LEVEL) } else { html.into() };
    let mut answer = html_answer(lane, asked, (bytes, zipped));
    answer.headers_mut().insert(header::CACHE_CONTROL, body::NO_STORE);
    answer
}

fn render(template: &impl Template) -> String {
    template.render().expect("templates write to memory")
}

/// An answer with bytes of HTML that may be compressed.
fn html_answer(lane: &Lane, asked: &Asked, (bytes, zipped): (Bytes, bool)) -> Answer {
    let mut answer = body::answer(StatusCode::OK, HTML, bytes);
    let headers = answer.headers_mut();
    if zipped {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let tag = asked.context.language.tag();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(tag));
    let vary = HeaderValue::from_static("Accept, Accept-Encoding, Accept-Language, Cookie");
    headers.insert(header::VARY, vary);
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        security_policy(lane.app.config.hub.browser_origin()),
    );
    answer
}

/// Nothing but our own files; forms lead to ourselves, and through a login to the hub.
fn security_policy(hub: &str) -> HeaderValue {
    let hub = hub.trim_end_matches('/');
    let text = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; worker-src 'self'; \
         connect-src 'self'; img-src 'self' data:; manifest-src 'self'; form-action 'self' {hub}; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}
