//! What a hub that is fed from a log outside this process needs beyond publishing of its own.

use std::time::Instant;

use bytes::Bytes;

use crate::{
    base::{
        clock::Clock,
        sync::{Arc, lock},
    },
    event::{id::EventId, value::Event},
    history::{bounds::Bounds, error::IdError, position::Position, prepared::Prepared},
    hub::{
        builder::HubBuilder,
        core::state::State,
        handle::Hub,
        notice::Gap,
        policies::Start,
        publish_error::PublishError,
        reader::{
            cursor::Cursor,
            reading::{Ending, Filter, Reader, freshest},
        },
        subscribe::find,
        subscription::Subscription,
    },
};

/// What becomes of a subscription that has read elsewhere and wants to go on in a hub.
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is returned")]
pub(crate) enum Joined {
    /// It goes on. It has been given everything up to this position, or that does not concern it.
    Here(Subscription, Position),
    /// The hub is not so far yet, or no longer holds all that follows.
    NotHere,
    /// All its topics are finished, and nothing remains for it.
    Finished,
    /// The hub is closed, and sends this away with it.
    Closed(Option<Bytes>),
}

impl Hub {
    /// Appends events that a log holds to a topic, which begins anew if it was finished.
    ///
    /// An event that is larger than the bounds is let go at once, so that subscribers lag and turn to the log.
    pub(crate) fn feed(&self, topic: &str, events: &[Event]) -> Result<(), PublishError> {
        let shared = &*self.shared;
        let batch: Result<Vec<_>, _> =
            events.iter().map(|event| Prepared::new(event, &shared.ids, usize::MAX)).collect();
        let mut batch = batch?;
        let now = shared.now();
        shared.change(|state, wake| {
            state.reopen(topic);
            state.append(topic, now, &mut batch, wake)
        })
    }

    /// Moves the head to a position of the log at which there is no event.
    pub(crate) fn advance(&self, position: Position) {
        lock(&self.shared.state).ids.advance(position);
    }

    /// Lets a subscription go on here that has been given everything up to `seen`, if nothing would be missing.
    ///
    /// That it is not missing anything and that it gets what comes is one decision, under one lock. Unless it has
    /// `told` its client a position already, the caller is to tell it the one that is returned.
    pub(crate) fn join(&self, topics: &[String], seen: Position, told: Option<Position>) -> Joined {
        let shared = &self.shared;
        let now = shared.now();
        let mut state = lock(&shared.state);
        if state.closing.is_some() {
            let ending = Ending::of_closed(&mut state);
            drop(state);
            return Joined::Closed(ending.block(shared));
        }
        state.expire(now);
        if state.ids.head() < seen {
            return Joined::NotHere;
        }
        let (cursors, gap) = find(topics, Start::Now, Some(seen), &mut state);
        let leave = |state: &mut State, cursors: &[Cursor]| {
            for cursor in cursors {
                state.topics.retire(cursor.topic);
            }
        };
        if gap {
            leave(&mut state, &cursors);
            return Joined::NotHere;
        }
        let nothing_remains = cursors.iter().all(|cursor| {
            let topic = state.topics.get(cursor.topic);
            topic.is_finished() && cursor.next == topic.log.next()
        });
        if nothing_remains {
            leave(&mut state, &cursors);
            return Joined::Finished;
        }
        state.resumed += u64::from(told.is_none());
        let position = freshest(&cursors, &state).max(seen);
        let mut reader = Reader::enter(cursors, position, &mut state);
        drop(state);
        reader.told = told.unwrap_or(position);
        Joined::Here(Subscription::new(Arc::clone(shared), reader, None, None), position)
    }

    /// Counts events that subscribers of this hub were given from elsewhere.
    pub(crate) fn count_delivered(&self, events: u64) {
        lock(&self.shared.state).delivered += events;
    }

    /// Counts a subscriber that has fallen behind elsewhere.
    pub(crate) fn count_lagged(&self) {
        lock(&self.shared.state).lagged += 1;
    }

    /// Counts a client that came back and goes on elsewhere, with a gap or without.
    pub(crate) fn count_resumed(&self, gap: bool) {
        let mut state = lock(&self.shared.state);
        state.gaps += u64::from(gap);
        state.resumed += u64::from(!gap);
    }
}

impl HubBuilder {
    /// Checks whether an event may be published that gets its ID from a log.
    pub(crate) fn check(&self, event: &Event) -> Result<(), PublishError> {
        if self.is_reserved(event) {
            return Err(PublishError::ReservedType);
        }
        if event.id().is_some() {
            return Err(IdError::Unexpected.into());
        }
        let len = event.encoded_len() + EventId::MAX_BYTES + Bounds::EVENT_OVERHEAD;
        let max = self.max_event();
        if len > max { Err(PublishError::TooLarge { len, max }) } else { Ok(()) }
    }

    /// Returns whether an event has a type that is kept for notices.
    pub(crate) fn is_reserved(&self, event: &Event) -> bool {
        self.notices.is_reserved(event)
    }

    /// Writes the block that tells a gap, with the reconnection time if it is the first one.
    pub(crate) fn gap_block(&self, gap: &Gap, is_first: bool) -> Bytes {
        self.notices.gap(gap, self.retry.filter(|_| is_first))
    }

    /// Writes the block that tells a position, if one is to be written.
    pub(crate) fn position_block(&self, id: Option<EventId>, is_first: bool) -> Option<Bytes> {
        self.notices.position(id, self.retry.filter(|_| is_first))
    }

    /// Writes the block with a position that has moved in a silence, which an event that is due may carry.
    pub(crate) fn moved_block(&self, id: EventId, due: Option<&Bytes>) -> Option<Bytes> {
        self.notices.moved(id, due)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }
}

impl Subscription {
    pub(crate) fn with_filter(mut self, filter: Option<Filter>) -> Self {
        self.reader.filter = filter;
        self
    }

    /// Sets when the stream ends. The caller is to poll it then.
    pub(crate) fn ending_at(mut self, ends_at: Option<Instant>) -> Self {
        self.reader.ends_at = ends_at;
        self.woken_elsewhere()
    }

    /// Returns what was seen and what was told, and hands the filter back, if the stream has ended because it had
    /// fallen behind or because its hub was closed: what follows may be found elsewhere.
    pub(crate) fn left_at(&mut self) -> Option<(Position, Position, Option<Filter>)> {
        let reader = &mut self.reader;
        self.left.then(|| (reader.seen, reader.told, reader.filter.take()))
    }
}
