//! Server-sent events that resume, for any HTTP stack.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod decode;
mod event_stream;
pub mod timer;

pub use self::{
    decode::{Decoder, ReceivedEvent},
    event_stream::{EventStream, EventStreamError},
};
