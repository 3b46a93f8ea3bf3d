//! The rules of the whole system, each asked of the real program over HTTP.
//!
//! `harness` starts processes and plays browsers; every other file is a group of rules.

#![cfg(feature = "demo")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod about;
mod admin;
mod app_login;
mod attack;
mod config;
mod connections;
mod crowd;
mod demo;
mod disk;
mod drain;
mod drills;
mod harness;
mod kiosk;
mod login;
mod logs;
mod metrics;
mod moves;
#[cfg(feature = "oidc")]
#[path = "../../../xtask/src/npm.rs"]
mod npm;
#[cfg(feature = "oidc")]
mod openid;
mod pace;
mod persons;
mod pressure;
mod prometheus;
mod proof;
mod proof_refusals;
mod proxies;
mod public;
mod redis;
#[path = "../admission_redis/gate.rs"]
mod redis_gate;
#[path = "../admission_redis/server.rs"]
mod redis_server;
mod redis_trouble;
mod refusals;
mod release;
mod reload;
mod remote;
mod requests;
mod sessions;
mod story;
mod tls;
mod traces;
mod units;
