//! The native apps that may log people in, as the configuration registers them.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use talon_domain::catalogue::Text;
use url::Url;

use crate::identity::app_login::is_loopback;

/// Most apps.
pub(super) const MAX_APPS: usize = 64;
/// Most return addresses of one app.
pub(super) const MAX_REDIRECT_URIS: usize = 8;
/// The longest return address, in bytes; it travels in a cookie.
pub(super) const MAX_REDIRECT_URI_BYTES: usize = 256;
/// The longest name of an app in the protocol, in bytes.
pub(super) const MAX_CLIENT_ID_BYTES: usize = 64;

/// A native app that may log people in: a public client, which has no secret.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Its name in the protocol: 1 to 64 letters, digits, dots and dashes.
    pub client_id: String,
    /// Its name for people, in each language.
    #[schemars(with = "Names")]
    pub name: Text,
    /// Where answers may go, up to 8: a scheme that is the app's domain backwards, an https
    /// address that the app has claimed, or `http://127.0.0.1/…`, where any port will do.
    pub redirect_uris: Vec<String>,
}

/// One name in each language.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes a type of another crate")]
struct Names {
    uk: String,
    en: String,
}

/// Checks the apps of a configuration.
///
/// # Errors
/// What would be right.
pub(super) fn check(apps: &[App]) -> Result<(), String> {
    if apps.len() > MAX_APPS {
        return Err(format!("{} apps, at most {MAX_APPS}", apps.len()));
    }
    let mut known = HashSet::new();
    for app in apps {
        let id = &app.client_id;
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        if !(1..=MAX_CLIENT_ID_BYTES).contains(&id.len()) || !id.bytes().all(is_good) {
            return Err(format!(
                "client_id `{id}` is not 1 to 64 letters, digits, dots and dashes"
            ));
        }
        if !known.insert(id) {
            return Err(format!("client_id `{id}` stands twice"));
        }
        if !(1..=MAX_REDIRECT_URIS).contains(&app.redirect_uris.len()) {
            return Err(format!("`{id}` needs 1 to {MAX_REDIRECT_URIS} redirect_uris"));
        }
        for uri in &app.redirect_uris {
            check_redirect(uri).map_err(|problem| format!("redirect_uri `{uri}` {problem}"))?;
        }
    }
    Ok(())
}

/// What RFC 8252, section 7, lets a native app have.
fn check_redirect(uri: &str) -> Result<(), &'static str> {
    if uri.len() > MAX_REDIRECT_URI_BYTES {
        return Err("is longer than 256 bytes");
    }
    let url = Url::parse(uri).map_err(|_| "is no address")?;
    if url.fragment().is_some() {
        return Err("has a fragment, which no answer can reach");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => Err("is not of the loopback: write http://127.0.0.1 or http://[::1]"),
        scheme if scheme.contains('.') => Ok(()),
        _ => Err("has a scheme that anybody may take: use a domain of yours backwards"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(client_id: &str, redirect_uris: &[&str]) -> App {
        let name = Text { uk: "Кишеня".to_owned(), en: "Pocket".to_owned() };
        let redirect_uris = redirect_uris.iter().map(|uri| (*uri).to_owned()).collect();
        App { client_id: client_id.to_owned(), name, redirect_uris }
    }

    #[test]
    fn the_three_kinds_of_return_addresses_are_taken() {
        let uris = ["ua.example.pocket:/back", "https://pocket.example/back", "http://127.0.0.1/b"];
        assert_eq!(check(&[app("pocket", &uris), app("other", &["http://[::1]/"])]), Ok(()));
    }

    #[test]
    fn other_return_addresses_are_refused_with_the_remedy() {
        for (uri, remedy) in [
            ("pocket:/back", "a domain of yours backwards"),
            ("http://localhost/back", "http://127.0.0.1"),
            ("http://pocket.example/back", "http://127.0.0.1"),
            ("ua.example.pocket:/back#x", "fragment"),
            ("back", "is no address"),
        ] {
            let refusal = check(&[app("pocket", &[uri])]).unwrap_err();
            assert!(refusal.contains(remedy), "{uri}: {refusal}");
        }
        let long = format!("https://pocket.example/{}", "a".repeat(MAX_REDIRECT_URI_BYTES));
        assert!(check(&[app("pocket", &[&long])]).unwrap_err().contains("256 bytes"));
    }

    #[test]
    fn names_are_short_and_stand_once_and_bounds_hold() {
        let one = app("pocket", &["ua.example.pocket:/"]);
        assert!(check(&[one.clone(), one]).unwrap_err().contains("stands twice"));
        assert!(check(&[app("a b", &["ua.example.pocket:/"])]).is_err());
        assert!(check(&[app(&"a".repeat(65), &["ua.example.pocket:/"])]).is_err());
        assert!(check(&[app("pocket", &[])]).is_err());
        assert!(check(&[app("pocket", &["ua.example.pocket:/"; 9])]).is_err());
        let many: Vec<App> =
            (0..=MAX_APPS).map(|n| app(&format!("a{n}"), &["ua.example.pocket:/"])).collect();
        assert!(check(&many).unwrap_err().contains("at most 64"));
    }
}
