//! IDs of an application that are numbers.

use ssekit::{EventId, replay::IdOrder};

/// Numbers, in decimal.
#[derive(Debug)]
pub(crate) struct Numbers;

impl IdOrder for Numbers {
    fn position(&self, id: &str) -> Option<u128> {
        id.parse().ok()
    }

    fn id(&self, position: u128) -> EventId {
        position.into()
    }
}
