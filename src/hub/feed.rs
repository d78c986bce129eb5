//! Support for a hub that is fed from a log outside this process.

use std::time::Instant;

use bytes::Bytes;

use crate::{
    base::sync::{Arc, lock},
    event::{id::EventId, value::Event},
    history::{beside::Beside, bounds::Bounds, error::IdError, position::Position, prepared::Prepared},
    hub::{
        builder::HubBuilder,
        core::state::State,
        handle::Hub,
        history_page::HistoryPage,
        notice::{Gap, SharedNotices},
        policies::Start,
        publish_error::PublishError,
        reader::{
            cursor::Cursor,
            ending::Ending,
            find::find,
            live::Live,
            options::Filter,
            reading::{Reader, freshest},
        },
        refusal::Refusal,
        subscribe::Subscribe,
        topic_stats::TopicStats,
    },
};

/// The result of a subscription's attempt to continue in a hub after it has read elsewhere.
pub(crate) enum Joined {
    /// It continues. Everything up to this position was delivered, or does not concern it.
    Here(Live, Position),
    /// The hub has not reached that position yet, or no longer holds everything that follows.
    NotHere,
    /// All topics are finished, and no event remains for the client.
    Finished,
    /// The hub is closed. This is the last block for the client.
    Closed(Option<Bytes>),
}

impl Hub {
    /// Appends events of the log to a topic. If the topic was finished, it begins again.
    ///
    /// An event that exceeds the bounds is evicted at once, so that subscribers lag and turn to the log.
    pub(crate) fn feed(&self, topic: &str, events: &[Event]) -> Result<(), PublishError> {
        let shared = &*self.shared;
        let batch: Result<Vec<_>, _> =
            events.iter().map(|event| Prepared::new(event, &shared.ids, usize::MAX)).collect();
        let mut batch = batch?;
        let now = shared.now();
        shared.change(|state, wake| {
            // A log may hold events after a mark, of a node that did not know of it; see
            // `Log::append`. Then the topic has begun again.
            state.reopen(topic);
            state.append(topic, now, &mut batch, wake)
        })
    }

    /// Moves the head to a position of the log without an event. Does nothing once the hub is closed: it
    /// takes no more events, so the position may be that of one it refused, and its readers get the head.
    pub(crate) fn advance(&self, position: Position) {
        let mut state = lock(&self.shared.state);
        if state.closing.is_none() {
            state.ids.advance(position);
        }
    }

    /// Enters a subscription that has received everything up to a position, or one that begins at the oldest
    /// event, if it would miss nothing.
    ///
    /// Both checks and the entering happen under one lock, so no event can fall between them. If `told` is
    /// `None`, the caller must send the client the returned position, unless that is zero.
    pub(crate) fn join(&self, topics: &[String], after: Option<Position>, told: Option<Position>) -> Joined {
        let shared = &self.shared;
        let now = shared.now();
        let mut state = lock(&shared.state);
        if state.closing.is_some() {
            let ending = Ending::of_closed(&mut state);
            // The block is built without the lock, which others wait for.
            drop(state);
            return Joined::Closed(ending.block(&shared.ids, &shared.notices));
        }
        state.expire(now);
        let seen = after.unwrap_or(0);
        // The hub has not been fed this far, so it cannot tell what follows.
        if state.ids.head() < seen {
            return Joined::NotHere;
        }
        let (cursors, gap) = find(topics, Start::Oldest, after, &mut state);
        // Looking may have opened topics, which nobody holds now.
        let leave = |state: &mut State, cursors: &[Cursor]| {
            for cursor in cursors {
                state.topics.retire(cursor.topic);
            }
        };
        if gap {
            leave(&mut state, &cursors);
            return Joined::NotHere;
        }
        let nothing_remains = cursors.iter().all(|cursor| cursor.is_at_the_end(&state));
        // A running stream may have lost its last topic, and stays open.
        if nothing_remains && !cursors.is_empty() {
            leave(&mut state, &cursors);
            return Joined::Finished;
        }
        state.resumed += u64::from(told.is_none() && after.is_some());
        let position = freshest(&cursors, seen, &state);
        let mut reader = Reader::enter(cursors, position, &mut state);
        drop(state);
        reader.is_told = told.is_none_or(|told| told >= position);
        Joined::Here(Live::new(Arc::clone(shared), reader), position)
    }

    /// Adds the events of a topic after a position, or from the oldest one, to a page of its history. Returns
    /// `false` and changes nothing if the hub lacks some of them, or is closed.
    pub(crate) fn go_on_with_history(
        &self,
        page: &mut HistoryPage,
        topic: &str,
        after: Option<Position>,
        limit: usize,
    ) -> bool {
        page.go_on(&self.shared, topic, after, limit)
    }

    /// Returns whether the hub holds all events of a topic after a position.
    pub(crate) fn holds_history(&self, topic: &str, after: Position) -> bool {
        self.go_on_with_history(&mut HistoryPage::new(None, None), topic, Some(after), 0)
    }

    /// Returns the statistics of a topic, without creating it.
    pub(crate) fn topic_stats(&self, name: &str) -> TopicStats {
        let state = lock(&self.shared.state);
        let finished = state.topics.is_finished(name);
        let Some((key, events)) = state.topics.find_len(name) else {
            return TopicStats { finished, ..TopicStats::default() };
        };
        let topic = state.topics.get(key);
        let (bytes, subscribers) = (topic.log.cost(), topic.subscriptions() as usize);
        TopicStats { events, bytes, subscribers, finished }
    }

    /// Subscribes. Returns the first block, and the gap that it reports, beside the reader.
    pub(crate) fn begin(&self, what: Subscribe) -> Result<(Live, Option<Bytes>, Option<Gap>), Refusal> {
        what.begin(&self.shared)
    }

    /// Counts events delivered to subscribers of this hub from elsewhere.
    pub(crate) fn count_delivered(&self, events: u64) {
        lock(&self.shared.state).delivered += events;
    }

    /// Counts a subscriber that has fallen behind elsewhere.
    pub(crate) fn count_lagged(&self) {
        lock(&self.shared.state).lagged += 1;
    }

    /// Counts a client that resumes elsewhere, with or without a gap.
    pub(crate) fn count_resumed(&self, gap: bool) {
        let mut state = lock(&self.shared.state);
        state.gaps += u64::from(gap);
        state.resumed += u64::from(!gap);
    }
}

impl HubBuilder {
    /// Checks whether an event that gets its ID from a log may be published.
    pub(crate) fn check(&self, event: &Event) -> Result<(), PublishError> {
        if self.is_reserved(event) {
            return Err(PublishError::ReservedType);
        }
        if event.id().is_some() {
            return Err(IdError::Unexpected.into());
        }
        let len = event.encoded_len() + EventId::MAX_BYTES + Bounds::EVENT_OVERHEAD + Beside::cost_of(event);
        let max = self.max_event();
        if len > max { Err(PublishError::TooLarge { len, max }) } else { Ok(()) }
    }

    /// Returns whether an event has a type reserved for notices.
    pub(crate) fn is_reserved(&self, event: &Event) -> bool {
        self.notices.is_reserved(event)
    }
}

impl Live {
    pub(crate) fn with_filter(mut self, filter: Option<Filter>) -> Self {
        if filter.is_some() {
            let has_dropped = !self.reader.is_told;
            let options = self.reader.options.choose();
            (options.filter, options.has_dropped) = (filter, has_dropped);
        }
        self
    }

    /// Takes a log for what its hub has lost: it ends, to go on there.
    pub(crate) fn with_log(mut self) -> Self {
        self.reader.options.choose().has_log = true;
        self
    }

    /// Returns the topics, in their order.
    pub(crate) fn sorted_topics(&self) -> Vec<String> {
        let mut topics: Vec<_> = self.topics().iter().map(|topic| topic.to_string()).collect();
        topics.sort_unstable();
        topics
    }

    /// Sets how it tells positions and gaps, if not as its hub does.
    pub(crate) fn with_notices(mut self, notices: Option<SharedNotices>) -> Self {
        if notices.is_some() {
            self.reader.options.choose().notices = notices;
        }
        self
    }

    /// Sets when the stream ends. The caller must poll it then.
    pub(crate) fn ending_at(mut self, ends_at: Option<Instant>) -> Self {
        if ends_at.is_some() {
            self.reader.options.choose().ends_at = ends_at;
        }
        self
    }

    /// If the stream has ended because it fell behind or because its hub was closed, returns its position,
    /// a position that the client was sent at least, and the filter, with which it can continue elsewhere.
    pub(crate) fn left_at(&mut self) -> Option<(Position, Position, Option<Filter>)> {
        let reader = &mut self.reader;
        // A reader that ended by itself has nothing left to read elsewhere.
        let told = if reader.is_told { reader.seen() } else { 0 };
        reader.progress.left.then(|| (reader.seen(), told, reader.options.take_filter()))
    }
}
