//! A [`Log`](super::Log) in a folder.
//!
//! Read [`log`](self::log) first, then `frame` and `segment` for the format, `writer` for writing, `recovery`
//! for the state after a crash, and `reader`. The invariant: `index` contains only durable entries, readers
//! see only entries in `index`, and only the `writer`'s thread changes either.

mod bounds;
pub(crate) mod error;
mod frame;
pub(crate) mod ids;
mod index;
mod keys;
pub(crate) mod log;
pub(crate) mod options;
mod reader;
mod recovery;
mod segment;
mod writer;

pub(super) use self::ids::DiskIds;
