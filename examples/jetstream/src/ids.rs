use std::hash::{BuildHasher, RandomState};

use ssekit::{EventId, replay::IdOrder};

/// The order of IDs that are a sequence number and a tag.
#[derive(Clone, Copy, Debug)]
pub struct TaggedNumbers;

impl TaggedNumbers {
    pub(crate) fn id_of(number: u64, tag: u64) -> EventId {
        Self.id(u128::from(number) << 64 | u128::from(tag))
    }

    /// Returns the sequence number in an ID.
    pub(crate) fn number(id: &EventId) -> Option<u64> {
        Self.position(id.as_str()).map(|position| (position >> 64) as u64)
    }
}

impl IdOrder for TaggedNumbers {
    fn position(&self, id: &str) -> Option<u128> {
        let (number, tag) = id.split_once('-')?;
        let position =
            u128::from(number.parse::<u64>().ok()?) << 64 | u128::from(u64::from_str_radix(tag, 16).ok()?);
        // One ID, one spelling.
        Some(position).filter(|position| self.id(*position).as_str() == id)
    }

    fn id(&self, position: u128) -> EventId {
        let id = format!("{}-{:016x}", (position >> 64) as u64, position as u64);
        EventId::try_from(id).expect("digits and a dash")
    }
}

/// Draws a tag.
pub(crate) fn tag() -> u64 {
    RandomState::new().hash_one(())
}
