//! Server-sent events that resume, for any HTTP stack.
//!
//! A service pushes events to browsers, agents and other services over one HTTP response. This crate encodes them
//! once, keeps idle connections alive, remembers what a client missed, and hands that over after a reconnect
//! without a gap and without a duplicate, or says plainly that there is a gap. It also reads event streams, and
//! drives a client that reconnects by the book. It follows the WHATWG HTML Standard, section 9.2.
//!
//! # Sending
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use ssekit::{Body, Bounds, Hub, Subscribe};
//!
//! // The whole of a resumable endpoint, in whatever handler your stack has.
//! fn events(hub: &Hub, request: &http::Request<()>) -> Result<http::Response<Body>, http::Response<Body>> {
//!     let last_event_id = ssekit::last_event_id(request.headers(), request.uri().query());
//!     let events = hub.subscribe(Subscribe::to("orders").after(last_event_id))?;
//!     Ok(ssekit::response(events.keep_alive(Duration::from_secs(15))))
//! }
//!
//! let hub = Hub::new(Bounds::events(10_000));
//! let id = hub.publish("orders", "two coffees")?;
//! let request = http::Request::get("/orders").header("last-event-id", id.as_str()).body(())?;
//! let response = events(&hub, &request).expect("the hub is open");
//! assert_eq!(response.headers()["content-type"], "text/event-stream");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "tokio"))]
//! # fn main() {}
//! ```
//!
//! # Receiving
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use ssekit::EventStream;
//!
//! // Any stream of bytes, such as the body of a response.
//! let chunks = [Ok::<_, std::io::Error>(&b"data: two cof"[..]), Ok(b"fees\n\n")];
//! let mut events = EventStream::new(futures_util::stream::iter(chunks));
//! while let Some(event) = events.next().await {
//!     assert_eq!(event?.data(), "two coffees");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Which piece do I need?
//!
//! | to | use |
//! | --- | --- |
//! | push events to many clients and let them resume | [`Hub`], with [`last_event_id`] and [`response`] |
//! | send a stream of events that is there already | [`response`] with a [`KeepAlive`] around the stream |
//! | only encode | [`Event::encode`] |
//! | only remember what was sent | [`ReplayBuffer`] |
//! | read a response that ends by itself, such as a model's answer | [`EventStream`] |
//! | follow a stream for as long as it takes | `EventSource`, with the feature `client` |
//! | decode bytes without any I/O | [`Decoder`] |
//!
//! The `guide` module answers longer questions: resuming, topics, authorisation, shutting down, proxies, browsers,
//! limits, scaling out, moving from axum's `Sse`.
//!
//! hyper and axum take [`Body`] as it is; actix takes a subscription with `HttpResponse::streaming`. There are
//! whole programs in the repository's `examples` folder.
//!
//! # What is guaranteed
//!
//! A subscription yields its topics' events in order, each once, and before anything that it cannot have it is told
//! so; the [`hub`] module has the details. What a caller sends cannot inject a line, and what a peer sends cannot
//! cause a panic, nor memory or time without a bound.
//!
//! # What is not
//!
//! That an event which left has arrived: a client that was cut comes back with its last event ID, and that is when
//! the rest is sent again. That history survives a restart: a new process begins a new epoch, and clients are told.
//!
//! # Features
//!
//! Nothing is on by default. A feature adds to the API and changes nothing else.
//!
//! | feature | brings |
//! | --- | --- |
//! | `tokio` | timers on tokio's clock: [`KeepAlive`]`::new`, [`Subscription`]`::keep_alive` |
//! | `http-body` | `http_body::Body` for [`Body`]; `EventStream::from` a response |
//! | `client` | the client `EventSource`; brings `http-body` and `tokio` |
//! | `reqwest` | `reqwest::Client` as its transport, reqwest's responses as event streams; brings `client` |
//! | `json` | payloads as JSON: `Event::json`, `ReceivedEvent::json` |
//! | `redis` | one log for many processes on Redis Streams: `relay::RedisLog` |
//! | `serve` | an HTTP server whose idle event streams cost little: `serve::Server` |

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Without its feature an item that the docs link to is not there.
#![cfg_attr(not(all(feature = "json", feature = "serve")), allow(rustdoc::broken_intra_doc_links))]

mod blocks;
mod body;
pub mod client;
mod clock;
pub mod decode;
mod deque;
mod encode;
mod event;
mod event_stream;
mod frame;
mod header_list;
pub mod hub;
mod keep_alive;
mod random;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub mod relay;
pub mod replay;
mod request;
mod response;
#[cfg(feature = "serve")]
#[cfg_attr(docsrs, doc(cfg(feature = "serve")))]
pub mod serve;
mod shrink;
mod slab;
mod sync;
pub mod timer;

#[cfg(all(any(doc, doctest), feature = "http-body", feature = "json", feature = "tokio"))]
pub mod guide;

pub use body::Body;
#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use client::event_source::EventSource;
pub use decode::{Decoder, ReceivedEvent};
pub use event::{Event, EventId, EventType, InvalidEventId, InvalidEventType, Text};
#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use event::{JsonError, TypedError};
#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "http-body")))]
pub use event_stream::BodyChunks;
pub use event_stream::{EventStream, EventStreamError};
pub use frame::IntoFrame;
pub use hub::{Subscribe, handle::Hub, subscription::Subscription};
pub use keep_alive::KeepAlive;
pub use replay::{bounds::Bounds, buffer::ReplayBuffer};
pub use request::{
    LAST_EVENT_ID, LAST_EVENT_ID_PARAMETERS, LastEventId, accepts_event_stream, last_event_id,
    last_event_id_from, last_event_id_with,
};
pub use response::{RESPONSE_HEADERS, reconnect_after, response, stop_reconnecting};

/// The programs in the README compile.
#[cfg(all(doctest, feature = "http-body", feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
