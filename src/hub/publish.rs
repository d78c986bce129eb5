use super::Hub;
use crate::{
    Event, EventId,
    replay::{IdError, PushError, buffer::prepare, log::Prepared},
    sync::lock,
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
    /// Publishes events, all of them or none.
    pub(super) fn append(
        &self,
        topic: &str,
        batch: &mut [(&Event, Option<Prepared>)],
        mut published: impl FnMut(EventId),
    ) -> Result<(), PublishError> {
        let shared = &*self.shared;
        for (event, prepared) in batch.iter_mut() {
            if shared.notices.is_reserved(event) {
                return Err(PublishError::ReservedType);
            }
            *prepared = Some(prepare(event, shared.max_event)?);
        }
        let now = shared.now();
        let (head, wake) = lock(&shared.state).append(topic, now, batch)?;
        wake.wake();
        for ((event, _), position) in batch.iter().zip(head + 1..) {
            let own = shared.epoch.map(|epoch| epoch.id(position));
            if let Some(id) = event.id().cloned().or(own) {
                published(id);
            }
        }
        Ok(())
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
