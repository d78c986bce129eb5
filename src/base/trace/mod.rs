//! Reports for an operator: events and spans of the crate `tracing`, with the feature of that name.
//!
//! Call these functions without a lock, because they run the application's subscriber. Without the feature
//! they do nothing; with it but without a subscriber, each costs one load.

pub(crate) mod hub;
#[cfg(feature = "tokio")]
pub(crate) mod relay;
#[cfg(feature = "serve")]
pub(crate) mod serve;
#[cfg(feature = "tracing")]
mod text;
