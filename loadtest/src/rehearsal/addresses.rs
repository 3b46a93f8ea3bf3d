//! Addresses of this computer that devices come from: 127.0.0.0/8 without 127.0.0.0/16.
//!
//! Must not know who comes from them. Called by the cast.

use std::net::Ipv4Addr;

/// Most addresses that are told apart; further devices share them.
pub(super) const MAX_ADDRESSES: usize = 250 * 250 * 250;

/// The address of device `number`; devices beyond [`MAX_ADDRESSES`] begin again.
pub(super) fn address(number: usize) -> Ipv4Addr {
    // Neither 0 nor 255 at the end: those are no hosts elsewhere.
    let digit =
        |weight: usize| u8::try_from(number % MAX_ADDRESSES / weight % 250).expect("below 250") + 1;
    Ipv4Addr::new(127, digit(250 * 250), digit(250), digit(1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn devices_come_from_different_addresses_of_loopback() {
        let many: BTreeSet<Ipv4Addr> = (0..100_000).map(address).collect();
        assert_eq!(many.len(), 100_000);
        assert!(many.iter().all(Ipv4Addr::is_loopback));
        assert!(!many.contains(&Ipv4Addr::LOCALHOST));
        assert_eq!(address(0), address(MAX_ADDRESSES));
        assert_eq!(address(MAX_ADDRESSES - 1), Ipv4Addr::new(127, 250, 250, 250));
    }
}
