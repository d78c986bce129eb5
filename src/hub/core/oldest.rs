use std::collections::BTreeMap;

use crate::history::position::Position;

/// Topics with history, in the order in which their events are evicted.
///
/// A topic is entered at the position of its oldest event. It may have lost that event since, so its entry is
/// moved forward when its turn comes.
#[derive(Debug, Default)]
pub(crate) struct Oldest {
    open: BTreeMap<Position, u32>,
    /// Topics that are finished and have no subscribers. They are evicted first if memory is short.
    ended: BTreeMap<Position, u32>,
}

/// The topics to choose from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Among {
    /// All topics equally, for events that are too old.
    All,
    /// Ended topics, if there are any; otherwise all.
    EndedFirst,
}

impl Oldest {
    pub(crate) fn insert(&mut self, at: Position, slot: u32, ended: bool) {
        self.kind(ended).insert(at, slot);
    }

    pub(crate) fn remove(&mut self, at: Position, ended: bool) {
        self.kind(ended).remove(&at);
    }

    /// Returns the slot of the topic whose turn it is.
    pub(crate) fn first(&self, among: Among) -> Option<u32> {
        let [open, ended] = [&self.open, &self.ended].map(|kind| kind.first_key_value());
        let (_, slot) = match (open, ended) {
            // By position, which comes first in the pair.
            (Some(open), Some(ended)) if among == Among::All => open.min(ended),
            (open, ended) => ended.or(open)?,
        };
        Some(*slot)
    }

    fn kind(&mut self, ended: bool) -> &mut BTreeMap<Position, u32> {
        if ended { &mut self.ended } else { &mut self.open }
    }
}
