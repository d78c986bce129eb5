use std::{mem, task::Waker};

use crate::{
    base::slab::Key,
    history::{log::Log, position::Position},
    hub::core::{
        lane::{LANE_THRESHOLD, Lanes, OnLanes},
        name::Name,
        parking::Parking,
        records::Record,
    },
};

/// One topic of a hub, with history or subscribers.
#[derive(Debug)]
pub(crate) struct TopicState {
    pub(crate) name: Name,
    /// The hash of the name, which may be long.
    pub(crate) hash: u64,
    pub(crate) log: Log,
    /// Its position in the order of topics with history; zero, which no event has, if it has none.
    pub(crate) queued_at: Position,
    /// Subscriptions, and handles.
    pub(crate) users: u32,
    /// Handles alone.
    pub(crate) handles: u32,
    pub(crate) finished: bool,
    /// It counts as ended: finished, and without subscribers.
    pub(crate) ended: bool,
    /// It was removed from the hub, and exists only until its subscribers have noticed.
    pub(crate) removed: bool,
    /// It had no record when it was created, and nothing was published to it since.
    pub(crate) unknown: bool,
    /// Some of its events were, or may have been, evicted before it was last opened.
    pub(crate) lost: bool,
    /// Kept while there are subscriptions. Boxed, because most topics of a large hub have none.
    pub(crate) followers: Option<Box<Followers>>,
}

/// Subscriptions that wait for a topic.
#[derive(Debug, Default)]
pub(crate) struct Followers {
    /// Subscriptions to this topic alone that have read all of its events, unless they have a lane.
    pub(crate) parking: Parking,
    /// Lanes for some of them, if there are many.
    pub(crate) lanes: Option<Box<Lanes>>,
    /// Subscriptions to several topics that have read all events of this one.
    waiting: Vec<Waiting>,
    /// The number of those that have left.
    gone: usize,
    /// The keys of futures that wait until there is no subscription.
    pub(super) unsubscribed: Vec<Key>,
}

/// A subscription to several topics that waits for one of them, which has this ordinal in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) subscription: Key,
    pub(crate) ordinal: u32,
}

impl TopicState {
    pub(crate) fn new(name: Name, hash: u64, evicted: Position) -> Self {
        Self {
            name,
            hash,
            log: Log::new(evicted),
            queued_at: 0,
            users: 0,
            handles: 0,
            finished: false,
            ended: false,
            removed: false,
            unknown: false,
            lost: false,
            followers: None,
        }
    }

    /// The memory of a topic with history in addition to its name and its events: this struct, its slot, its
    /// bucket among the names, its entry in the tree of the oldest events, and the overhead of its name.
    pub(crate) const OVERHEAD: usize = mem::size_of::<Self>() + 24 + 4 + 44 + 32;

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed
    }

    /// Returns whether the hub has no knowledge of the topic's past.
    pub(crate) fn is_unknown(&self) -> bool {
        self.unknown
    }

    /// Returns the number of subscriptions.
    pub(crate) fn subscriptions(&self) -> u32 {
        self.users - self.handles
    }

    /// Returns the record to keep once it has neither history nor subscribers.
    pub(crate) fn record(&self) -> Record {
        Record { evicted: self.log.evicted(), finished: self.finished, lost: self.has_lost() }
    }

    /// Returns whether a client that begins at the oldest event lacks some of the topic: an event was evicted
    /// that did not remove a key, or may have been if the topic's record was dropped.
    pub(crate) fn has_lost(&self) -> bool {
        self.lost || self.log.has_lost()
    }

    /// Takes the wakers that are parked on the topic itself, after a change. Returns the lanes with others.
    #[inline]
    pub(crate) fn take_parked(&mut self, wakers: &mut [Option<Waker>; LANE_THRESHOLD]) -> Option<OnLanes> {
        let followers = self.followers.as_mut()?;
        let left = followers.parking.take(0, wakers);
        debug_assert!(left.is_none(), "beyond the threshold subscriptions have lanes");
        followers.lanes.as_deref_mut()?.hide()
    }

    /// Takes all parked wakers.
    pub(crate) fn take_all_parked(&mut self, wakers: &mut Vec<Waker>) {
        let Some(followers) = &mut self.followers else { return };
        followers.parking.take_all(wakers);
        if let Some(on_lanes) = followers.lanes.as_deref_mut().and_then(Lanes::hide) {
            on_lanes.take_all(wakers);
        }
    }

    pub(crate) fn wait(&mut self, waiting: Waiting) {
        if let Some(followers) = &mut self.followers {
            followers.waiting.push(waiting);
        }
    }

    /// Records that a waiting subscription has left. Removes such entries once they are the majority.
    pub(crate) fn stop_waiting(&mut self, alive: impl Fn(Key) -> bool) {
        let Some(Followers { waiting, gone, .. }) = self.followers.as_deref_mut() else { return };
        *gone += 1;
        // Only when half of the list is gone, so that leaving costs constant time on average.
        if *gone * 2 > waiting.len() {
            waiting.retain(|waiting| alive(waiting.subscription));
            waiting.shrink_to(waiting.len() * 2);
            *gone = 0;
        }
    }

    /// Takes all subscriptions that wait for this topic.
    #[inline]
    pub(crate) fn take_waiting(&mut self) -> Option<impl ExactSizeIterator<Item = Waiting>> {
        let followers = self.followers.as_mut()?;
        if followers.waiting.is_empty() {
            return None;
        }
        // The list is empty now, the entries of those that are gone included.
        followers.gone = 0;
        Some(followers.waiting.drain(..))
    }
}

impl Followers {
    /// Frees what is held for earlier subscriptions, all of which have left, to be used for another topic.
    pub(crate) fn begin_anew(&mut self) {
        debug_assert!(self.lanes.is_none(), "the last one that leaves its lane takes them along");
        // The memory is not handed on: the next topic may have few subscriptions.
        if self.waiting.capacity() > 0 {
            self.waiting = Vec::new();
        }
        self.gone = 0;
        if self.unsubscribed.capacity() > 0 {
            self.unsubscribed = Vec::new();
        }
    }

    /// Registers a future that waits until there is no subscription. Drops those that are gone, now and then.
    pub(crate) fn wait_unsubscribed(&mut self, key: Key, alive: impl Fn(Key) -> bool) {
        let waiting = &mut self.unsubscribed;
        if waiting.len() == waiting.capacity() {
            // Before it grows, so that futures that were dropped do not make it grow for ever.
            waiting.retain(|key| alive(*key));
            waiting.reserve(waiting.len() + 1);
        }
        waiting.push(key);
    }

    /// Drops runs with events that are evicted: those up to a position.
    #[inline]
    pub(crate) fn evict(&mut self, evicted: Position) {
        if let Some(lanes) = &mut self.lanes {
            lanes.evict(evicted);
        }
    }
}
