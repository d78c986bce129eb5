use crate::{
    event::value::Event,
    history::{error::PushError, id_space::IdSpace, prepared::Prepared},
    hub::{core::topic_state::TopicState, handle::Hub, publish_error::PublishError},
};

impl Hub {
    /// Prepares an event, and makes all checks that do not need the lock.
    #[inline]
    pub(super) fn prepare<'a>(&self, topic: &str, event: &'a Event) -> Result<Prepared<'a>, PublishError> {
        let shared = &*self.shared;
        if shared.notices.is_reserved(event) {
            return Err(PublishError::ReservedType);
        }
        // The hub must have room for the topic as well.
        let max = shared.max_event.min(shared.max_bytes.saturating_sub(TopicState::OVERHEAD + topic.len()));
        Ok(Prepared::new(event, &shared.ids, max)?)
    }

    /// Publishes events, all or none. Calls `ask` with the IDs under the same lock, and returns its result.
    pub(super) fn append<T>(
        &self,
        topic: &str,
        batch: &mut [Prepared<'_>],
        ask: impl FnOnce(&IdSpace) -> T,
    ) -> Result<T, PublishError> {
        // Without the lock: the clock may be one of the application.
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
