//! What a process of Talon shows of itself: one table of all metrics, their recorder, its log and traces, the admin
//! listener's routes for health and metrics, and what the service manager is told.
//!
//! Must not know what is measured, nor when. Called by the gateway and by the ledger's own server; every
//! metric that is recorded anywhere is named in [`table`].

pub mod admin;
pub mod dashboards;
pub mod document;
pub mod handles;
pub mod logs;
pub mod metric;
pub mod recorder;
pub mod request_id;
pub mod scope;
pub mod service;
pub mod spans;
pub mod table;
