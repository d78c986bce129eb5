//! Worlds: hubs, relays, clients and a log on a simulated network and clock, in one thread, each from one seed.
//!
//! [`plan`] draws what happens, [`sim`] lets it happen, [`oracle`] checks the promises, and [`shrink`] makes a
//! world that breaks one smaller.

pub mod client;
pub mod log;
pub mod node;
pub mod oracle;
pub mod plan;
pub mod rng;
pub mod shrink;
pub mod sim;
pub mod truth;
pub mod world;
