//! The event stream format as bytes: field names, line breaks, and writing a field.
//!
//! Encoding and JSON write with these, the history and the hub read what they wrote. Read [`field`] first.

pub(crate) mod breaks;
pub(crate) mod field;
pub(crate) mod put;
