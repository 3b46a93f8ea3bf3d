//! Who asks: keys, session tokens, cookies, and login through the identification hub.
//!
//! An identifier lives here for the length of one login and leaves as a pseudonym. Must not know
//! bookings.

pub mod app_login;
pub mod cookies;
pub mod hub;
pub mod keys;
pub mod login;
#[cfg(feature = "oidc")]
pub mod openid_connect;
pub mod provider;
pub mod token;
