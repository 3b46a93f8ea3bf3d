//! Reading `Forwarded` (RFC 7239) and `X-Forwarded-For`: the hops of a request, the nearest first.
//!
//! Must not know whom to believe ([`super::Trust`] does). Pure, and total over any bytes.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, header};

/// Most hops that are looked at, from the nearest on.
pub const MAX_HOPS: usize = 16;

/// The hops that `X-Forwarded-For` names; `None` for one that is no address. The header knows no
/// quotes.
pub fn by_x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    lines
        .flat_map(|line| line.as_bytes().rsplit(|&byte| byte == b','))
        .map(address)
        .take(MAX_HOPS)
        .collect()
}

/// The hops that `Forwarded` names; `None` for one that is hidden or unknown.
pub fn by_forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(header::FORWARDED).iter().rev();
    lines
        .flat_map(|line| from_the_right(line.as_bytes(), b','))
        .map(|element| from_the_right(element, b';').into_iter().find_map(for_whom).flatten())
        .take(MAX_HOPS)
        .collect()
}

/// The address in a `for=` pair; `None` when it is another pair.
fn for_whom(pair: &[u8]) -> Option<Option<IpAddr>> {
    let (name, value) = pair.trim_ascii().split_at_checked(b"for=".len())?;
    name.eq_ignore_ascii_case(b"for=").then(|| {
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        address(bare.unwrap_or(value))
    })
}

/// The last parts of a list, [`MAX_HOPS`] at most, from the right; a separator inside quotes
/// separates nothing. A proxy writes at the right end, so nothing that a client wrote to the left of
/// that, such as a quote that is never closed, changes how it is read.
fn from_the_right(text: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut parts, mut end, mut quoted) = (Vec::new(), text.len(), false);
    for (at, &byte) in text.iter().enumerate().rev() {
        if byte == b'"' && !is_escaped(&text[..at]) {
            quoted = !quoted;
        } else if byte == separator && !quoted {
            parts.push(&text[at + 1..end]);
            end = at;
            if parts.len() == MAX_HOPS {
                return parts;
            }
        }
    }
    parts.push(&text[..end]);
    parts
}

/// Whether what follows is half of a quoted pair.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// An address, with or without a port, an IPv6 one perhaps in brackets.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?.trim();
    let whole = text.parse::<IpAddr>().ok();
    let whole = whole.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    whole.or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(name: &'static str, lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_bytes(line);
            headers.append(name, value.unwrap_or(HeaderValue::from_static("?")));
        }
        headers
    }

    fn forwarded(text: &str) -> Vec<String> {
        let hops = by_forwarded(&headers("forwarded", &[text.as_bytes()]));
        hops.iter().map(|hop| hop.map_or("-".to_owned(), |hop| hop.to_string())).collect()
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        assert_eq!(forwarded("for=\"_gazonk\""), ["-"]);
        assert_eq!(forwarded("For=\"[2001:db8:cafe::17]:4711\""), ["2001:db8:cafe::17"]);
        assert_eq!(forwarded("for=192.0.2.60;proto=http;by=203.0.113.43"), ["192.0.2.60"]);
        assert_eq!(forwarded("for=192.0.2.43, for=198.51.100.17"), ["198.51.100.17", "192.0.2.43"]);
        assert_eq!(forwarded("for=unknown, for=192.0.2.1:80"), ["192.0.2.1", "-"]);
        assert_eq!(forwarded("for=192.0.2.1;ext=\"a,for=192.0.2.2\""), ["192.0.2.1"]);
    }

    #[test]
    fn nothing_that_a_client_writes_swallows_what_its_proxy_appends() {
        for before in
            ["for=6.6.6.6;x=\"", "\"", "for=\"", "x=\"\\", "\\\"\\", ";;\",=", "a=\"b\\\""]
        {
            let line = format!("{before}, for=192.0.2.1;host=\"a\\\"b,c\"");
            assert_eq!(forwarded(&line)[0], "192.0.2.1", "{before}");
        }
        for before in [b"\"".as_slice(), b"\xff", b"\"6.6.6.6"] {
            let line = [before, b", 192.0.2.1"].concat();
            let hops = by_x_forwarded_for(&headers("x-forwarded-for", &[&line]));
            assert_eq!(hops[0], Some([192, 0, 2, 1].into()));
        }
    }

    #[test]
    fn more_hops_than_the_bound_are_not_looked_at() {
        let many = vec!["192.0.2.1"; MAX_HOPS + 1].join(",");
        let hops = by_x_forwarded_for(&headers("x-forwarded-for", &[many.as_bytes()]));
        assert_eq!(hops.len(), MAX_HOPS);
    }

    proptest! {
        #[test]
        fn an_address_that_a_proxy_appends_is_the_nearest_hop(
            before in proptest::collection::vec("[ -~]{0,40}", 0..4),
            client: IpAddr,
        ) {
            let own = client.to_string();
            let mut lines: Vec<&[u8]> = before.iter().map(String::as_bytes).collect();
            lines.push(own.as_bytes());
            let hops = by_x_forwarded_for(&headers("x-forwarded-for", &lines));
            prop_assert_eq!(hops[0], Some(client));
            let joined = format!("{}, {own}", before.join(","));
            let hops = by_x_forwarded_for(&headers("x-forwarded-for", &[joined.as_bytes()]));
            prop_assert_eq!(hops[0], Some(client));
            let joined = format!("{}, for=\"{}\"", before.join(","), SocketAddr::new(client, 80));
            let hops = by_forwarded(&headers("forwarded", &[joined.as_bytes()]));
            prop_assert_eq!(hops[0], Some(client));
        }

        #[test]
        fn any_bytes_are_read_without_panic_within_the_bound(line: Vec<u8>) {
            let both = [headers("forwarded", &[&line]), headers("x-forwarded-for", &[&line])];
            prop_assert!(by_forwarded(&both[0]).len() <= MAX_HOPS);
            prop_assert!(by_x_forwarded_for(&both[1]).len() <= MAX_HOPS);
        }
    }
}
