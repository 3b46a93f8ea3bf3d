//! The gateway: from a connection to an answer.
//!
//! Owns connections, identification, admission, proofs, the HTTP API and the pages. Must not know
//! words of claimed bits or journals: the ledger is behind [`talon_wire::Ledger`]. The binary
//! `talon` starts it.
//!
//! The hot lane ([`hot`]) answers bookings, availability and challenges directly on hyper, on one
//! runtime per core ([`server`]); everything else is axum ([`cold`]) behind the same connection.

pub mod admission;
pub mod app;
pub mod availability;
pub mod caller;
pub mod cold;
pub mod config;
pub mod connections;
pub mod demand;
#[cfg(feature = "demo")]
pub mod demo;
pub mod edge;
pub mod first_free;
pub mod hot;
pub mod http;
pub mod identity;
pub mod measures;
pub mod openapi;
pub mod operations;
pub mod pages;
pub mod process;
pub mod proof;
pub mod release_peaks;
pub mod request;
pub mod server;
pub mod shadow;
pub mod slow_lane;
pub mod standing;
pub mod views;
