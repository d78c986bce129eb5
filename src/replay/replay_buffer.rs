use std::{ops::Range, time::Instant};

use bytes::Bytes;

use crate::{
    base::clock::{Clock, nanos},
    event::{id::EventId, value::Event},
    history::{
        bounds::Bounds, error::PushError, id_space::IdSpace, ids::Ids, log::Log, position::Position,
        prepared::Prepared, scheme::id_in,
    },
};

/// A bounded buffer of encoded events that answers what a client has missed.
///
/// Events are encoded once, when they are pushed, and handed out as shared [`Bytes`]. Pushing costs one copy,
/// [`after`](Self::after) a binary search.
///
/// # Examples
///
/// ```
/// use ssekit::{Bounds, Event, ReplayBuffer, replay::Replay};
///
/// let mut buffer = ReplayBuffer::new(Bounds::events(100));
/// let first = buffer.push(&Event::new("one"))?;
/// let second = buffer.push(&Event::new("two"))?;
///
/// let Replay::After(missed) = buffer.after(&first) else { panic!("nothing was evicted") };
/// assert_eq!(missed.collect::<Vec<_>>().concat(), format!("id: {second}\ndata: two\n\n").as_bytes());
/// # Ok::<(), ssekit::replay::PushError>(())
/// ```
#[derive(Debug)]
pub struct ReplayBuffer {
    bounds: Bounds,
    ids: IdSpace,
    log: Log,
    clock: Clock,
}

/// What a client that has seen a given event has missed.
#[derive(Debug)]
pub enum Replay<'a> {
    /// Everything after that event, possibly nothing.
    After(Events<'a>),
    /// Events between that one and the oldest one held are gone. These are all that are held after it.
    Evicted(Events<'a>),
    /// The ID was never given out here: it is another buffer's, or from before a restart, or made up.
    ///
    /// So is an ID whose event is gone, unless it is the newest, where the application's IDs are
    /// [unordered](Ids::unordered).
    Unknown,
}

/// Encoded events in order: each item is one or more whole events.
#[derive(Debug)]
pub struct Events<'a> {
    log: &'a mut Log,
    indices: Range<u64>,
}

impl ReplayBuffer {
    /// Creates an empty buffer that makes its own IDs.
    pub fn new(bounds: Bounds) -> Self {
        Self::with_ids(bounds, Ids::own())
    }

    /// Creates an empty buffer with the given kind of IDs.
    pub fn with_ids(bounds: Bounds, ids: Ids) -> Self {
        let ids = IdSpace::new(ids);
        Self { bounds, log: Log::new(ids.head()), ids, clock: Clock::system() }
    }

    /// Sets the clock that tells the age of events.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Clock::custom(now);
        self
    }

    /// Adds an event, gives it its ID and evicts what the bounds no longer allow.
    ///
    /// # Errors
    ///
    /// Returns a [`PushError`] if the event alone is over the bound on bytes, or if its ID does not fit the IDs in
    /// use. Nothing has changed then.
    pub fn push(&mut self, event: &Event) -> Result<EventId, PushError> {
        let mut prepared = Prepared::new(event, self.ids.scheme(), self.bounds.bytes)?;
        self.ids.check(std::slice::from_ref(&prepared))?;
        let position = self.ids.take(&prepared);
        let at = if self.bounds.age.is_some() { self.clock.nanos() } else { 0 };
        self.log.append(position, at, self.ids.line().as_bytes(), &mut prepared);
        while self.log.len() > self.bounds.events || self.log.cost() > self.bounds.bytes {
            self.evict();
        }
        self.expire();
        Ok(self.ids.line().event_id(event))
    }

    /// Returns what came after the event with the given ID.
    ///
    /// Costs O(log n) in the events held, and nothing is copied.
    pub fn after(&mut self, last_event_id: &EventId) -> Replay<'_> {
        self.expire();
        let located = self.ids.scheme().locate(last_event_id);
        let Some(position) = self.ids.resolve(last_event_id, located) else { return Replay::Unknown };
        let evicted = position < self.log.evicted() || self.ids.is_before_known(position);
        let events = Events { indices: self.log.index_after(position)..self.log.next(), log: &mut self.log };
        if evicted { Replay::Evicted(events) } else { Replay::After(events) }
    }

    /// Returns everything held, for a client that has seen nothing.
    pub fn all(&mut self) -> Events<'_> {
        self.expire();
        Events { indices: self.log.first()..self.log.next(), log: &mut self.log }
    }

    /// Evicts what has become too old by now.
    pub fn expire(&mut self) {
        if let Some(age) = self.bounds.age {
            let now = self.clock.nanos();
            while self.log.first_at().is_some_and(|at| now - at.min(now) >= nanos(age)) {
                self.evict();
            }
        }
    }

    /// Returns the ID of the newest event that was pushed, whether or not it is still held.
    ///
    /// Without any event it is the ID that comes before all events, if the kind of IDs has one.
    pub fn latest(&self) -> Option<EventId> {
        self.ids.scheme().id(self.ids.mark(self.ids.head()))
    }

    /// Returns the ID of the oldest event held.
    pub fn oldest(&self) -> Option<EventId> {
        self.log.first_text().and_then(id_in).map(|id| EventId::from_checked(id.as_bytes()))
    }

    /// Returns the number of events held.
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Returns whether no event is held.
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Returns the bytes held, as [`Bounds::bytes`] counts them.
    pub fn bytes(&self) -> usize {
        self.log.cost()
    }

    fn evict(&mut self) {
        let Self { log, ids, .. } = self;
        ids.forget(|| log.first_text().and_then(id_in));
        log.evict();
    }
}

impl Events<'_> {
    /// Returns how many events are to come.
    pub fn remaining(&self) -> u64 {
        self.indices.end - self.indices.start
    }
}

impl Iterator for Events<'_> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.indices.is_empty() {
            return None;
        }
        let run = self.log.read(self.indices.start, Position::MAX);
        self.indices.start = run.indices.end;
        Some(run.bytes)
    }
}
