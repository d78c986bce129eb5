//! A bounded history of events, and where a last event ID points in it.
//!
//! [`ReplayBuffer`](crate::ReplayBuffer) is one run of events for one owner. A service that also wants to deliver live events uses a
//! [`Hub`](crate::Hub), which keeps such a history for each topic and hands it over without a gap.

pub(crate) mod bounds;
pub(crate) mod buffer;
pub(crate) mod id_space;
mod ids;
pub(crate) mod log;
pub(crate) mod prepared;
pub(crate) mod scheme;

pub use self::{
    buffer::{Events, PushError, Replay},
    ids::{IdError, IdOrder, Ids},
};
