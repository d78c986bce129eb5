//! Server-sent events that resume, for any HTTP stack.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod client;
pub mod decode;
mod event_stream;
pub mod timer;

#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "http-body")))]
pub use self::client::event_source::EventSource;
pub use self::{
    decode::{Decoder, ReceivedEvent},
    event_stream::{EventStream, EventStreamError},
};
