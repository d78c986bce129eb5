//! The state that a hub's publishers and subscribers share, behind one lock.
//!
//! Read [`shared`] first, then [`state`], which alone changes the counters, [`topics`] and [`topic_state`];
//! [`parking`] and [`lane`] hold those that wait. Wakers are handed out and woken once the lock is released.

pub(crate) mod lane;
pub(crate) mod name;
pub(crate) mod names;
pub(crate) mod oldest;
pub(crate) mod parking;
pub(crate) mod records;
pub(crate) mod shared;
pub(crate) mod state;
pub(crate) mod subscriber;
pub(crate) mod topic_state;
pub(crate) mod topics;
mod users;
