//! Decoding an event stream: bytes in, events out.
//!
//! [`Decoder`] takes bytes in chunks of any size, as a socket delivers them, and yields events. It performs
//! no I/O and keeps no clock; to decode a `Stream` of chunks, see [`EventStream`](crate::EventStream).
//!
//! It implements sections 9.2.5 (parsing) and 9.2.6 (interpreting) of the WHATWG HTML Standard, under
//! [`Limits`] that the standard does not have: whatever the peer sends, memory is bounded and time is linear.

// To read in this order: `decoder` (what you call), `text` (bytes become one text, in which `lines` finds the lines that
// have ended), `interpreter` (what the lines say) and `open_event` (what they leave until a blank line). `utf8`,
// `line_ends`, `line` and `value` serve them.
//
// Invariants: everything behind `utf8` is text, so a value is a slice that needs no check; and the values of the open
// event are spans of the present text, so they are copied before text is dropped.

pub(crate) mod decoder;
mod interpreter;
pub(crate) mod item;
mod last_id;
pub(crate) mod leftover;
pub(crate) mod limits;
mod line;
mod line_ends;
mod lines;
mod open_event;
pub(crate) mod received_event;
mod text;
mod utf8;
mod value;

pub use self::{
    decoder::Decoder,
    item::{EventRef, Item},
    leftover::Leftover,
    limits::{LimitExceeded, LimitKind, Limits},
    received_event::ReceivedEvent,
};

#[cfg(test)]
mod tests;
