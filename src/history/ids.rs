//! Event IDs: their origin and their order.

use std::{fmt, sync::Arc};

use crate::event::id::EventId;

/// The origin and the order of the event IDs of a [`Hub`](crate::Hub) or a
/// [`ReplayBuffer`](crate::ReplayBuffer).
///
/// By default the crate generates them. If your application already has IDs, such as database keys or a
/// broker's offsets, it can use those: [`ordered`](Self::ordered) if each ID contains a number that grows
/// from event to event, otherwise [`unordered`](Self::unordered).
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
    /// Returns the position of an ID in the order of publishing, or `None` if it is not an ID of this kind.
    ///
    /// The ID may come from a client, so it can be any text. The same text must always return the same
    /// position.
    fn position(&self, id: &str) -> Option<u128>;

    /// Returns the ID of a position that [`position`](Self::position) returned, or of zero, which precedes
    /// all events.
    fn id(&self, position: u128) -> EventId;
}

#[derive(Debug)]
struct Integers;

impl IdOrder for Integers {
    fn position(&self, id: &str) -> Option<u128> {
        // Accepts one text per number: no sign, which `parse` would accept, and no leading zeros.
        let is_number = id.bytes().all(|byte| byte.is_ascii_digit()) && (id == "0" || !id.starts_with('0'));
        if is_number { id.parse().ok() } else { None }
    }

    fn id(&self, position: u128) -> EventId {
        position.into()
    }
}

impl Ids {
    /// Generates IDs: an epoch that is new for each hub, and a number that grows.
    ///
    /// The epoch distinguishes this hub's IDs from those of other hubs and from before a restart.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, ReplayBuffer, replay::{Ids, Replay}};
    ///
    /// let mut before = ReplayBuffer::with_ids(Bounds::events(100), Ids::generated());
    /// let id = before.push(&Event::new("two coffees"))?;
    /// let mut after_restart = ReplayBuffer::with_ids(Bounds::events(100), Ids::generated());
    /// assert!(matches!(after_restart.after(&id), Replay::Unknown));
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub const fn generated() -> Self {
        Self(Kind::Own)
    }

    /// Uses the application's IDs, each greater than the previous one in the given order.
    ///
    /// A last event ID can be placed even if its event is no longer held. A gap is therefore reported as
    /// *evicted* rather than *unknown*, and a client of a quiet topic can resume after any time.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, EventId, ReplayBuffer, replay::{IdOrder, Ids, Replay}};
    ///
    /// /// Hexadecimal offsets.
    /// #[derive(Debug)]
    /// struct Offsets;
    ///
    /// impl IdOrder for Offsets {
    ///     fn position(&self, id: &str) -> Option<u128> {
    ///         u128::from_str_radix(id, 16).ok()
    ///     }
    ///     fn id(&self, position: u128) -> EventId {
    ///         EventId::try_from(format!("{position:x}")).expect("digits are a valid ID")
    ///     }
    /// }
    ///
    /// let mut buffer = ReplayBuffer::with_ids(Bounds::events(100), Ids::ordered(Offsets));
    /// buffer.push(&Event::new("two coffees").with_id(EventId::from_static("ff")))?;
    /// let Replay::After(missed) = buffer.after(&EventId::from_static("ff")) else { panic!() };
    /// assert_eq!(missed.remaining(), 0);
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub fn ordered(order: impl IdOrder) -> Self {
        Self(Kind::Ordered(Arc::new(order), None))
    }

    /// Uses the application's IDs that are whole numbers, such as the keys of a database table, each greater
    /// than the previous one.
    ///
    /// Like [`ordered`](Self::ordered), for decimal numbers up to `u128::MAX` without a sign or leading
    /// zeros, as `EventId::from` writes them.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, Hub, replay::Ids};
    ///
    /// let hub = Hub::builder(Bounds::events(100)).ids(Ids::integers()).build();
    /// hub.publish("orders", Event::new("two coffees").with_id(7_u64))?;
    /// assert!(hub.publish("orders", Event::new("late").with_id(6_u64)).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn integers() -> Self {
        Self::ordered(Integers)
    }

    /// Uses the application's IDs, which must be unique among the events held, without an order.
    ///
    /// A last event ID is found only while its event is held or is the newest; after that it is *unknown*.
    /// Each event held costs about 100 bytes and a copy of its ID in addition to what
    /// [`Bounds`](crate::Bounds) count.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, EventId, ReplayBuffer, replay::{Ids, Replay}};
    ///
    /// let mut buffer = ReplayBuffer::with_ids(Bounds::events(100), Ids::unordered());
    /// buffer.push(&Event::new("one").with_id(EventId::from_static("b9f1")))?;
    /// buffer.push(&Event::new("two").with_id(EventId::from_static("03aa")))?;
    /// let Replay::After(missed) = buffer.after(&EventId::from_static("b9f1")) else { panic!() };
    /// assert_eq!(missed.remaining(), 1);
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub const fn unordered() -> Self {
        Self(Kind::Unordered)
    }

    /// Sets the ID of the newest event published before this hub or buffer began.
    ///
    /// A client that resumes with exactly this ID has missed nothing, and one with an earlier ID gets a gap
    /// with reason *evicted*. Without it, nothing is known about events before the first one published here:
    /// an earlier ID is *unknown* until that event, and *evicted* from then on. An ID that the order does not
    /// know counts as none. Has no effect on generated and on unordered IDs.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, ReplayBuffer, replay::{Ids, Replay}};
    ///
    /// // The table had 41 rows when the process started.
    /// let ids = Ids::integers().after(41.into());
    /// let mut buffer = ReplayBuffer::with_ids(Bounds::events(100), ids);
    /// assert!(matches!(buffer.after(&41.into()), Replay::After(missed) if missed.remaining() == 0));
    /// assert!(matches!(buffer.after(&40.into()), Replay::Evicted(_)));
    /// ```
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
