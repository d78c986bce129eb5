//! The storage engine: a bounded run of encoded events, and what a last event ID points to in it.
//!
//! Read [`log`] first, the history of one topic. It is one [`stretch`] of text and index, with its [`sealed`]
//! part; or, if events have keys or labels, [`sections`] of bounded size, each a [`section`] with [`tags`],
//! and an index of the [`keys`]. [`prepared`] is an event that waits for its turn. [`id_space`] gives out
//! positions and finds them again; [`ids`] is the public choice of IDs, [`scheme`] how they are made and
//! read.
//!
//! A reader's place is a position. Events leave from the front, evicted, or from the middle, superseded by a
//! newer one with their key; only the first is a gap. No operation takes time linear in the number of events.
//!
//! Nothing here locks, wakes, reads a clock or calls an application.

pub(crate) mod beside;
pub(crate) mod bounds;
pub(crate) mod error;
pub(crate) mod id_space;
pub(crate) mod ids;
mod keys;
pub(crate) mod log;
pub(crate) mod position;
pub(crate) mod prepared;
mod reads;
mod rebuild;
pub(crate) mod run;
pub(crate) mod scheme;
mod sealed;
mod section;
mod sections;
mod stretch;
mod tags;
