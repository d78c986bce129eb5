//! An HTTP server for services whose answers are event streams.
//!
//! Use it where you would call `axum::serve`, or write an accept loop around hyper. [`Server`] serves
//! HTTP/1.1 and HTTP/2 on any [`Listener`] or single stream, and sets up what event streams need:
//! `TCP_NODELAY`, a timeout for the head of a request, a timeout for a stalled reader, a bound on connections
//! and on hyper's buffers, and a shutdown that ends in bounded time.
//!
//! # The hand-over
//!
//! An idle event stream needs a socket and a subscription, but a connection of hyper also keeps its buffers
//! and a large task. So hyper reads the request, and your service routes it and runs all its layers. If the
//! answer to an HTTP/1.1 request is an event stream, the server takes hyper's connection apart and frees the
//! buffers and the task. A small loop then writes the head and each frame of the body straight to the socket.
//! This reduces an idle connection from some 10 KiB of memory to less than 3 KiB.
//!
//! The client receives the head that hyper would have sent with `connection: close`, and the same chunked
//! body. Bytes that it sends after the request are read and discarded, so that its end is noticed at once;
//! more than 64 KiB end the connection. [`Server::hand_over`] turns all this off.
//!
//! The following stay with hyper:
//!
//! - HTTP/2 and HTTP/1.0, `HEAD`, `CONNECT`, and requests with an `upgrade` header;
//! - requests whose body the service has not read to its end. A body is counted as unread if the service
//!   takes hyper's `Incoming` rather than [`RequestBody`];
//! - responses with a status other than 200, with `content-length`, `transfer-encoding`, `content-encoding`,
//!   `upgrade` or `trailer`, with a reason phrase of their own, or with a body of known length;
//! - streams that cannot write several buffers at once (`AsyncWrite::is_write_vectored`).
//!
//! # How a stream ends
//!
//! | the body | the client receives |
//! | --- | --- |
//! | ends | everything, the last chunk, and the end of the stream (with TLS, `close_notify`) |
//! | fails, panics, or has not ended when the [time to drain](Server::drain) is over | everything that the body yielded, then a connection that ends without the last chunk |
//!
//! After an orderly end the server waits up to a second for the client to close, because closing a socket
//! with unread data resets the connection, and a reset destroys what the client has not read yet.
//!
//! # Reading order
//!
//! `server` has the options, the accept loop and the shutdown. `connection` follows one connection from its
//! first byte. `http1` decides about the hand-over, from flags that `service` and `socket` set. `stream` is
//! the loop that takes over.

mod connection;
mod head;
mod http1;
mod http2;
mod latch;
mod listener;
mod options;
mod outgoing;
mod peer;
mod registry;
mod request_body;
mod server;
mod service;
mod socket;
mod stall;
mod stream;
mod version;

pub use self::{
    listener::Listener,
    registry::Drained,
    request_body::RequestBody,
    server::Server,
    service::{HttpService, Hyper, Tower, WhenReady},
};
