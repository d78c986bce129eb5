use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeMap, HashSet},
};

use crate::{
    base::random::seed,
    event::id::EventId,
    history::{
        error::IdError,
        ids::{Ids, Kind},
        position::Position,
        prepared::Prepared,
        scheme::{Epoch, IdLine, Mark, Scheme},
    },
};

/// The IDs given out so far.
///
/// It calls no application code, so it may be used under a lock.
#[derive(Debug)]
pub(crate) struct IdSpace {
    scheme: Scheme,
    /// The newest position, or the one that precedes all events.
    head: Position,
    /// The `id` line of that position, if the crate generates the IDs.
    line: IdLine,
    /// The position after which all published events are known. `None` until there is one.
    known: Option<Position>,
    /// The positions of unordered IDs.
    ///
    /// A tree, because a table that grows moves all of its elements.
    held: BTreeMap<Held, Position>,
    /// The bytes that this tree takes.
    memory: usize,
    /// The newest unordered ID.
    last: Option<EventId>,
}

/// An ID, ordered by its text.
#[derive(Debug, PartialEq, Eq)]
struct Held(EventId);

impl IdSpace {
    pub(crate) fn new(ids: Ids) -> Self {
        let (scheme, known) = match ids.0 {
            Kind::Own => (Scheme::Own(Epoch::new(seed())), Some(0)),
            Kind::Ordered(order, start) => {
                let start = start.and_then(|id| order.position(id.as_str()));
                (Scheme::Ordered(order), start)
            }
            Kind::Unordered => (Scheme::Unordered, Some(0)),
        };
        let line = scheme.first_line();
        Self { scheme, head: known.unwrap_or(0), line, known, held: BTreeMap::new(), memory: 0, last: None }
    }

    pub(crate) fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Returns the `id` line to write before the newest event, if the event has no ID of its own.
    #[inline]
    pub(crate) fn line(&self) -> &IdLine {
        &self.line
    }

    /// Returns the position of the newest event, or the one that precedes all events.
    pub(crate) fn head(&self) -> Position {
        self.head
    }

    /// Checks whether a batch of events may be published next. Changes nothing.
    #[inline]
    pub(crate) fn check(&self, batch: &[Prepared<'_>]) -> Result<(), IdError> {
        match self.scheme {
            Scheme::Own(_) => Ok(()),
            Scheme::Ordered(_) => self.check_order(batch),
            Scheme::Unordered => self.check_unique(batch),
        }
    }

    fn check_order(&self, batch: &[Prepared<'_>]) -> Result<(), IdError> {
        // All of the batch is checked before any of it is appended, so that a refusal leaves no
        // trace.
        let mut last = self.head;
        for position in batch.iter().filter_map(Prepared::position) {
            if position <= last {
                return Err(IdError::NotAfter);
            }
            last = position;
        }
        Ok(())
    }

    fn check_unique(&self, batch: &[Prepared<'_>]) -> Result<(), IdError> {
        let mut ids = batch.iter().filter_map(|prepared| prepared.event().id());
        let mut seen = HashSet::new();
        // Fast path: one event cannot repeat an ID within its batch.
        let unique =
            ids.all(|id| !self.held.contains_key(id.as_str()) && (batch.len() == 1 || seen.insert(id)));
        if unique { Ok(()) } else { Err(IdError::Duplicate) }
    }

    /// Assigns the next position to an event that was checked.
    #[inline]
    pub(crate) fn take(&mut self, prepared: &Prepared<'_>) -> Position {
        if let Scheme::Own(_) = self.scheme {
            self.head += 1;
            self.line.advance();
            return self.head;
        }
        self.take_own(prepared)
    }

    /// Assigns a position to an event with an ID of its own.
    fn take_own(&mut self, prepared: &Prepared<'_>) -> Position {
        self.head = prepared.position().unwrap_or_else(|| self.head + 1);
        // Of an order that began elsewhere nothing is known before its first event here.
        self.known.get_or_insert(self.head);
        if let (Scheme::Unordered, Some(id)) = (&self.scheme, prepared.event().id()) {
            self.held.insert(Held(id.clone()), self.head);
            self.memory += Held::cost(id.as_str());
            self.last = Some(id.clone());
        }
        self.head
    }

    /// Moves the head to a position without an event.
    #[cfg(feature = "tokio")]
    pub(crate) fn advance(&mut self, position: Position) {
        // The head moves without an event: a log has entries that are none.
        self.head = self.head.max(position);
        self.known.get_or_insert(position);
    }

    /// Returns the position of a last event ID that was [located](Scheme::locate), or `None` if the ID was
    /// not given out here.
    pub(crate) fn resolve(&self, id: &EventId, located: Option<Position>) -> Option<Position> {
        self.known?;
        let position = match self.scheme {
            // The newest ID is known even if its event was evicted at once, or a client that is up
            // to date would get a gap.
            Scheme::Unordered if self.last.as_ref() == Some(id) => Some(self.head),
            Scheme::Unordered => self.held.get(id.as_str()).copied(),
            _ => located,
        };
        // An ID beyond the newest is of another process or made up.
        position.filter(|position| *position <= self.head)
    }

    /// Returns whether events after this position may have been published before this hub or buffer began.
    pub(crate) fn is_before_known(&self, position: Position) -> bool {
        self.known.is_none_or(|known| position < known)
    }

    /// Returns a position from which [`Scheme::id`] can determine the ID.
    pub(crate) fn mark(&self, position: Position) -> Mark {
        Mark { position, id: self.last.clone().filter(|_| position == self.head) }
    }

    /// Records that an event is no longer held.
    #[inline]
    pub(crate) fn forget<'a>(&mut self, id: impl FnOnce() -> Option<&'a str>) {
        if let Scheme::Unordered = self.scheme {
            if let Some(id) = id() {
                if self.held.remove(id).is_some() {
                    self.memory -= Held::cost(id);
                }
            }
        }
    }

    /// Returns whether `forget` must be called for each event that is no longer held.
    pub(crate) fn forgets(&self) -> bool {
        matches!(self.scheme, Scheme::Unordered)
    }

    /// Returns the bytes of memory that unordered IDs take.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }
}

impl Held {
    /// Returns the bytes that an ID takes: its share of a tree whose nodes are two thirds full, and its text
    /// unless that is short.
    fn cost(id: &str) -> usize {
        if id.len() > 22 { 64 + 32 + id.len() } else { 64 }
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.as_str().cmp(other.0.as_str())
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Borrow<str> for Held {
    fn borrow(&self) -> &str {
        self.0.as_str()
    }
}
