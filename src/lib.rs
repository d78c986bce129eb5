//! Server-sent events that resume, for any HTTP stack.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
pub mod client;
mod clock;
pub mod decode;
mod encode;
mod event;
mod event_stream;
mod frame;
pub mod hub;
mod keep_alive;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub mod relay;
pub mod replay;
mod request;
mod response;
mod shrink;
mod slab;
mod sync;
pub mod timer;

pub use body::Body;
#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "http-body")))]
pub use client::event_source::EventSource;
pub use decode::{Decoder, ReceivedEvent};
#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use event::JsonError;
pub use event::{Event, EventId, EventType, InvalidEventId, InvalidEventType, Text};
pub use event_stream::{EventStream, EventStreamError};
pub use frame::IntoFrame;
pub use hub::{handle::Hub, subscription::Subscription};
pub use keep_alive::KeepAlive;
pub use replay::{bounds::Bounds, buffer::ReplayBuffer};
pub use request::{LAST_EVENT_ID, LastEventId, accepts_event_stream, last_event_id, last_event_id_from};
pub use response::{RESPONSE_HEADERS, reconnect_after, response, stop_reconnecting};
