//! A [`Log`](super::Log) in a folder.
//!
//! Read [`log`](self::log) first, then `frame` and `segment` for the format, `writer` for what is written when,
//! `recovery` for what is found after a crash, and `reader`. The invariant: `index` knows only what is durable, readers
//! see only what `index` knows, and only the thread of `writer` changes either.

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
