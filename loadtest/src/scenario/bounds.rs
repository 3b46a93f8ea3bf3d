//! The bounds of a scenario, by name: one laptop has to be able to play it.
//!
//! Must not know what is bounded beyond its unit. Called by the checks of a scenario.

/// Most identified persons: as many as the stand-in hub has.
pub const MAX_PERSONS: u64 = crate::client::MAX_PEOPLE as u64;
/// Most legal entities that people act for: as many as the stand-in hub has.
pub const MAX_ENTITIES: u64 = crate::client::MAX_ENTITIES as u64;
/// Longest time before or after the release, in seconds.
pub const MAX_DURATION_S: u64 = 3_600;
/// Most requests a second of one bot.
pub const MAX_RATE_PER_SECOND: u64 = 500;
/// Most requests a second that all bots with a rate plan together.
pub const MAX_TOTAL_RATE_PER_SECOND: u64 = 20_000;
/// Most addresses of one farm's person, and most sybils.
pub const MAX_ADDRESSES: u64 = 1_000;
/// Most offices that people want.
pub const MAX_OFFICES: u64 = 200;
/// Most settings of the gateway.
pub const MAX_SETTINGS: u64 = 64;
/// Longest delay of a network, one way, and longest timeout, in milliseconds.
pub const MAX_DELAY_MS: u64 = 5_000;
/// Most round trips of a new connection.
pub const MAX_SET_UP_ROUND_TRIPS: u64 = 5;
/// Most segments in a hundred that a network loses.
pub const MAX_LOSS_PERCENT: f64 = 50.0;
/// Longest lag of the generator that a scenario may allow, in milliseconds.
pub const MAX_LAG_MS: u64 = 60_000;
/// Greatest advantage of bots that can be allowed: everybody could be one person's bot.
pub const MAX_ADVANTAGE: f64 = 100_000.0;
/// Longest pause of a poller, in milliseconds.
pub const MAX_POLL_MS: u64 = 60_000;
/// Most wishes of one request; the API's own bound.
pub const MAX_WISHES: u64 = 16;
/// Longest name of a scenario.
pub const MAX_NAME_BYTES: usize = 64;
