//! nginx for tests, and a client that tells what comes through it, block by block.

mod client;
mod nginx;

pub use client::{Block, Client};
pub use nginx::Nginx;

/// A test fails rather than to hang for ever.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
