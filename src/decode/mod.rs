//! Decoding an event stream: bytes in, events out.
//!
//! [`Decoder`] takes bytes in chunks of any size, as a socket gives them, and yields what they say. It performs no
//! I/O and keeps no clock; to decode a `Stream` of chunks, see [`EventStream`](crate::EventStream).
//!
//! It follows the WHATWG HTML Standard, sections 9.2.5 (parsing) and 9.2.6 (interpreting), to the letter, under
//! [`Limits`] that the standard does not have: whatever the peer sends, memory stays bounded and time linear.

mod buffer;
mod decoder;
mod item;
mod items;
mod limits;
mod line;
mod line_ends;
mod open;
mod received_event;
mod text;

pub use self::{
    decoder::Decoder,
    item::{EventRef, Item},
    items::Items,
    limits::{LimitExceeded, LimitKind, Limits},
    received_event::ReceivedEvent,
};
