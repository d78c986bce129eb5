use std::time::Instant;

use bytes::Bytes;

use crate::{
    base::clock::{Clock, nanos},
    event::{id::EventId, value::Event},
    history::{
        bounds::Bounds, error::PushError, id_space::IdSpace, ids::Ids, log::Log, position::Position,
        prepared::Prepared, scheme::id_in,
    },
};

/// A bounded buffer of encoded events that returns the events a client has missed.
///
/// Events are encoded once, when they are pushed, and returned as shared [`Bytes`]. Pushing copies the event
/// once; [`after`](Self::after) is a binary search. An event with a [key](Event::with_key) supersedes the
/// earlier one with that key, which then counts as never held.
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

/// The events that a client with a given last event ID has missed.
#[derive(Debug)]
pub enum Replay<'a> {
    /// All events after that one, possibly none.
    After(Events<'a>),
    /// Some events after that one are no longer held. These are all later ones that are.
    Evicted(Events<'a>),
    /// This buffer did not give out the ID: it is from another buffer, from before a restart, or invented.
    ///
    /// If the application's IDs are [unordered](Ids::unordered), this also applies to an ID whose event is no
    /// longer held, unless it is the newest.
    Unknown,
}

/// Encoded events in order. Each item is one or more whole events.
#[derive(Debug)]
pub struct Events<'a> {
    log: &'a mut Log,
    /// The position up to which they were returned.
    after: Position,
    remaining: u64,
}

impl ReplayBuffer {
    /// Creates an empty buffer that generates its own IDs.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, ReplayBuffer};
    ///
    /// assert!(ReplayBuffer::new(Bounds::events(100)).is_empty());
    /// ```
    pub fn new(bounds: Bounds) -> Self {
        Self::with_ids(bounds, Ids::generated())
    }

    /// Creates an empty buffer with the given kind of IDs.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, ReplayBuffer, replay::Ids};
    ///
    /// let mut buffer = ReplayBuffer::with_ids(Bounds::events(100), Ids::integers());
    /// assert_eq!(buffer.push(&Event::new("two coffees").with_id(7))?, "7");
    /// assert!(buffer.push(&Event::new("without an ID")).is_err());
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub fn with_ids(bounds: Bounds, ids: Ids) -> Self {
        let ids = IdSpace::new(ids);
        Self { bounds, log: Log::new(ids.head()), ids, clock: Clock::system() }
    }

    /// Sets the clock that determines the age of events.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use ssekit::{Bounds, Event, ReplayBuffer};
    ///
    /// let now = Instant::now();
    /// let bounds = Bounds::events(100).with_age(Duration::from_secs(3600));
    /// let mut buffer = ReplayBuffer::new(bounds).clock(move || now); // it stands still
    /// buffer.push(&Event::new("two coffees"))?;
    /// buffer.expire();
    /// assert_eq!(buffer.len(), 1);
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Clock::custom(now);
        self
    }

    /// Appends an event, returns its ID, and evicts events beyond the bounds.
    ///
    /// # Errors
    ///
    /// Returns a [`PushError`] if the event exceeds the bound on bytes on its own, or if its ID does not fit
    /// the IDs in use. The buffer is unchanged then.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, ReplayBuffer};
    ///
    /// let mut buffer = ReplayBuffer::new(Bounds::events(1));
    /// let one = buffer.push(&Event::new("one"))?;
    /// let two = buffer.push(&Event::new("two"))?;
    /// assert_ne!(one, two);
    /// assert_eq!(buffer.oldest(), Some(two));
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
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

    /// Returns the events after the one with the given ID.
    ///
    /// Takes O(log n) time in the number of events held, and copies nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, ReplayBuffer, replay::Replay};
    ///
    /// let mut buffer = ReplayBuffer::new(Bounds::events(2));
    /// let one = buffer.push(&Event::new("one"))?;
    /// buffer.push(&Event::new("two"))?;
    /// assert!(matches!(buffer.after(&one), Replay::After(missed) if missed.remaining() == 1));
    /// buffer.push(&Event::new("three"))?;
    /// buffer.push(&Event::new("four"))?;
    /// assert!(matches!(buffer.after(&one), Replay::Evicted(held) if held.remaining() == 2));
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub fn after(&mut self, last_event_id: &EventId) -> Replay<'_> {
        self.expire();
        let located = self.ids.scheme().locate(last_event_id);
        let Some(position) = self.ids.resolve(last_event_id, located) else { return Replay::Unknown };
        let evicted = position < self.log.evicted() || self.ids.is_before_known(position);
        let events = Events::new(&mut self.log, position);
        if evicted { Replay::Evicted(events) } else { Replay::After(events) }
    }

    /// Returns all events held, for a client that has none.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, ReplayBuffer};
    ///
    /// let mut buffer = ReplayBuffer::new(Bounds::events(100));
    /// buffer.push(&Event::new("one"))?;
    /// buffer.push(&Event::new("two"))?;
    /// assert_eq!(buffer.all().remaining(), 2);
    /// assert!(buffer.all().collect::<Vec<_>>().concat().ends_with(b"data: two\n\n"));
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub fn all(&mut self) -> Events<'_> {
        self.expire();
        Events::new(&mut self.log, 0)
    }

    /// Evicts all events that are now too old.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{sync::{Arc, Mutex}, time::{Duration, Instant}};
    /// use ssekit::{Bounds, Event, ReplayBuffer};
    ///
    /// let now = Arc::new(Mutex::new(Instant::now()));
    /// let clock = { let now = now.clone(); move || *now.lock().unwrap() };
    /// let bounds = Bounds::events(100).with_age(Duration::from_secs(60));
    /// let mut buffer = ReplayBuffer::new(bounds).clock(clock);
    /// buffer.push(&Event::new("two coffees"))?;
    /// *now.lock().unwrap() += Duration::from_secs(61);
    /// buffer.expire();
    /// assert!(buffer.is_empty());
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub fn expire(&mut self) {
        if let Some(age) = self.bounds.age {
            let now = self.clock.nanos();
            while self.log.first_at().is_some_and(|at| now - at.min(now) >= nanos(age)) {
                self.evict();
            }
        }
    }

    /// Returns the ID of the newest event, even if it is no longer held.
    ///
    /// If there was no event, returns the ID that precedes all events, if the kind of IDs has one.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, ReplayBuffer};
    ///
    /// let mut buffer = ReplayBuffer::new(Bounds::events(100));
    /// let id = buffer.push(&Event::new("two coffees"))?;
    /// assert_eq!(buffer.latest(), Some(id));
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub fn latest(&self) -> Option<EventId> {
        self.ids.scheme().id(self.ids.mark(self.ids.head()))
    }

    /// Returns the ID of the oldest event held.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, ReplayBuffer};
    ///
    /// let mut buffer = ReplayBuffer::new(Bounds::events(100));
    /// assert_eq!(buffer.oldest(), None);
    /// let id = buffer.push(&Event::new("one"))?;
    /// buffer.push(&Event::new("two"))?;
    /// assert_eq!(buffer.oldest(), Some(id));
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub fn oldest(&self) -> Option<EventId> {
        self.log.first_text().and_then(id_in).map(|id| EventId::from_checked(id.as_bytes()))
    }

    /// Returns the number of events held.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, ReplayBuffer};
    ///
    /// let mut buffer = ReplayBuffer::new(Bounds::events(100));
    /// buffer.push(&Event::new("two coffees"))?;
    /// assert_eq!(buffer.len(), 1);
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Returns whether no event is held.
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Returns the bytes held, as [`Bounds::bytes`] counts them.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, ReplayBuffer};
    ///
    /// let mut buffer = ReplayBuffer::new(Bounds::events(100));
    /// let id = buffer.push(&Event::new("two coffees"))?;
    /// let encoded = format!("id: {id}\ndata: two coffees\n\n");
    /// assert_eq!(buffer.bytes(), encoded.len() + Bounds::EVENT_OVERHEAD);
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub fn bytes(&self) -> usize {
        self.log.cost()
    }

    fn evict(&mut self) {
        let Self { log, ids, .. } = self;
        ids.forget(|| log.first_text().and_then(id_in));
        log.evict();
    }
}

impl<'a> Events<'a> {
    fn new(log: &'a mut Log, after: Position) -> Self {
        let remaining = log.count_after(after) as u64;
        Self { log, after, remaining }
    }

    /// Returns the number of events left.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, ReplayBuffer};
    ///
    /// let mut buffer = ReplayBuffer::new(Bounds::events(100));
    /// buffer.push(&Event::new("one"))?;
    /// buffer.push(&Event::new("two"))?;
    /// let mut events = buffer.all();
    /// assert_eq!(events.remaining(), 2);
    /// while events.next().is_some() {}
    /// assert_eq!(events.remaining(), 0);
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub fn remaining(&self) -> u64 {
        self.remaining
    }
}

impl Iterator for Events<'_> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let run = self.log.read(self.after, Position::MAX)?;
        self.after = run.last;
        self.remaining -= run.events;
        Some(run.bytes)
    }
}
