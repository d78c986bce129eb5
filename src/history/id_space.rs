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

/// The IDs that have been given out.
///
/// It calls nothing of the application's.
#[derive(Debug)]
pub(crate) struct IdSpace {
    scheme: Scheme,
    /// The newest position, or the one before all events.
    head: Position,
    /// The `id` line of that, if IDs are made here.
    line: IdLine,
    /// From where on all that was published is known. `None` if that is yet to begin.
    known: Option<Position>,
    /// Where the IDs stand that have no order.
    ///
    /// A tree, since a table that grows moves all that it holds.
    held: BTreeMap<Held, Position>,
    /// The bytes that this takes.
    memory: usize,
    /// The newest of those.
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

    /// Returns the `id` line that goes in front of the newest event, unless it has an ID itself.
    #[inline]
    pub(crate) fn line(&self) -> &IdLine {
        &self.line
    }

    /// Returns the position of the newest event, or the one before all events.
    pub(crate) fn head(&self) -> Position {
        self.head
    }

    /// Checks whether a run of events may be published next. Nothing is taken.
    #[inline]
    pub(crate) fn check(&self, batch: &[Prepared<'_>]) -> Result<(), IdError> {
        match self.scheme {
            Scheme::Own(_) => Ok(()),
            Scheme::Ordered(_) => self.check_order(batch),
            Scheme::Unordered => self.check_unique(batch),
        }
    }

    fn check_order(&self, batch: &[Prepared<'_>]) -> Result<(), IdError> {
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
        let unique =
            ids.all(|id| !self.held.contains_key(id.as_str()) && (batch.len() == 1 || seen.insert(id)));
        if unique { Ok(()) } else { Err(IdError::Duplicate) }
    }

    /// Gives the next position to an event that was checked.
    #[inline]
    pub(crate) fn take(&mut self, prepared: &Prepared<'_>) -> Position {
        if let Scheme::Own(_) = self.scheme {
            self.head += 1;
            self.line.advance();
            return self.head;
        }
        self.take_own(prepared)
    }

    /// Gives a position to an event that has an ID of its own.
    fn take_own(&mut self, prepared: &Prepared<'_>) -> Position {
        self.head = prepared.position().unwrap_or_else(|| self.head + 1);
        self.known.get_or_insert(self.head);
        if let (Scheme::Unordered, Some(id)) = (&self.scheme, prepared.event().id()) {
            self.held.insert(Held(id.clone()), self.head);
            self.memory += Held::cost(id.as_str());
            self.last = Some(id.clone());
        }
        self.head
    }

    /// Moves the head to a position that no event has.
    #[cfg(feature = "tokio")]
    pub(crate) fn advance(&mut self, position: Position) {
        self.head = self.head.max(position);
        self.known.get_or_insert(position);
    }

    /// Returns where a last event ID points that was [located](Scheme::locate), or `None` if it is not one of
    /// those that were given out.
    pub(crate) fn resolve(&self, id: &EventId, located: Option<Position>) -> Option<Position> {
        self.known?;
        let position = match self.scheme {
            Scheme::Unordered if self.last.as_ref() == Some(id) => Some(self.head),
            Scheme::Unordered => self.held.get(id.as_str()).copied(),
            _ => located,
        };
        position.filter(|position| *position <= self.head)
    }

    /// Returns whether events after a position may have been published before this began.
    pub(crate) fn is_before_known(&self, position: Position) -> bool {
        self.known.is_none_or(|known| position < known)
    }

    /// Returns a position so that [`Scheme::id`] can tell its ID.
    pub(crate) fn mark(&self, position: Position) -> Mark {
        Mark { position, id: self.last.clone().filter(|_| position == self.head) }
    }

    /// Notes that an event is no longer held.
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

    /// Returns whether it has to be told of each event that is no longer held.
    pub(crate) fn forgets(&self) -> bool {
        matches!(self.scheme, Scheme::Unordered)
    }

    /// Returns the bytes of memory that the IDs take which have no order.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }
}

impl Held {
    /// Returns what an ID takes: its share of a tree whose nodes are two thirds full, and its text unless that is
    /// short.
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
