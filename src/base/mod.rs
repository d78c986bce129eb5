//! The ground that the rest stands on: the clock, the lock, random numbers, containers and
//! reports for an operator.
//!
//! Nothing here knows of events.

pub(crate) mod blocks;
pub(crate) mod clock;
pub(crate) mod deque;
pub(crate) mod header_list;
pub(crate) mod linear_hash;
pub(crate) mod panics;
pub(crate) mod random;
pub(crate) mod shrink;
pub(crate) mod slab;
pub(crate) mod sync;
pub(crate) mod trace;
