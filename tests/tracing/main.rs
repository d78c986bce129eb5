//! What an operator's subscriber of `tracing` hears.
#![cfg(feature = "tracing")]

mod hub;
mod record;
#[cfg(feature = "tokio")]
mod relay;
#[cfg(feature = "serve")]
mod serve;

#[path = "../support"]
mod support {
    #[cfg(feature = "tokio")]
    pub(crate) mod memory_log;
}
