use ssekit::{EventId, replay::IdOrder};

/// The order of IDs that are an entry's number and its tag.
#[derive(Clone, Copy, Debug)]
pub struct TaggedNumbers;

impl TaggedNumbers {
    pub(crate) fn id_of(number: i64, tag: i64) -> EventId {
        Self.id(u128::from(number as u64) << 64 | u128::from(tag as u64))
    }

    /// Returns the number and the tag of an ID.
    pub(crate) fn parts(id: &EventId) -> Option<(i64, i64)> {
        let position = Self.position(id.as_str())?;
        Some(((position >> 64) as i64, position as i64))
    }
}

impl IdOrder for TaggedNumbers {
    fn position(&self, id: &str) -> Option<u128> {
        let (number, tag) = id.split_once('-')?;
        let position =
            u128::from(number.parse::<u64>().ok()?) << 64 | u128::from(u64::from_str_radix(tag, 16).ok()?);
        // One ID has one spelling.
        Some(position).filter(|position| self.id(*position).as_str() == id)
    }

    fn id(&self, position: u128) -> EventId {
        let id = format!("{}-{:016x}", (position >> 64) as u64, position as u64);
        EventId::try_from(id).expect("digits and a dash are valid in an ID")
    }
}
