//! The storage engine: a bounded run of encoded events, and what a last event ID points to in it.
//!
//! Read [`log`] first, which holds the events, then [`prepared`], an event that waits for its turn, and [`id_space`], which
//! gives out positions and finds them again. [`ids`] is the public choice of IDs, [`scheme`] how they are made and read.
//!
//! Nothing here locks, wakes, reads a clock or calls an application.

pub(crate) mod bounds;
pub(crate) mod error;
pub(crate) mod id_space;
pub(crate) mod ids;
pub(crate) mod log;
pub(crate) mod position;
pub(crate) mod prepared;
pub(crate) mod scheme;
