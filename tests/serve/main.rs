//! The server keeps the promises of HTTP and of event streams, whoever writes the stream: hyper, or the small loop
//! that takes over from it.
#![cfg(feature = "serve")]

mod app;
mod client;
mod differential;
mod endings;
mod hand_over;
mod head;
mod http2;
mod peers;
mod script;
mod shutdown;
mod stalls;
mod tls;
mod versions;

#[path = "../support/random.rs"]
mod random;
#[path = "../support/serve_model.rs"]
mod serve_model;
