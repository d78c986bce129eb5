use std::{mem, num::NonZeroU64};

use super::{
    lane::{Crowd, Lanes},
    parking::Parking,
    records::Record,
    topics::Name,
};
use crate::{
    replay::log::{Log, Position},
    slab::Key,
};

/// One topic of a hub, with history or subscribers.
#[derive(Debug)]
pub(super) struct TopicState {
    pub(super) name: Name,
    /// The hash of the name, which may be long.
    pub(super) hash: u64,
    pub(super) log: Log,
    /// Where it stands among all that have history, or zero, at which no event is.
    pub(super) queued_at: Position,
    /// Subscriptions, and handles of publishers.
    pub(super) subscribers: u32,
    pub(super) finished: bool,
    /// Whether it stands among those that are finished and have no subscribers.
    pub(super) ended: bool,
    /// Whether it was removed from the hub, and only its subscribers are to learn that.
    pub(super) removed: bool,
    /// Whether nothing was known of it when it was made, and nothing was published to it since.
    pub(super) unknown: bool,
    /// Whether events of it had gone before it was last opened, or may have.
    pub(super) lost: bool,
    /// Kept while there are subscriptions. Boxed, since most topics of a hub with many have none.
    pub(super) followers: Option<Box<Followers>>,
}

/// Those that wait for a topic.
#[derive(Debug)]
pub(super) struct Followers {
    /// Subscriptions to this topic alone that have got everything, unless they have a lane.
    pub(super) parking: Parking,
    /// Lanes for some of them, if there are many.
    pub(super) lanes: Option<Box<Lanes>>,
    /// Subscriptions to several topics that have got everything of this one.
    waiting: Vec<Waiting>,
    /// How many of those are known to have gone away.
    gone: usize,
}

/// A subscription to several topics that waits for one, which it knows by its ordinal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) subscription: Key,
    pub(super) ordinal: u32,
}

impl TopicState {
    pub(super) fn new(name: Name, hash: u64, evicted: Position) -> Self {
        Self {
            name,
            hash,
            log: Log::new(evicted),
            queued_at: 0,
            subscribers: 0,
            finished: false,
            ended: false,
            removed: false,
            unknown: false,
            lost: false,
            followers: None,
        }
    }

    /// The memory that a topic with history takes beside its name and its log's: itself, its slot, its bucket
    /// among the names, its place in the tree of the oldest events, and what its name takes beside the text.
    pub(super) const OVERHEAD: usize = mem::size_of::<Self>() + 24 + 4 + 44 + 32;

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    pub(super) fn is_removed(&self) -> bool {
        self.removed
    }

    /// Returns whether nothing was ever known of it, or no longer is.
    pub(super) fn is_unknown(&self) -> bool {
        self.unknown
    }

    /// Returns what is kept of it when it has neither history nor subscribers.
    pub(super) fn record(&self) -> Record {
        Record { evicted: self.log.evicted(), finished: self.finished, lost: self.has_lost() }
    }

    /// Returns whether events are no longer held, or may have been lost with all that was known of the topic.
    pub(super) fn has_lost(&self) -> bool {
        self.lost || self.log.first() > 0
    }

    pub(super) fn lanes(&mut self) -> Option<&mut Lanes> {
        self.followers.as_mut()?.lanes.as_deref_mut()
    }

    /// Takes all that are parked, after a change.
    #[inline]
    pub(super) fn take_parked(&mut self) -> Option<Crowd> {
        let followers = self.followers.as_mut()?;
        Crowd::take(&mut followers.parking, followers.lanes.as_deref_mut())
    }

    pub(super) fn wait(&mut self, waiting: Waiting) {
        if let Some(followers) = &mut self.followers {
            followers.waiting.push(waiting);
        }
    }

    /// Notes that one has gone away that waits.
    pub(super) fn stop_waiting(&mut self, alive: impl Fn(Key) -> bool) {
        let Some(Followers { waiting, gone, .. }) = self.followers.as_deref_mut() else { return };
        *gone += 1;
        if *gone * 2 > waiting.len() {
            waiting.retain(|waiting| alive(waiting.subscription));
            waiting.shrink_to(waiting.len() * 2);
            *gone = 0;
        }
    }

    /// Takes all that wait for this topic.
    #[inline]
    pub(super) fn take_waiting(&mut self) -> Option<impl ExactSizeIterator<Item = Waiting>> {
        let followers = self.followers.as_mut()?;
        if followers.waiting.is_empty() {
            return None;
        }
        followers.gone = 0;
        Some(followers.waiting.drain(..))
    }
}

impl Followers {
    /// Creates what those that wait need. Its places are named from `first` on.
    pub(super) fn new(first: NonZeroU64) -> Self {
        Self { parking: Parking::new(first), lanes: None, waiting: Vec::new(), gone: 0 }
    }

    /// Gives all back that is held for those that have gone, to be used by others from now on.
    pub(super) fn begin_anew(&mut self, first: NonZeroU64) {
        self.parking.begin_anew(first);
        self.lanes = None;
        if self.waiting.capacity() > 0 {
            self.waiting = Vec::new();
        }
        self.gone = 0;
    }

    /// Lets go what is older than an index.
    #[inline]
    pub(super) fn evict(&mut self, first: u64) {
        if let Some(lanes) = &mut self.lanes {
            lanes.evict(first);
        }
    }
}
