use super::Hub;
use crate::{
    Event,
    replay::{
        IdError, PushError,
        buffer::prepare,
        log::{Position, Prepared},
    },
};

/// An event could not be published. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The hub is closed.
    #[error("the hub is closed")]
    Closed,
    /// The topic is finished.
    #[error("the topic is finished")]
    Finished,
    /// The event has a type that the hub keeps for its own notices.
    #[error("the event type is reserved for the hub's notices")]
    ReservedType,
    /// The event is larger than a topic or the hub may ever hold.
    #[error("an event of {len} bytes is larger than the bound of {max}")]
    TooLarge {
        /// What the event takes, [overhead](crate::Bounds::EVENT_OVERHEAD) included.
        len: usize,
        /// The bound in bytes.
        max: usize,
    },
    /// The event's ID does not fit the IDs in use.
    #[error(transparent)]
    Id(#[from] IdError),
}

impl Hub {
    /// Encodes an event, and checks all that can be checked before its turn has come.
    pub(super) fn prepare<'a>(&self, event: &'a Event) -> Result<(&'a Event, Prepared), PublishError> {
        if self.shared.notices.is_reserved(event) {
            return Err(PublishError::ReservedType);
        }
        Ok((event, prepare(event, &self.shared.ids, self.shared.max_event)?))
    }

    /// Publishes events, all of them or none, and returns the position before the first.
    pub(super) fn append(
        &self,
        topic: &str,
        batch: &mut [(&Event, Prepared)],
    ) -> Result<Position, PublishError> {
        let now = self.shared.now();
        self.shared.change(|state| state.append(topic, now, batch))
    }
}

impl From<PushError> for PublishError {
    fn from(error: PushError) -> Self {
        match error {
            PushError::TooLarge { len, max } => Self::TooLarge { len, max },
            PushError::Id(error) => Self::Id(error),
        }
    }
}
