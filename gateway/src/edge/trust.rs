//! Whose word on a client's address is taken: that of named proxies, given in one way.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use super::forwarded;
use crate::config::ClientAddress;

/// The proxies that are trusted, and how they say who is behind them.
#[derive(Clone, Debug)]
pub struct Trust {
    proxies: Vec<IpNet>,
    way: ClientAddress,
}

impl Trust {
    /// Trust in `proxies`, which pass addresses on in one `way`.
    pub fn new(proxies: Vec<IpNet>, way: ClientAddress) -> Self {
        Self { proxies, way }
    }

    /// Whether an address is a trusted proxy's and so says nothing of who is behind it.
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        // An IPv4 peer of a dual-stack listener arrives as ::ffff:a.b.c.d.
        let address = address.to_canonical();
        self.proxies.iter().any(|network| network.contains(&address))
    }

    /// Whether a connection begins with a PROXY header.
    pub fn sends_proxy_header(&self, peer: IpAddr) -> bool {
        self.way == ClientAddress::ProxyProtocol && self.is_proxy(peer)
    }

    /// Who sends a request, as far as can be believed: `peer`, or whom a trusted proxy names.
    pub fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        if !self.is_proxy(peer.ip()) {
            return peer;
        }
        let hops = match self.way {
            ClientAddress::Unknown | ClientAddress::ProxyProtocol => return peer,
            ClientAddress::Forwarded => forwarded::by_forwarded(headers),
            ClientAddress::XForwardedFor => forwarded::by_x_forwarded_for(headers),
        };
        // The nearest hop was written by the proxy itself. What stands before the first stranger
        // is that stranger's word, and what cannot be read is nobody's.
        let client = hops.into_iter().find(|hop| hop.is_none_or(|hop| !self.is_proxy(hop)));
        client.flatten().map_or(peer, |address| SocketAddr::new(address, 0))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn trust(way: ClientAddress) -> Trust {
        Trust::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()], way)
    }

    fn client(way: ClientAddress, peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 5);
        trust(way).client(peer, &map).ip().to_string()
    }

    #[test]
    fn a_strangers_word_is_not_taken() {
        let said = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
        for way in [ClientAddress::XForwardedFor, ClientAddress::Forwarded] {
            assert_eq!(client(way, "203.0.113.9", &said), "203.0.113.9");
            assert_eq!(client(way, "10.1.2.3", &said), "192.0.2.1");
            assert_eq!(client(way, "::ffff:10.1.2.3", &said), "192.0.2.1");
        }
    }

    #[test]
    fn only_the_way_that_is_set_is_believed() {
        let said = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.2")];
        assert_eq!(client(ClientAddress::XForwardedFor, "10.0.0.1", &said), "192.0.2.1");
        assert_eq!(client(ClientAddress::Forwarded, "10.0.0.1", &said), "192.0.2.2");
        assert_eq!(client(ClientAddress::Unknown, "10.0.0.1", &said), "10.0.0.1");
        assert_eq!(client(ClientAddress::ProxyProtocol, "10.0.0.1", &said), "10.0.0.1");
    }

    #[test]
    fn what_a_client_wrote_before_its_proxy_is_not_believed() {
        let way = ClientAddress::XForwardedFor;
        let two = [("x-forwarded-for", "198.51.100.7, 192.0.2.1, 10.0.0.2")];
        assert_eq!(client(way, "10.0.0.1", &two), "192.0.2.1");
        let lines = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(client(way, "10.0.0.1", &lines), "192.0.2.1");
        let odd = [("x-forwarded-for", "198.51.100.7, unknown")];
        assert_eq!(client(way, "10.0.0.1", &odd), "10.0.0.1");
    }

    #[test]
    fn a_chain_of_nothing_but_proxies_says_nothing() {
        let chain = [("x-forwarded-for", "10.0.0.3, fd00::1")];
        assert_eq!(client(ClientAddress::XForwardedFor, "10.0.0.1", &chain), "10.0.0.1");
        assert_eq!(client(ClientAddress::XForwardedFor, "10.0.0.1", &[]), "10.0.0.1");
    }
}
