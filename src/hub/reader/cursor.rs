use crate::{
    base::slab::Key,
    history::{log::Log, position::Position},
    hub::core::{name::Name, state::State},
};

/// The position of a subscription in one of its topics.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    pub(crate) topic: Key,
    pub(crate) name: Name,
    /// The position up to which everything was delivered, or does not concern the subscription.
    pub(crate) after: Position,
}

impl Cursor {
    /// Returns whether events were evicted that are not delivered.
    #[inline]
    pub(crate) fn has_lost(&self, log: &Log) -> bool {
        log.has_evicted_after(self.after)
    }

    /// Returns whether events follow, held or evicted.
    #[inline]
    pub(crate) fn is_behind(&self, log: &Log) -> bool {
        self.after < log.last()
    }

    /// Returns the position of the next event to deliver. The events before it must be held.
    #[inline]
    pub(crate) fn next(&self, log: &Log) -> Option<Position> {
        if self.is_behind(log) { log.position_after(self.after) } else { None }
    }

    /// Returns whether its topic is finished, and no event follows.
    pub(crate) fn is_at_the_end(&self, state: &State) -> bool {
        let topic = state.topics.get(self.topic);
        topic.is_finished() && !self.is_behind(&topic.log)
    }

    /// Returns whether a position is the same place: no event lies between.
    pub(crate) fn is_at(&self, position: Position, state: &State) -> bool {
        let log = &state.topics.get(self.topic).log;
        self.after <= position && (!self.is_behind(log) || self.next(log).is_none_or(|next| position < next))
    }

    /// Moves past the events that are no longer held.
    pub(crate) fn skip(&mut self, state: &State) {
        self.after = self.after.max(state.topics.get(self.topic).log.evicted());
    }
}
