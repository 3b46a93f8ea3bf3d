//! The cookies of one person at one server: name and value, the newest wins.
//!
//! Must not know which cookie is the session. Paths, domains and expiry times are left out: a client
//! lives for seconds and talks to one origin. Called by `login` and `requests`.

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

/// What a server set.
#[derive(Clone, Debug, Default)]
pub(super) struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// One cookie, as if an answer had set it.
    pub(super) fn one(name: &str, value: &str) -> Self {
        Self(vec![(name.to_owned(), value.to_owned())])
    }

    /// Takes over what an answer sets, and drops what it deletes.
    pub(super) fn absorb(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok()) {
            let mut parts = line.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            self.0.retain(|(known, _)| known != name);
            let deleted = parts.any(|part| part.eq_ignore_ascii_case("max-age=0"));
            if !deleted && !value.is_empty() {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// Whether a cookie is set whose name ends so (`__Host-` may come before).
    pub(super) fn has(&self, name_end: &str) -> bool {
        self.0.iter().any(|(name, _)| name.ends_with(name_end))
    }

    /// The `Cookie` header, if there is anything to send.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let pairs: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { None } else { HeaderValue::from_str(&pairs.join("; ")).ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(cookies: &mut Cookies, line: &str) {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, line.parse().unwrap());
        cookies.absorb(&headers);
    }

    #[test]
    fn the_newest_value_of_a_name_is_sent() {
        let mut cookies = Cookies::default();
        assert_eq!(cookies.header(), None);
        set(&mut cookies, "talon_login=a; Path=/; HttpOnly");
        set(&mut cookies, "talon_session=b=c; SameSite=Lax");
        set(&mut cookies, "talon_login=d");
        assert!(cookies.has("talon_session"));
        assert_eq!(cookies.header().unwrap(), "talon_session=b=c; talon_login=d");
    }

    #[test]
    fn a_deleted_cookie_is_not_sent() {
        let mut cookies = Cookies::default();
        set(&mut cookies, "talon_login=a");
        set(&mut cookies, "talon_login=gone; Max-Age=0; Path=/");
        set(&mut cookies, "other=x");
        set(&mut cookies, "other=");
        assert_eq!(cookies.header(), None);
    }
}
