use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap, binary_heap::PeekMut},
};

use super::{
    lane::{Crowd, Lane, Lanes, WITHOUT},
    parking::{Parking, Places},
};
use crate::{
    replay::log::{Log, Position},
    shrink::excess,
    slab::{Key, Slab},
    sync::Arc,
};

/// A topic's name. It never changes, so its counter is not among what is explored for interleavings.
pub(super) type Name = std::sync::Arc<str>;

/// All topics of a hub: those with history or subscribers, and what is remembered of the others.
#[derive(Debug)]
pub(super) struct Topics {
    topics: Slab<Topic>,
    names: HashMap<Name, Key>,
    /// The topic that was opened last, which is often the next one, too.
    recent: Option<Key>,
    /// Topics by the position of their oldest event. An entry may be out of date, but never too high, so it is put
    /// right when it comes up.
    oldest: BinaryHeap<Reverse<(Position, Key)>>,
    /// Topics that have lanes.
    busy: Vec<Key>,
    records: HashMap<Name, Record>,
    /// The records by [age](Record::age): the first one is forgotten first.
    by_age: BTreeSet<(Position, Name)>,
    max_records: usize,
    /// Of a topic without a record, nothing up to here is known to be held.
    floor: Position,
    /// Whether a topic without a record may have been forgotten.
    has_forgotten: bool,
    cost: usize,
    events: usize,
}

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: Name,
    pub(super) log: Log,
    /// The newest position of the hub when the topic was finished.
    finished: Option<Position>,
    /// Whether events of it had gone before it was last opened, or may have.
    lost: bool,
    /// Subscriptions, and handles of publishers.
    subscribers: usize,
    /// Subscriptions to this topic alone that have got everything, unless they have a lane.
    pub(super) parking: Parking,
    /// Lanes for some of them, if there are many.
    pub(super) lanes: Option<Box<Lanes>>,
    /// Subscriptions to several topics that have got everything of this one.
    waiting: Vec<Waiting>,
    /// How many of those are known to have gone away.
    gone: usize,
    /// Whether `oldest` has an entry for this topic.
    queued: bool,
}

/// A subscription to several topics that waits for one, which it knows by its ordinal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) subscription: Key,
    pub(super) ordinal: u32,
}

/// What is kept of a topic without subscribers and history.
#[derive(Clone, Copy, Debug)]
struct Record {
    evicted: Position,
    finished: Option<Position>,
    lost: bool,
}

impl Topics {
    pub(super) fn new(floor: Position, max_records: usize) -> Self {
        Self {
            topics: Slab::new(),
            names: HashMap::new(),
            recent: None,
            oldest: BinaryHeap::new(),
            busy: Vec::new(),
            records: HashMap::new(),
            by_age: BTreeSet::new(),
            max_records,
            floor,
            has_forgotten: false,
            cost: 0,
            events: 0,
        }
    }

    /// Returns the topic of a name for a subscriber. It is made if need be, and must be [retired](Self::retire) after
    /// use.
    ///
    /// If nothing is known of it, it may have been forgotten.
    pub(super) fn open(&mut self, name: &str) -> Key {
        self.find(name, self.has_forgotten)
    }

    /// As [`open`](Self::open), for a publisher: if nothing is known of the topic, it begins now.
    #[inline]
    pub(super) fn begin(&mut self, name: &str) -> Key {
        self.find(name, false)
    }

    #[inline]
    fn find(&mut self, name: &str, lost: bool) -> Key {
        match self.recent {
            Some(key) if self.topics.get(key).is_some_and(|topic| *topic.name == *name) => key,
            _ => self.open_other(name, lost),
        }
    }

    fn open_other(&mut self, name: &str, lost: bool) -> Key {
        if let Some(key) = self.names.get(name).copied() {
            self.recent = Some(key);
            return key;
        }
        let (name, record) = match self.records.remove_entry(name) {
            Some((name, record)) => {
                self.by_age.remove(&(record.age(), name.clone()));
                (name, record)
            }
            None => (Name::from(name), Record { evicted: self.floor, finished: None, lost }),
        };
        let key = self.topics.insert(Topic {
            name: name.clone(),
            log: Log::new(record.evicted),
            finished: record.finished,
            lost: record.lost,
            subscribers: 0,
            parking: Parking::new(),
            lanes: None,
            waiting: Vec::new(),
            gone: 0,
            queued: false,
        });
        self.names.insert(name, key);
        key
    }

    /// Returns whether a topic was finished, without making it.
    #[cfg(feature = "tokio")]
    pub(super) fn is_finished(&self, name: &str) -> bool {
        match self.names.get(name) {
            Some(key) => self.topics[*key].is_finished(),
            None => self.records.get(name).is_some_and(|record| record.finished.is_some()),
        }
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> &Topic {
        &self.topics[key]
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, key: Key) -> &mut Topic {
        &mut self.topics[key]
    }

    /// Puts back those that were parked on a topic, or returns them to be dropped.
    pub(super) fn put_back(&mut self, key: Key, crowd: Crowd) -> Option<Places> {
        match self.topics.get_mut(key) {
            Some(topic) => crowd.put_back(&mut topic.parking, topic.lanes.as_deref_mut()),
            None => crowd.on_topic,
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Topic> {
        self.topics.values_mut()
    }

    /// Adds an event, through a function that appends it to the topic's log.
    #[inline]
    pub(super) fn append(&mut self, key: Key, append: impl FnOnce(&mut Log)) {
        let topic = &mut self.topics[key];
        let cost = topic.log.cost();
        append(&mut topic.log);
        self.cost += topic.log.cost() - cost;
        self.events += 1;
        if let (false, Some(position)) = (topic.queued, topic.log.first_position()) {
            topic.queued = true;
            self.oldest.push(Reverse((position, key)));
        }
    }

    /// Returns the topic that holds the oldest event of all.
    pub(super) fn oldest(&mut self) -> Option<Key> {
        loop {
            let mut entry = self.oldest.peek_mut()?;
            let Reverse((position, key)) = *entry;
            match self.topics.get(key).and_then(|topic| topic.log.first_position()) {
                Some(first) if first == position => return Some(key),
                Some(first) => *entry = Reverse((first, key)),
                None => {
                    PeekMut::pop(entry);
                    if let Some(capacity) = excess(self.oldest.capacity(), self.oldest.len()) {
                        self.oldest.shrink_to(capacity);
                    }
                    if let Some(topic) = self.topics.get_mut(key) {
                        topic.queued = false;
                    }
                }
            }
        }
    }

    /// Removes the oldest event of a topic.
    pub(super) fn evict(&mut self, key: Key) {
        let topic = &mut self.topics[key];
        if let Some(cost) = topic.log.evict() {
            self.cost -= cost;
            self.events -= 1;
            if let Some(lanes) = &mut topic.lanes {
                lanes.evict(topic.log.first());
            }
        }
    }

    pub(super) fn subscribe(&mut self, key: Key) {
        self.topics[key].subscribers += 1;
    }

    /// Gives a subscription to a topic alone a lane, if it has many already.
    pub(super) fn join_lane(&mut self, key: Key) -> Option<Arc<Lane>> {
        let topic = &mut self.topics[key];
        if topic.subscribers <= WITHOUT {
            return None;
        }
        let lanes = topic.lanes.get_or_insert_with(|| {
            self.busy.push(key);
            Box::new(Lanes::new())
        });
        Some(lanes.join())
    }

    /// Takes a subscription from its lane. Returns how many events were given there, if that is no longer kept.
    pub(super) fn leave_lane(&mut self, key: Key, lane: &Lane) -> u64 {
        let topic = &mut self.topics[key];
        let Some(lanes) = topic.lanes.take_if(|lanes| !lanes.leave(lane)) else { return 0 };
        self.busy.retain(|busy| *busy != key);
        lanes.delivered()
    }

    /// Returns how many events were given to subscriptions that have lanes.
    pub(super) fn delivered(&self) -> u64 {
        self.busy
            .iter()
            .filter_map(|key| self.topics[*key].lanes.as_ref())
            .map(|lanes| lanes.delivered())
            .sum()
    }

    /// Ends a subscription to a topic.
    pub(super) fn unsubscribe(&mut self, key: Key) {
        let topic = &mut self.topics[key];
        topic.subscribers -= 1;
        topic.parking.shrink_to(topic.subscribers);
        self.retire(key);
    }

    /// Reduces a topic without subscribers and history to a record.
    #[inline]
    pub(super) fn retire(&mut self, key: Key) {
        if self.topics.get(key).is_some_and(|topic| topic.subscribers == 0 && topic.log.is_empty()) {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: Key) {
        let Some(topic) = self.topics.remove(key) else { return };
        self.names.remove(&topic.name);
        if let Some(capacity) = excess(self.names.capacity(), self.names.len()) {
            self.names.shrink_to(capacity);
        }
        let record =
            Record { evicted: topic.log.evicted(), finished: topic.finished, lost: topic.has_lost() };
        if record.finished.is_some() || record.evicted > self.floor {
            self.by_age.insert((record.age(), topic.name.clone()));
            self.records.insert(topic.name, record);
            if self.records.len() > self.max_records {
                let oldest = self.by_age.pop_first().and_then(|(_, name)| self.records.remove(&name));
                self.floor = oldest.map_or(self.floor, |record| self.floor.max(record.evicted));
                self.has_forgotten = true;
            }
        } else {
            self.has_forgotten |= record.lost;
        }
    }

    /// Returns the number of topics with history or subscribers.
    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }

    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// Returns what all topics hold in bytes.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }
}

impl Record {
    fn age(&self) -> Position {
        self.finished.unwrap_or(0).max(self.evicted)
    }
}

impl Topic {
    pub(super) fn is_finished(&self) -> bool {
        self.finished.is_some()
    }

    /// Returns whether events are no longer held, or may have been lost with all that was known of the topic.
    pub(super) fn has_lost(&self) -> bool {
        self.lost || self.log.first() > 0
    }

    pub(super) fn finish(&mut self, head: Position) {
        self.finished.get_or_insert(head);
    }

    #[cfg(feature = "tokio")]
    pub(super) fn reopen(&mut self) {
        self.finished = None;
    }

    /// Takes all that are parked, after a change.
    #[inline]
    pub(super) fn take_parked(&mut self) -> Option<Crowd> {
        Crowd::take(&mut self.parking, self.lanes.as_deref_mut())
    }

    pub(super) fn wait(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
    }

    /// Notes that one has gone away that waits.
    pub(super) fn stop_waiting(&mut self, alive: impl Fn(Key) -> bool) {
        self.gone += 1;
        if self.gone * 2 > self.waiting.len() {
            self.waiting.retain(|waiting| alive(waiting.subscription));
            self.waiting.shrink_to(self.waiting.len() * 2);
            self.gone = 0;
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes all that wait for this topic.
    pub(super) fn take_waiting(&mut self) -> impl Iterator<Item = Waiting> {
        self.gone = 0;
        self.waiting.drain(..)
    }
}
