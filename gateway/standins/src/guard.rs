//! Who may talk to a demo: only somebody on the same machine, with nothing in between.
//!
//! Owns one pure check of a request's headers. Must not know who runs it: the stand-in hub asks
//! before every answer, and the gateway does the same in demo mode. A stand-in reached through a
//! proxy or under a public name could be taken for the real thing.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::{FORWARDED, HOST, HeaderMap, HeaderName, VIA};

/// The request came through a proxy.
pub const FORWARDED_REQUEST: &str = "a demo does not answer requests that came through a proxy";
/// The request says nothing of the host it is for.
pub const MISSING_HOST: &str = "a demo does not answer requests without a host";
/// The request names several hosts.
pub const AMBIGUOUS_HOST: &str = "a demo does not answer requests with several hosts";
/// The request is for a name that is not this machine.
pub const FOREIGN_HOST: &str = "a demo answers only requests for localhost";

/// Why a demo refuses a request, or `None` when it may answer.
///
/// `authority` is that of the request's target, where it has one: HTTP/2 sends `:authority` instead
/// of `Host`, and HTTP/1 may send an absolute address. When both are there, both must be loopback.
pub fn refusal(headers: &HeaderMap, authority: Option<&str>) -> Option<&'static str> {
    if headers.keys().any(tells_of_a_proxy) {
        return Some(FORWARDED_REQUEST);
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Some(AMBIGUOUS_HOST);
    }
    if host.is_none() && authority.is_none() {
        return Some(MISSING_HOST);
    }
    let host_is_here = host.is_none_or(|host| host.to_str().is_ok_and(is_loopback));
    let authority_is_here = authority.is_none_or(is_loopback);
    if host_is_here && authority_is_here { None } else { Some(FOREIGN_HOST) }
}

fn tells_of_a_proxy(name: &HeaderName) -> bool {
    // Header names are lower case once parsed.
    name == FORWARDED
        || name == VIA
        || name == "x-real-ip"
        || name.as_str().starts_with("x-forwarded")
}

/// Whether `host`, with or without a port, is `localhost`, `*.localhost`, 127.0.0.0/8 or `[::1]`.
///
/// Anything unusual (a user part, a dot at the end, short forms of addresses) is not.
fn is_loopback(host: &str) -> bool {
    if let Some(bracketed) = host.strip_prefix('[') {
        return bracketed.split_once(']').is_some_and(|(address, rest)| {
            address.parse() == Ok(Ipv6Addr::LOCALHOST)
                && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
        });
    }
    match host.split_once(':') {
        Some((name, port)) => is_port(port) && is_here(name),
        None => is_here(host),
    }
}

fn is_here(name: &str) -> bool {
    is_localhost(name) || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|digit| digit.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn is_localhost(name: &str) -> bool {
    let mut labels = name.rsplit('.');
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    labels.next().is_some_and(|last| last.eq_ignore_ascii_case("localhost")) && labels.all(is_label)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with_host(host: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        headers
    }

    #[test]
    fn loopback_hosts_pass() {
        for host in [
            "localhost",
            "LocalHost:8081",
            "talon.localhost",
            "a.b.localhost:1",
            "127.0.0.1",
            "127.0.0.1:8081",
            "127.255.3.4:65535",
            "[::1]",
            "[::1]:8081",
            "[0:0:0:0:0:0:0:1]:8081",
        ] {
            assert_eq!(refusal(&with_host(host), None), None, "{host}");
        }
    }

    #[test]
    fn other_hosts_are_refused() {
        for host in [
            "",
            ":8081",
            "example.org",
            "id.gov.ua",
            "localhost.example.org",
            "notlocalhost",
            ".localhost",
            "a..localhost",
            "localhost.",
            "user@localhost",
            "localhost:port",
            "localhost:",
            "localhost:+1",
            "localhost:65536",
            "localhost:1:2",
            "127.0.0.1.example.org",
            "127.1",
            "128.0.0.1",
            "0.0.0.0",
            "10.0.0.1:8081",
            "::1",
            "[::1",
            "[::1]8081",
            "[::2]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[localhost]",
        ] {
            assert_eq!(refusal(&with_host(host), None), Some(FOREIGN_HOST), "{host}");
        }
    }

    #[test]
    fn a_host_that_is_not_text_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_bytes(b"localhost\xFF").unwrap());
        assert_eq!(refusal(&headers, None), Some(FOREIGN_HOST));
    }

    #[test]
    fn every_sign_of_a_proxy_is_refused() {
        for name in [
            "Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Forwarded-Anything",
            "Via",
            "X-Real-IP",
        ] {
            let mut headers = with_host("localhost");
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.insert(name.clone(), HeaderValue::from_static("127.0.0.1"));
            assert_eq!(refusal(&headers, None), Some(FORWARDED_REQUEST), "{name}");
        }
    }

    #[test]
    fn a_request_without_a_host_is_refused() {
        assert_eq!(refusal(&HeaderMap::new(), None), Some(MISSING_HOST));
    }

    #[test]
    fn a_request_with_two_hosts_is_refused() {
        let mut headers = with_host("localhost");
        headers.append(HOST, HeaderValue::from_static("localhost"));
        assert_eq!(refusal(&headers, None), Some(AMBIGUOUS_HOST));
    }

    #[test]
    fn the_authority_stands_in_for_the_host_and_never_outvotes_it() {
        assert_eq!(refusal(&HeaderMap::new(), Some("localhost:8081")), None);
        assert_eq!(refusal(&HeaderMap::new(), Some("example.org")), Some(FOREIGN_HOST));
        assert_eq!(refusal(&with_host("localhost"), Some("example.org")), Some(FOREIGN_HOST));
        assert_eq!(refusal(&with_host("example.org"), Some("localhost")), Some(FOREIGN_HOST));
    }
}
