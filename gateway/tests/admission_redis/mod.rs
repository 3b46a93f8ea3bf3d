//! What only the store in Redis has: servers to start, and trouble with them.

pub(crate) mod access;
pub(crate) mod cluster;
mod failover;
pub(crate) mod gate;
mod peaks;
pub(crate) mod server;
mod trouble;
