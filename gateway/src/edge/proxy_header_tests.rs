//! Rules of the PROXY header.

use std::net::IpAddr;

use ppp::v2::{Builder, Command, Protocol, Version};
use proptest::prelude::*;

use super::*;

/// A header of either version, as a proxy writes it.
fn header(is_binary: bool, source: SocketAddr, extension: &[u8]) -> Vec<u8> {
    let own: SocketAddr = match source {
        SocketAddr::V4(_) => "198.51.100.1:443".parse().unwrap(),
        SocketAddr::V6(_) => "[2001:db8::1]:443".parse().unwrap(),
    };
    if is_binary {
        let kind = Version::Two | Command::Proxy;
        let built = Builder::with_addresses(kind, Protocol::Stream, (source, own));
        return built.write_tlv(0xE0_u8, extension).unwrap().build().unwrap();
    }
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), own.ip());
    format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), own.port()).into_bytes()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

#[test]
fn a_proxy_that_speaks_for_itself_names_nobody() {
    assert_eq!(parse(b"PROXY UNKNOWN\r\n").unwrap(), Parsed::Whole(None));
    let unknown = b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n";
    assert_eq!(parse(unknown).unwrap(), Parsed::Whole(None));
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
    assert_eq!(parse(local).unwrap(), Parsed::Whole(None));
}

#[test]
fn what_is_no_header_is_refused() {
    let long = format!("PROXY UNKNOWN {}", "x".repeat(MAX_TEXT_BYTES));
    for bytes in [
        b"GET / HTTP/1.1\r\n".as_slice(),
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        b"PROXY TCP4 300.2.3.4 5.6.7.8 1 2\r\n",
        b"PROXY UNKNOWN\n\nGET /",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x00",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x01\x7f",
        long.as_bytes(),
    ] {
        assert!(matches!(parse(bytes), Err(BadProxyHeader::Format)), "{bytes:?}");
    }
}

#[test]
fn a_header_beyond_the_bound_is_refused_before_it_is_read() {
    let mut start = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    let most = u16::try_from(MAX_PROXY_HEADER_BYTES - BINARY_START).unwrap();
    start.extend(most.to_be_bytes());
    assert_eq!(parse(&start).unwrap(), Parsed::Needs(usize::from(most)));
    start[BINARY_START - 2..].copy_from_slice(&(most + 1).to_be_bytes());
    assert!(matches!(parse(&start), Err(BadProxyHeader::TooLong)));
}

#[tokio::test(start_paused = true)]
async fn a_header_that_does_not_come_is_not_waited_for() {
    let (mut ours, _theirs) = tokio::io::duplex(64);
    assert!(matches!(read(&mut ours).await, Err(BadProxyHeader::TooSlow)));
}

proptest! {
    #[test]
    fn a_header_names_its_source_and_takes_no_byte_of_what_follows(
        address: IpAddr,
        port: u16,
        is_binary: bool,
        extension in proptest::collection::vec(any::<u8>(), 0..64),
        after: Vec<u8>,
    ) {
        let source = SocketAddr::new(address, port);
        let mut bytes = header(is_binary, source, &extension);
        bytes.extend(&after);
        let mut stream = bytes.as_slice();
        let read = block_on(read(&mut stream)).unwrap();
        prop_assert_eq!(read, Some(source));
        prop_assert_eq!(stream, after.as_slice());
    }

    #[test]
    fn a_part_of_a_header_never_asks_beyond_its_end(
        address: IpAddr,
        port: u16,
        is_binary: bool,
        cut: prop::sample::Index,
    ) {
        let whole = header(is_binary, SocketAddr::new(address, port), b"");
        let cut = cut.index(whole.len());
        match parse(&whole[..cut]) {
            Ok(Parsed::Needs(more)) => prop_assert!(more >= 1 && cut + more <= whole.len()),
            other => prop_assert!(false, "{:?} at {}", other, cut),
        }
    }
}
