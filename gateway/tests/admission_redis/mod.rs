//! What only the store in Redis has: a server to start, and trouble with it.

pub(crate) mod server;
mod trouble;
