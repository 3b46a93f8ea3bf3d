//! Whether a write comes from our own pages.
//!
//! Browsers say so in `Sec-Fetch-Site` or `Origin`, old ones at least in `Referer`; programs that
//! send none of them carry no ambient cookies either, so they pass.

use http::{HeaderMap, header};

/// Whether a request with a cookie may change something.
///
/// `own` is the origin that browsers see; `host` is the request's, which in a demonstration may
/// be another name of the same computer.
pub fn is_own(headers: &HeaderMap, own: &str, host: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return false;
    }
    let is_ours = |origin: &str| {
        origin == own || host.is_some_and(|host| origin.strip_prefix("http://") == Some(host))
    };
    match (text(header::ORIGIN.as_str()), text(header::REFERER.as_str())) {
        (Some(origin), _) => is_ours(origin),
        (None, Some(referer)) => is_ours(origin_of(referer)),
        (None, None) => true,
    }
}

/// The part of an address up to its path.
fn origin_of(address: &str) -> &str {
    let host = address.find("://").map_or(0, |scheme| scheme + 3);
    let path = address[host..].find(['/', '?', '#']);
    path.map_or(address, |path| &address[..host + path])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &'static str)], host: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_own(&headers, "https://booking.example", host)
    }

    #[test]
    fn our_own_pages_and_programs_may_write() {
        assert!(check(&[], None));
        assert!(check(&[("origin", "https://booking.example")], None));
        assert!(check(&[("sec-fetch-site", "same-origin")], None));
        assert!(check(&[("origin", "http://localhost:8080")], Some("localhost:8080")));
    }

    #[test]
    fn other_sites_may_not() {
        assert!(!check(&[("origin", "https://evil.example")], None));
        assert!(!check(&[("origin", "null")], None));
        assert!(!check(&[("referer", "https://booking.example.evil/")], None));
        assert!(check(&[("referer", "https://booking.example/book?x")], None));
        assert!(!check(&[("origin", "http://localhost:8081")], Some("localhost:8080")));
        for site in ["cross-site", "same-site"] {
            assert!(!check(
                &[("sec-fetch-site", site), ("origin", "https://booking.example")],
                None
            ));
        }
    }
}
