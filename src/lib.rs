//! Server-sent events that resume, for any HTTP stack.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod decode;
mod event_stream;
pub mod timer;

pub use decode::{Decoder, ReceivedEvent};
#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "http-body")))]
pub use event_stream::BodyChunks;
pub use event_stream::{EventStream, EventStreamError};
