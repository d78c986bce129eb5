use std::sync::Arc;

use bytes::BytesMut;

use super::{IdError, IdOrder, log::Position};
use crate::{
    Event, EventId,
    encode::{Digits, ID, write_line},
};

/// How IDs are made and read.
///
/// It never changes, so it is used without a lock: what it calls may be the application's.
#[derive(Clone, Debug)]
pub(crate) enum Scheme {
    Own(Epoch),
    Ordered(Arc<dyn IdOrder>),
    Unordered,
}

/// A position, with its ID if only the [`IdSpace`](super::id_space::IdSpace) could tell it.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) position: Position,
    pub(super) id: Option<EventId>,
}

/// Twelve hexadecimal digits and a dash, the start of every ID that is made here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch([u8; 13]);

impl Scheme {
    /// Returns the room that an event's `id` line may take.
    pub(super) fn room(event: &Event) -> usize {
        match event.id() {
            Some(id) => ID.len() + id.as_str().len() + 1,
            None => ID.len() + Epoch::MAX_ID + 1,
        }
    }

    /// Returns the position that an event brings with it, if its ID has one.
    pub(super) fn position_of(&self, event: &Event) -> Result<Option<Position>, IdError> {
        match (self, event.id()) {
            (Self::Own(_), None) => Ok(None),
            (Self::Own(_), Some(_)) => Err(IdError::Unexpected),
            (_, id) if id.is_none_or(EventId::is_empty) => Err(IdError::Missing),
            (Self::Ordered(order), Some(id)) => {
                order.position(id.as_str()).map(Some).ok_or(IdError::Unordered)
            }
            _ => Ok(None),
        }
    }

    /// Returns where an ID stands, as far as it tells that by itself.
    pub(crate) fn locate(&self, id: &EventId) -> Option<Position> {
        match self {
            Self::Own(epoch) => epoch.position(id.as_str()),
            Self::Ordered(order) => order.position(id.as_str()),
            Self::Unordered => None,
        }
    }

    /// Returns the ID of a position, if there is a way to tell it.
    pub(crate) fn id(&self, mark: Mark) -> Option<EventId> {
        match self {
            Self::Own(epoch) => Some(epoch.id(mark.position)),
            Self::Ordered(order) => Some(order.id(mark.position)),
            Self::Unordered => mark.id,
        }
    }

    /// Returns the ID of an event that was published at a position.
    pub(crate) fn event_id(&self, event: &Event, position: impl FnOnce() -> Position) -> EventId {
        match (self, event.id()) {
            (Self::Own(epoch), _) => epoch.id(position()),
            (_, Some(id)) => id.clone(),
            (_, None) => EventId::from_static(""),
        }
    }

    /// Writes the `id` line of an event at its position.
    pub(super) fn write_line(&self, event: &Event, position: Position, line: &mut BytesMut) {
        match (self, event.id()) {
            (Self::Own(epoch), _) => {
                line.extend_from_slice(ID);
                line.extend_from_slice(&epoch.0);
                write_line(&[], Digits::new(position as u64).as_bytes(), line);
            }
            (_, Some(id)) => write_line(ID, id.as_str().as_bytes(), line),
            (_, None) => {}
        }
    }
}

impl Epoch {
    /// The greatest length of an ID that is made here.
    const MAX_ID: usize = 13 + 20;

    pub(super) fn new(random: u64) -> Self {
        let mut epoch = *b"000000000000-";
        for (i, digit) in epoch[..12].iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(random >> (4 * i) & 0xf) as usize];
        }
        Self(epoch)
    }

    fn id(&self, position: Position) -> EventId {
        let digits = Digits::new(position as u64);
        let len = self.0.len() + digits.as_bytes().len();
        let mut id = [0; Self::MAX_ID];
        id[..self.0.len()].copy_from_slice(&self.0);
        id[self.0.len()..len].copy_from_slice(digits.as_bytes());
        EventId::from_checked(std::str::from_utf8(&id[..len]).unwrap_or_default())
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
