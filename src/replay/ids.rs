//! Which ID an event gets, and where an ID points.

use std::{
    collections::{HashMap, HashSet, hash_map::RandomState},
    fmt,
    hash::{BuildHasher, Hasher},
    sync::Arc,
    time::SystemTime,
};

use bytes::BytesMut;

use super::log::Position;
use crate::{
    Event, EventId,
    encode::{Digits, ID, write_line},
};

/// Who makes the event IDs of a [`Hub`](crate::Hub) or a [`ReplayBuffer`](crate::ReplayBuffer), and what order
/// they have.
///
/// By default the crate makes them. An application that has IDs already (a database key, a broker's offset) keeps
/// them: [`ordered`](Self::ordered) if a number can be told from each ID that grows from event to event, else
/// [`unordered`](Self::unordered).
#[derive(Debug, Default)]
pub struct Ids(Kind);

#[derive(Debug, Default)]
enum Kind {
    #[default]
    Own,
    Ordered(Arc<dyn IdOrder>, Option<EventId>),
    Unordered,
}

/// The order of an application's event IDs.
///
/// # Examples
///
/// ```
/// use ssekit::{EventId, replay::IdOrder};
///
/// /// Keys of a table, counted from 1.
/// #[derive(Debug)]
/// struct Keys;
///
/// impl IdOrder for Keys {
///     fn position(&self, id: &str) -> Option<u128> {
///         id.parse::<u64>().ok().map(u128::from)
///     }
///     fn id(&self, position: u128) -> EventId {
///         position.into()
///     }
/// }
///
/// assert_eq!(Keys.position(Keys.id(7).as_str()), Some(7));
/// ```
pub trait IdOrder: fmt::Debug + Send + Sync + 'static {
    /// Returns where an ID stands in the order of publishing, or `None` if it is none of this kind.
    ///
    /// The ID may come from a client, so it may be anything. It is called with the hub locked: it must not call
    /// back into the hub.
    fn position(&self, id: &str) -> Option<u128>;

    /// Returns the ID of a position that [`position`](Self::position) returned, or of zero, which is before all
    /// events.
    fn id(&self, position: u128) -> EventId;
}

/// An event's ID does not fit the IDs in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The event carries an ID where the crate makes them.
    #[error("the event has an ID, but IDs are made here")]
    Unexpected,
    /// The event carries no ID, or an empty one, where the application makes them.
    #[error("the event has no ID, but the application makes them")]
    Missing,
    /// The order does not know the ID.
    #[error("the event's ID is not of the kind in use")]
    Unordered,
    /// The ID is not greater than the one before.
    #[error("the event's ID does not come after the one before")]
    NotAfter,
    /// An event with this ID is held already.
    #[error("an event with this ID is held already")]
    Duplicate,
}

impl Ids {
    /// IDs made by the crate: an epoch that is new for each hub, and a number that grows.
    ///
    /// An ID from another hub, or from before a restart, is told from one of this hub by its epoch.
    pub const fn own() -> Self {
        Self(Kind::Own)
    }

    /// The application's IDs, each greater than the one before in the given order.
    ///
    /// A last event ID need not be held to be understood, so *evicted* is told from *unknown*, and a quiet
    /// topic's client may come back after any time.
    pub fn ordered(order: impl IdOrder) -> Self {
        Self(Kind::Ordered(Arc::new(order), None))
    }

    /// The application's IDs, unique among the events held, in no order that can be told from them.
    ///
    /// A last event ID is found only while its event is held, and is *unknown* after that.
    pub const fn unordered() -> Self {
        Self(Kind::Unordered)
    }

    /// Sets the ID of the newest event that was published before this hub or buffer began.
    ///
    /// A client that comes back with exactly this ID has missed nothing, and one with an earlier ID has a gap that
    /// is told as *evicted*. Without it, what the client has is *unknown* until an event has been published. It
    /// says nothing for IDs that are made by the crate or have no order.
    #[must_use]
    pub fn after(mut self, last: EventId) -> Self {
        if let Kind::Ordered(_, start) = &mut self.0 {
            *start = Some(last);
        }
        self
    }
}

/// The IDs in use, as far as they have been given out.
#[derive(Debug)]
pub(crate) struct IdSpace {
    scheme: Scheme,
    head: Position,
}

#[derive(Debug)]
enum Scheme {
    Own { epoch: Epoch },
    Ordered(Arc<dyn IdOrder>),
    Unordered { held: HashMap<EventId, Position>, last: Option<EventId> },
}

/// Twelve hexadecimal digits and a dash, the start of every ID that is made here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch([u8; 13]);

impl IdSpace {
    pub(crate) fn new(ids: Ids) -> Self {
        let mut head = 0;
        let scheme = match ids.0 {
            Kind::Own => Scheme::Own { epoch: Epoch::new(random()) },
            Kind::Ordered(order, start) => {
                head = start.and_then(|id| order.position(id.as_str())).unwrap_or(0);
                Scheme::Ordered(order)
            }
            Kind::Unordered => Scheme::Unordered { held: HashMap::new(), last: None },
        };
        Self { scheme, head }
    }

    /// Returns the position of the newest event, or the one before all events.
    pub(crate) fn head(&self) -> Position {
        self.head
    }

    pub(crate) fn epoch(&self) -> Option<Epoch> {
        match self.scheme {
            Scheme::Own { epoch } => Some(epoch),
            _ => None,
        }
    }

    /// Returns the room that an event's `id` line may take.
    pub(crate) fn room(event: &Event) -> usize {
        match event.id() {
            Some(id) => ID.len() + id.as_str().len() + 1,
            None => ID.len() + Epoch::MAX_ID + 1,
        }
    }

    /// Checks a run of events that are to be published together, and returns their positions.
    ///
    /// Nothing is taken until [`take`](Self::take) is called for each.
    pub(crate) fn check<'a>(&self, events: impl Iterator<Item = &'a Event>) -> Result<(), IdError> {
        let mut last = self.head;
        let mut seen: HashSet<&EventId> = HashSet::new();
        for event in events {
            match (&self.scheme, event.id().filter(|id| !id.is_empty())) {
                (Scheme::Own { .. }, None) if event.id().is_none() => {}
                (Scheme::Own { .. }, _) => return Err(IdError::Unexpected),
                (_, None) => return Err(IdError::Missing),
                (Scheme::Ordered(order), Some(id)) => {
                    let position = order.position(id.as_str()).ok_or(IdError::Unordered)?;
                    if position <= last {
                        return Err(IdError::NotAfter);
                    }
                    last = position;
                }
                (Scheme::Unordered { held, .. }, Some(id)) => {
                    if held.contains_key(id) || !seen.insert(id) {
                        return Err(IdError::Duplicate);
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives the next position to an event that was checked.
    pub(crate) fn take(&mut self, event: Option<&EventId>) -> Position {
        let next = self.head + 1;
        self.head = match (&mut self.scheme, event) {
            (Scheme::Ordered(order), Some(id)) => order.position(id.as_str()).unwrap_or(next),
            (Scheme::Unordered { held, last }, Some(id)) => {
                held.insert(id.clone(), next);
                *last = Some(id.clone());
                next
            }
            _ => next,
        };
        self.head
    }

    /// Writes the `id` line of a position just taken.
    pub(crate) fn write_line(&self, position: Position, id: Option<&EventId>, line: &mut BytesMut) {
        match (&self.scheme, id) {
            (_, Some(id)) => write_line(ID, id.as_str().as_bytes(), line),
            (Scheme::Own { epoch }, None) => {
                line.extend_from_slice(ID);
                line.extend_from_slice(&epoch.0);
                write_line(&[], Digits::new(position as u64).as_bytes(), line);
            }
            (_, None) => {}
        }
    }

    /// Returns where a last event ID points, or `None` if it is not one of those that were given out.
    pub(crate) fn resolve(&self, id: &EventId) -> Option<Position> {
        let position = match &self.scheme {
            Scheme::Own { epoch } => epoch.position(id.as_str()),
            Scheme::Ordered(order) => order.position(id.as_str()),
            Scheme::Unordered { held, .. } => held.get(id).copied(),
        };
        position.filter(|position| *position <= self.head)
    }

    /// Returns the ID of a position, if there is a way to tell it.
    pub(crate) fn id(&self, position: Position) -> Option<EventId> {
        match &self.scheme {
            Scheme::Own { epoch } => Some(epoch.id(position)),
            Scheme::Ordered(order) => Some(order.id(position)),
            Scheme::Unordered { last, .. } => last.clone().filter(|_| position == self.head),
        }
    }

    /// Notes that an event is no longer held.
    pub(crate) fn forget(&mut self, text: impl FnOnce() -> Option<EventId>) {
        if let Scheme::Unordered { held, .. } = &mut self.scheme {
            if let Some(id) = text() {
                held.remove(&id);
            }
        }
    }
}

impl Epoch {
    /// The greatest length of an ID that is made here.
    const MAX_ID: usize = 13 + 20;

    fn new(random: u64) -> Self {
        let mut epoch = *b"000000000000-";
        for (i, digit) in epoch[..12].iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(random >> (4 * i) & 0xf) as usize];
        }
        Self(epoch)
    }

    pub(crate) fn id(&self, position: Position) -> EventId {
        let mut id = String::with_capacity(Self::MAX_ID);
        id.extend(self.0.iter().map(|byte| char::from(*byte)));
        id.extend(Digits::new(position as u64).as_bytes().iter().map(|byte| char::from(*byte)));
        EventId::from_checked(&id)
    }

    /// Reads an ID back, if it is spelled exactly as it is made here.
    fn position(&self, id: &str) -> Option<Position> {
        let digits = id.as_bytes().strip_prefix(&self.0)?;
        let canonical = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.iter().all(u8::is_ascii_digit);
        let number: u64 = std::str::from_utf8(digits).ok().filter(|_| canonical)?.parse().ok()?;
        Some(number.into())
    }
}

/// Reads the ID of an encoded event, whose first line it is.
pub(crate) fn id_in(text: &[u8]) -> Option<&str> {
    let rest = text.strip_prefix(ID)?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    std::str::from_utf8(&rest[..end]).ok()
}

/// Returns a number that is different in each process and at each call.
pub(crate) fn random() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u128(
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_nanos()),
    );
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_id_is_read_back_only_as_it_is_spelled() {
        let epoch = Epoch::new(0xfedc_ba98_7654_3210);
        for position in [0, 1, 9, 10, u128::from(u64::MAX)] {
            assert_eq!(epoch.position(epoch.id(position).as_str()), Some(position));
        }
        for wrong in [
            "",
            "0",
            "0123456789ab-",
            "0123456789ab-+1",
            "0123456789ab-01",
            "0123456789ab-1 ",
            "0123456789ac-1",
            "0123456789ab-18446744073709551616",
            "0123456789AB-1",
        ] {
            assert_eq!(epoch.position(wrong), None, "{wrong:?}");
        }
        assert_eq!(epoch.id(1), "0123456789ab-1");
    }
}
