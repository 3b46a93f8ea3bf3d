//! Reading `Forwarded` (RFC 7239) and `X-Forwarded-For`: the hops of a request, the nearest first.
//!
//! Must not know whom to believe ([`super::Trust`] does). Pure, and total over any bytes.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, header};

/// Most hops that are looked at, from the nearest on.
pub const MAX_HOPS: usize = 16;

/// The hops that `X-Forwarded-For` names; `None` for one that is no address.
pub fn by_x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    nearest_first(headers, "x-forwarded-for", address)
}

/// The hops that `Forwarded` names; `None` for one that is hidden or unknown.
pub fn by_forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    nearest_first(headers, header::FORWARDED.as_str(), |element| {
        let mut pairs = split(element, ';').into_iter().rev();
        pairs.find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            name.eq_ignore_ascii_case("for").then(|| address(value.trim_matches('"')))?
        })
    })
}

fn nearest_first(
    headers: &HeaderMap,
    name: &str,
    read: impl Fn(&str) -> Option<IpAddr>,
) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(name).iter().rev();
    let hops = lines.flat_map(|line| match line.to_str() {
        Ok(text) => split(text, ',').into_iter().rev().map(&read).collect(),
        Err(_) => vec![None],
    });
    hops.take(MAX_HOPS).collect()
}

/// The parts of a list, where a separator inside quotes separates nothing.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    let parts = text.split(|letter| {
        quoted ^= letter == '"';
        letter == separator && !quoted
    });
    parts.collect()
}

/// An address, with or without a port, an IPv6 one perhaps in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
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
    fn more_hops_than_the_bound_are_not_looked_at() {
        let many = vec!["192.0.2.1"; MAX_HOPS + 1].join(",");
        let hops = by_x_forwarded_for(&headers("x-forwarded-for", &[many.as_bytes()]));
        assert_eq!(hops.len(), MAX_HOPS);
    }

    proptest! {
        #[test]
        fn an_address_that_a_proxy_appends_is_the_nearest_hop(
            before in proptest::collection::vec("[ -!#-~]{0,40}", 0..4),
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
        }

        #[test]
        fn any_bytes_are_read_without_panic_within_the_bound(line: Vec<u8>) {
            let both = [headers("forwarded", &[&line]), headers("x-forwarded-for", &[&line])];
            prop_assert!(by_forwarded(&both[0]).len() <= MAX_HOPS);
            prop_assert!(by_x_forwarded_for(&both[1]).len() <= MAX_HOPS);
        }
    }
}
