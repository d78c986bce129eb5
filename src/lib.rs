//! Server-sent events that resume, for any HTTP stack.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
mod encode;
mod event;
mod hub;
mod replay;
mod slab;
mod sync;
pub mod timer;

#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use event::JsonError;
pub use event::{Event, EventId, EventType, InvalidEventId, InvalidEventType, Text};
pub use replay::{Bounds, Events, IdError, IdOrder, Ids, PushError, Replay, ReplayBuffer};
