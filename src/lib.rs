//! Server-sent events that resume, for any HTTP stack.
//!
//! A service pushes events to browsers, agents and other services over one HTTP response. This crate encodes
//! each event once, keeps idle connections alive, stores what a client missed, and delivers that after a
//! reconnect without a gap or a duplicate. If some events are no longer available, it says so before any
//! later event. It also reads event streams, and runs a client that reconnects as the standard says. It
//! implements the WHATWG HTML Standard, section 9.2.
//!
//! # Sending
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use ssekit::{Body, Bounds, Hub, Subscribe};
//!
//! // A complete resumable endpoint, for a handler in any HTTP stack.
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
//! # Choosing a type
//!
//! | to | use |
//! | --- | --- |
//! | push events to many clients and let them resume | [`Hub`], with [`last_event_id`] and [`response`] |
//! | send a stream of events that you already have | [`response`] with a [`KeepAlive`] around the stream |
//! | only encode | [`Event::encode`] |
//! | only store what was sent | [`ReplayBuffer`] |
//! | read a response that ends by itself, such as a model's answer | [`EventStream`] |
//! | follow a stream and reconnect to it | `EventSource`, with the feature `client` |
//! | decode bytes without any I/O | [`Decoder`] |
//!
//! The `guide` module answers longer questions: resuming, topics, authorisation, shutting down, proxies,
//! browsers, limits, scaling out, testing, troubleshooting, moving from axum's `Sse`.
//!
//! hyper and axum take [`Body`] directly; actix takes a subscription with `HttpResponse::streaming`. The
//! repository's `examples` folder has complete programs.
//!
//! # Guarantees
//!
//! A subscription yields the events of its topics in order and once each. If some events are no longer
//! available, it says so before any later event; see the [`hub`] module. Data that you send cannot inject
//! lines. Data that a peer sends cannot cause a panic, or unbounded use of memory or time.
//!
//! # Not guaranteed
//!
//! - Arrival: an event that was sent may be lost with its connection. The client reconnects with its last
//!   event ID, and the rest is sent again.
//! - History across a restart: a new process begins a new epoch, and clients learn of it by a notice.
//!
//! # Features
//!
//! No feature is enabled by default. A feature adds to the API and changes nothing else.
//!
//! | feature | adds |
//! | --- | --- |
//! | `tokio` | timers on tokio's clock: [`KeepAlive`]`::new`, [`Subscription`]`::keep_alive` |
//! | `http-body` | `http_body::Body` for [`Body`]; `EventStream::from` a response |
//! | `client` | the client `EventSource`; enables `http-body` and `tokio` |
//! | `reqwest` | `reqwest::Client` as its transport, reqwest's responses as event streams; enables `client` |
//! | `json` | payloads as JSON: `Event::json`, `ReceivedEvent::json` |
//! | `disk` | a history in a folder, which outlives the process: `relay::DiskLog`; needs Rust 1.89 |
//! | `redis` | one log for many processes on Redis Streams: `relay::RedisLog` |
//! | `redis-tls` | TLS for `relay::RedisLog`, over rustls: `rediss://` |
//! | `serve` | an HTTP server in which idle event streams take little memory: `serve::Server` |
//! | `tracing` | events and spans of `tracing` for an operator: see the guide's page `operating` |
//! | `test-util` | tests that any log must pass: `relay::testing`; randomness with a seed: `testing` |

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Without its feature, an item that the docs link to does not exist.
#![cfg_attr(not(all(feature = "json", feature = "serve")), allow(rustdoc::broken_intra_doc_links))]

mod base;
mod body;
pub mod client;
pub mod decode;
mod encode;
mod event;
mod event_stream;
mod frame;
mod history;
pub mod hub;
mod keep_alive;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub mod relay;
pub mod replay;
mod request;
mod response;
#[cfg(feature = "serve")]
#[cfg_attr(docsrs, doc(cfg(feature = "serve")))]
pub mod serve;
#[cfg(feature = "test-util")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
pub mod testing;
pub mod timer;
mod wire;

#[cfg(all(any(doc, doctest), feature = "http-body", feature = "json", feature = "tokio"))]
pub mod guide;

#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::client::event_source::EventSource;
#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use self::event::json::JsonError;
#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use self::event::typed::error::TypedError;
#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "http-body")))]
pub use self::event_stream::body_chunks::BodyChunks;
pub use self::{
    body::Body,
    decode::{decoder::Decoder, received_event::ReceivedEvent},
    event::{
        event_type::{EventType, InvalidEventType},
        id::{EventId, InvalidEventId},
        into_event::IntoEvent,
        into_event_id::IntoEventId,
        text::Text,
        value::Event,
    },
    event_stream::{EventStream, error::EventStreamError},
    frame::IntoFrame,
    hub::{handle::Hub, subscribe::Subscribe, subscription::Subscription},
    keep_alive::KeepAlive,
    replay::{Bounds, ReplayBuffer},
    request::{
        LAST_EVENT_ID, LAST_EVENT_ID_PARAMETERS, LastEventId, accepts_event_stream, last_event_id,
        last_event_id_from, last_event_id_with,
    },
    response::{RESPONSE_HEADERS, reconnect_after, response, stop_reconnecting},
};

/// The programs in the README compile.
#[cfg(all(doctest, feature = "reqwest"))]
#[doc = include_str!("../README.md")]
struct Readme;
