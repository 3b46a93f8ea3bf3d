//! Cookies: reading one from a request, and writing ours.

use http::{HeaderMap, HeaderValue, header};

/// Names and attributes of our cookies.
#[derive(Clone, Debug)]
pub struct Cookies {
    secure: bool,
}

/// The cookie that holds a session token.
pub const SESSION: &str = "talon_session";
/// The cookie that binds a login to the browser that began it.
pub const LOGIN: &str = "talon_login";
/// The cookie of the browser that was shown which app asks.
pub const CONSENT: &str = "talon_consent";
/// The cookie that remembers the language.
pub const LANGUAGE: &str = "talon_language";
/// The cookie that keeps the promise of somebody who waits instead of computing.
pub const PROMISE: &str = "talon_promise";
/// The cookie that remembers how pages look.
pub const APPEARANCE: &str = "talon_appearance";

impl Cookies {
    /// `secure`: browsers see https, so cookies get the `__Host-` prefix and `Secure`.
    pub fn new(secure: bool) -> Self {
        Self { secure }
    }

    /// What stands before the names.
    fn prefix(&self) -> &'static str {
        if self.secure { "__Host-" } else { "" }
    }

    /// The value of one of our cookies.
    pub fn read<'a>(&self, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(of, _)| of.strip_prefix(self.prefix()) == Some(name))
            .map(|(_, value)| value)
    }

    /// A `Set-Cookie` value that browsers keep for `max_age_s` and send to us only.
    pub fn write(&self, name: &str, value: &str, max_age_s: u64) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let prefix = self.prefix();
        let text = format!(
            "{prefix}{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"
        );
        HeaderValue::from_str(&text).expect("our cookies are visible ASCII")
    }

    /// A `Set-Cookie` value that makes browsers forget the cookie.
    pub fn clear(&self, name: &str) -> HeaderValue {
        self.write(name, "", 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; talon_session=x.y; b=2".parse().unwrap());
        headers.append(header::COOKIE, "talon_language=en".parse().unwrap());
        let cookies = Cookies::new(false);
        assert_eq!(cookies.read(&headers, SESSION), Some("x.y"));
        assert_eq!(cookies.read(&headers, LANGUAGE), Some("en"));
        assert_eq!(cookies.read(&headers, LOGIN), None);
        assert_eq!(Cookies::new(true).read(&headers, SESSION), None);
    }

    #[test]
    fn over_https_cookies_are_bound_to_the_host() {
        assert_eq!(
            Cookies::new(true).write(SESSION, "v", 60),
            "__Host-talon_session=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
    }
}
