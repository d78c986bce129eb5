//! A bounded history of events that you deliver by your own means.
//!
//! [`ReplayBuffer`] is one run of events for one owner, with [`Bounds`] and [`Ids`]. A service that also
//! wants to deliver live events uses a [`Hub`](crate::Hub), which keeps such a history for each topic and
//! hands it over without a gap.

pub(crate) mod replay_buffer;

pub use self::replay_buffer::{Events, Replay, ReplayBuffer};
pub use crate::history::{
    bounds::Bounds,
    error::{IdError, PushError},
    ids::{IdOrder, Ids},
};
