//! Server-sent events that resume, for any HTTP stack.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod encode;
mod event;
pub mod timer;

#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use event::JsonError;
pub use event::{Event, EventId, EventType, InvalidEventId, InvalidEventType, Text};
