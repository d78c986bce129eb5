//! A PostgreSQL server of a test's own, and clients of a relay.
#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod client;
pub(crate) mod server;
