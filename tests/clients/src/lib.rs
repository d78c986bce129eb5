//! Clients from npm and PyPI as processes of their own, and a proxy that cuts their streams at a given place.

mod client;
mod install;
mod proxy;

pub use client::{Client, Message};
pub use install::{Installed, version};
pub use proxy::{Cut, Place, Proxy, Way};

/// A test fails rather than to hang for ever.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
