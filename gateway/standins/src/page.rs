//! The pages of the stand-in hub: whom to be, and what is wrong with a link.
//!
//! Owns HTML and its headers. Everything that came from outside is escaped, scripts are not allowed
//! at all, and every page says what it is. Called by `handlers` only.

use std::fmt::Write;

use axum::response::{Html, IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};
use url::{Host, Url};

use crate::MARK;
use crate::entities::{entity, represented_by};
use crate::people::{MAX_PEOPLE, SyntheticPerson, person};
use crate::refusal::Refusal;

/// How many people the page lists; the others are reached by number.
const LISTED: u32 = 12;
/// Who is listed once more, without a tax number, and without any number but a passport's.
const WITHOUT_RNOKPP: u32 = 5;
const WITH_PASSPORT_ONLY: u32 = 6;

/// The list of people. `hidden` is what the forms carry; `redirect` is where they end.
pub(crate) fn people(redirect: &Url, hidden: &[(&str, &str)]) -> Response {
    let hidden: String = hidden
        .iter()
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{}\" value=\"{}\">\n",
                escape(name),
                escape(value)
            )
        })
        .collect();
    let list: String = (0..LISTED)
        .map(|index| {
            let person = person(index);
            let said = format!("№ {index} · РНОКПП {}", person.rnokpp);
            format!("<li>{}</li>\n", button(&person, &said))
        })
        .collect();
    let others = others(&hidden);
    let last = MAX_PEOPLE - 1;
    let body = format!(
        "<p>Тут нікого не ідентифікують: усі люди вигадані. Оберіть, ким увійти.\n\
         <span lang=\"en\">Nobody is identified here: all people are made up. Choose whom to be.</span></p>\n\
         <form method=\"post\" action=\"/choose\">\n{hidden}<ul>\n{list}</ul>\n</form>\n\
         {others}\
         <form method=\"post\" action=\"/choose\">\n{hidden}\
         <label for=\"person\">Інша людина, від 0 до {last} <span lang=\"en\">Another person</span></label>\n\
         <input id=\"person\" name=\"person\" type=\"number\" min=\"0\" max=\"{last}\" required>\n\
         <button>Увійти <span lang=\"en\">Log in</span></button>\n</form>\n\
         <form method=\"post\" action=\"/choose\">\n{hidden}\
         <button name=\"refuse\" value=\"1\">Відмовитися <span lang=\"en\">Do not log in</span></button>\n</form>\n"
    );
    document(&body, &form_targets(redirect))
}

/// People once more: with an organisation's signature, and without some of their numbers.
fn others(hidden: &str) -> String {
    let mut forms = String::new();
    let mut add = |name: &str, value: &str, button: &str| {
        // Writing to a String does not fail.
        let _ = writeln!(
            forms,
            "<form method=\"post\" action=\"/choose\">\n{hidden}\
             <input type=\"hidden\" name=\"{name}\" value=\"{value}\">\n{button}\n</form>"
        );
    };
    for (index, represented) in (0..LISTED).filter_map(|n| represented_by(n).map(|r| (n, r))) {
        let entity = entity(represented);
        let said = format!(
            "№ {index} · з підписом організації: {}, ЄДРПОУ {}",
            entity.name, entity.edrpou
        );
        add("entity", &represented.to_string(), &button(&person(index), &said));
    }
    let somebody = person(WITHOUT_RNOKPP);
    let said = format!("№ {} · без РНОКПП: УНЗР {}", somebody.index, somebody.unzr);
    add("without", "rnokpp", &button(&somebody, &said));
    let somebody = person(WITH_PASSPORT_ONLY);
    let said = format!("№ {} · лише паспорт {}", somebody.index, somebody.passport);
    add("without", "rnokpp,unzr", &button(&somebody, &said));
    forms
}

fn button(person: &SyntheticPerson, said: &str) -> String {
    format!(
        "<button name=\"person\" value=\"{}\"><b>{}</b>\n<span>{}</span></button>",
        person.index,
        escape(&person.full_name()),
        escape(said),
    )
}

/// What is wrong with the link that led here.
pub(crate) fn refusal(refusal: &Refusal) -> Response {
    let body = format!(
        "<p>Запит на вхід не прийнято. <span lang=\"en\">The login request was refused.</span></p>\n\
         <p lang=\"en\"><code>{}</code></p>\n",
        escape(&refusal.to_string())
    );
    let mut response = document(&body, "'none'");
    *response.status_mut() = refusal.status();
    refusal.with_retry_after(response)
}

fn document(body: &str, form_targets: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"uk\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{MARK}</title>\n<link rel=\"stylesheet\" href=\"/stand-in.css\">\n</head>\n<body>\n\
         <header>{MARK}</header>\n<main>\n<h1>Вхід до електронної черги <span lang=\"en\">Login</span></h1>\n\
         {body}</main>\n</body>\n</html>\n"
    );
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action {form_targets}; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let mut headers = HeaderMap::new();
    let policy = HeaderValue::from_str(&policy).expect("an origin has visible ASCII only");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    (headers, Html(html)).into_response()
}

/// Where the page's forms may end. Browsers hold the redirect that follows a form to this as well,
/// so the client's origin is in it; a policy cannot name an IPv6 address, only the scheme then.
fn form_targets(redirect: &Url) -> String {
    match redirect.host() {
        Some(Host::Ipv6(_)) => format!("'self' {}:", redirect.scheme()),
        _ => format!("'self' {}", redirect.origin().ascii_serialization()),
    }
}

/// Text as it may stand in an element or in a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_with_a_meaning_in_html_is_escaped() {
        assert_eq!(escape("<a b=\"c\" d='e'>&"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
        assert_eq!(escape("В'юн"), "В&#39;юн");
    }

    #[test]
    fn forms_may_end_at_the_client_and_nowhere_else() {
        let targets = |uri| form_targets(&Url::parse(uri).unwrap());
        assert_eq!(targets("http://127.0.0.1:8080/login"), "'self' http://127.0.0.1:8080");
        assert_eq!(targets("https://talon.localhost/login"), "'self' https://talon.localhost");
        assert_eq!(targets("http://[::1]:8080/login"), "'self' http:");
    }
}
