//! The client.

mod driver;
mod example_broadcast;
mod examples;
mod llm;
mod model;
mod progress;
mod protocol;
mod proxy;
mod refusals;
mod sockets;
mod steering;
mod table;
mod transports;
mod types;

#[path = "../support"]
mod support {
    pub(crate) mod client_model;
    pub(crate) mod client_steps;
    #[cfg(feature = "client")]
    pub(crate) mod counting_waker;
    #[cfg(feature = "http-body")]
    pub(crate) mod manual_clock;
    #[cfg(feature = "client")]
    pub(crate) mod manual_timer;
    #[cfg(all(feature = "http-body", feature = "tokio"))]
    pub(crate) mod proxy;
    #[cfg(any(all(feature = "http-body", feature = "tokio"), feature = "client", feature = "http-body"))]
    pub(crate) mod raw_connection;
    #[cfg(any(feature = "client", feature = "http-body"))]
    pub(crate) mod raw_server;
    pub(crate) mod simulation;
    pub(crate) mod streams;
    pub(crate) mod twin;
}
