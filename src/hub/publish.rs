use super::{Hub, topic_state::TopicState};
use crate::{
    Event,
    replay::{IdError, PushError, id_space::IdSpace, prepared::Prepared},
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
    /// The event is larger than a topic or the hub may ever hold. The name of its topic counts for the hub.
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
    /// Prepares an event, and checks all that can be checked before its turn has come.
    #[inline]
    pub(super) fn prepare<'a>(&self, topic: &str, event: &'a Event) -> Result<Prepared<'a>, PublishError> {
        let shared = &*self.shared;
        if shared.notices.is_reserved(event) {
            return Err(PublishError::ReservedType);
        }
        // The hub must have room for the topic, too.
        let max = shared.max_event.min(shared.max_bytes.saturating_sub(TopicState::OVERHEAD + topic.len()));
        Ok(Prepared::new(event, &shared.ids, max)?)
    }

    /// Publishes events, all of them or none, and returns what is asked of the IDs then.
    pub(super) fn append<T>(
        &self,
        topic: &str,
        batch: &mut [Prepared<'_>],
        ask: impl FnOnce(&IdSpace) -> T,
    ) -> Result<T, PublishError> {
        let now = self.shared.now();
        self.shared.change(|state, wake| {
            state.append(topic, now, batch, wake)?;
            Ok(ask(&state.ids))
        })
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
