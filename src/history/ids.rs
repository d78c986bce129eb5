//! Who makes the event IDs, and what order they have.

use std::{fmt, sync::Arc};

use crate::event::id::EventId;

/// Who makes the event IDs of a [`Hub`](crate::Hub) or a [`ReplayBuffer`](crate::ReplayBuffer), and what order
/// they have.
///
/// By default the crate makes them. An application that has IDs already (a database key, a broker's offset) keeps
/// them: [`ordered`](Self::ordered) if a number can be told from each ID that grows from event to event, else
/// [`unordered`](Self::unordered).
#[derive(Clone, Debug, Default)]
pub struct Ids(pub(super) Kind);

#[derive(Clone, Debug, Default)]
pub(super) enum Kind {
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
    /// The ID may come from a client, so it may be anything. The same text must always give the same answer.
    fn position(&self, id: &str) -> Option<u128>;

    /// Returns the ID of a position that [`position`](Self::position) returned, or of zero, which is before all
    /// events.
    fn id(&self, position: u128) -> EventId;
}

#[derive(Debug)]
struct Integers;

impl IdOrder for Integers {
    fn position(&self, id: &str) -> Option<u128> {
        // One text for each number: no sign, which `parse` would take, and no zero in front of another digit.
        let is_number = id.bytes().all(|byte| byte.is_ascii_digit()) && (id == "0" || !id.starts_with('0'));
        if is_number { id.parse().ok() } else { None }
    }

    fn id(&self, position: u128) -> EventId {
        position.into()
    }
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

    /// The application's IDs that are whole numbers, such as the keys of a database's table, each greater than the one
    /// before.
    ///
    /// As [`ordered`](Self::ordered), for decimal numbers up to `u128::MAX` without a sign or leading zeros, as
    /// `EventId::from` writes them.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, Hub, replay::Ids};
    ///
    /// let hub = Hub::builder(Bounds::events(100)).with_ids(Ids::integers()).build();
    /// hub.publish("orders", Event::new("two coffees").with_id(7_u64))?;
    /// assert!(hub.publish("orders", Event::new("late").with_id(6_u64)).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn integers() -> Self {
        Self::ordered(Integers)
    }

    /// The application's IDs, unique among the events held, in no order that can be told from them.
    ///
    /// A last event ID is found only while its event is held or is the newest, and is *unknown* after that. To
    /// find it, each event held costs about 100 bytes and its ID once more beside what
    /// [`Bounds`](crate::Bounds) count.
    pub const fn unordered() -> Self {
        Self(Kind::Unordered)
    }

    /// Sets the ID of the newest event that was published before this hub or buffer began.
    ///
    /// A client that comes back with exactly this ID has missed nothing, and one with an earlier ID has a gap that
    /// is told as *evicted*. Without it, nothing is known of what came before the first event that is published
    /// here: an ID from before that is *unknown* until then, and *evicted* from then on. An ID that the order does
    /// not know is as good as none. It says nothing for IDs that are made by the crate or have no order.
    #[must_use]
    pub fn after(mut self, last: EventId) -> Self {
        if let Kind::Ordered(_, start) = &mut self.0 {
            *start = Some(last);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_whole_number_has_one_text() {
        for number in [0, 1, 10, u128::from(u64::MAX), u128::MAX] {
            assert_eq!(Integers.position(Integers.id(number).as_str()), Some(number));
        }
        let too_large = format!("{}0", u128::MAX);
        for text in ["", "+7", "-7", "07", "00", " 7", "7a", "٧", &too_large] {
            assert_eq!(Integers.position(text), None, "{text}");
        }
    }
}
