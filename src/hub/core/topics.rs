use crate::{
    base::slab::{Key, Slab},
    history::{
        bounds::Bounds, id_space::IdSpace, log::Log, position::Position, prepared::Prepared, run::Run,
        scheme::id_in,
    },
    hub::core::{
        name::Name,
        names::{Named, Names},
        oldest::{Among, Oldest},
        records::Records,
        topic_state::{Followers, TopicState},
    },
};

/// All topics of a hub: those with history or subscribers, and the records of others.
///
/// No operation takes time linear in the number of topics or events: topics are stored in blocks, found in a
/// table that grows bucket by bucket, and ordered and recorded in trees.
#[derive(Debug)]
pub(crate) struct Topics {
    pub(super) topics: Slab<Named>,
    names: Names,
    /// The topic that was opened last, which is often also the next one.
    recent: Option<Key>,
    /// All topics with history.
    oldest: Oldest,
    /// Topics that have lanes.
    pub(super) busy: Vec<Key>,
    /// Followers to reuse, left by a topic whose last subscription has ended. Topics often have one client at
    /// a time.
    pub(super) spare: Option<Box<Followers>>,
    records: Records,
    /// The position of the newest event.
    newest: Position,
    cost: usize,
    /// The memory of topics with history. Topics that have only subscribers are limited by the number of
    /// connections.
    memory: usize,
    max_bytes: usize,
    /// Something other than an event has taken more memory than the limit allows.
    pub(super) is_over: bool,
    events: usize,
    /// The number of removed topics that still have subscribers.
    removed: usize,
    /// The keys of futures whose topics have lost their last subscription.
    pub(super) unsubscribed: Vec<Key>,
}

impl Topics {
    /// Records take at most an eighth of `max_bytes`.
    pub(crate) fn new(floor: Position, max_records: usize, max_bytes: usize) -> Self {
        Self {
            topics: Slab::new(),
            names: Names::new(),
            recent: None,
            oldest: Oldest::default(),
            busy: Vec::new(),
            spare: None,
            records: Records::new(floor, max_records, max_bytes / 8),
            newest: floor,
            cost: 0,
            memory: 0,
            max_bytes,
            is_over: false,
            events: 0,
            removed: 0,
            unsubscribed: Vec::new(),
        }
    }

    /// Returns the topic of a name for a subscriber. Creates it if necessary; [retire](Self::retire) it after
    /// use.
    ///
    /// If there is no record of it, it may have been forgotten.
    pub(crate) fn open(&mut self, name: &str) -> Key {
        self.open_as(name, self.records.has_forgotten())
    }

    /// Like [`open`](Self::open), for a publisher: if there is no record of the topic, it begins now.
    #[inline]
    pub(crate) fn begin(&mut self, name: &str) -> Key {
        self.open_as(name, false)
    }

    #[inline]
    fn open_as(&mut self, name: &str, lost: bool) -> Key {
        match self.recent {
            // Fast path: services publish to one topic several times in a row. Comparing names
            // costs less than hashing.
            Some(key) if self.find_key(key).is_some_and(|topic| *topic.name == *name) => key,
            _ => self.open_other(name, lost),
        }
    }

    fn open_other(&mut self, name: &str, lost: bool) -> Key {
        let hash = self.names.hash(name);
        if let Some(key) = self.find(hash, name) {
            self.recent = Some(key);
            return key;
        }
        // A topic that was retired continues with what its record says. Without a record it may
        // have lost anything up to the floor.
        let record = self.records.take(hash);
        let evicted = record.map_or(self.records.floor(), |record| record.evicted);
        let mut topic = TopicState::new(Name::from(name), hash, evicted);
        topic.finished = record.is_some_and(|record| record.finished);
        topic.lost = record.map_or(lost, |record| record.lost);
        topic.unknown = record.is_none();
        self.names.insert(topic, &mut self.topics)
    }

    fn find(&self, hash: u64, name: &str) -> Option<Key> {
        self.names.find(hash, name, &self.topics)
    }

    /// Returns whether a topic was finished, without creating it.
    pub(crate) fn is_finished(&self, name: &str) -> bool {
        let hash = self.names.hash(name);
        match self.find(hash, name) {
            Some(key) => self.topics[key].topic.is_finished(),
            None => self.records.is_finished(hash),
        }
    }

    /// Returns whether an unknown topic may have been finished since a client had this position.
    ///
    /// For the newest position returns `false`, because the client could not be sent a newer one to break the
    /// loop.
    pub(crate) fn may_have_ended_since(&self, position: Position) -> bool {
        position < self.newest && self.records.may_have_ended_since(position)
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> &TopicState {
        &self.topics[key].topic
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> &mut TopicState {
        &mut self.topics[key].topic
    }

    /// Returns the key of a topic with a subscription, by its [index](Key::index).
    #[inline]
    pub(crate) fn key_at(&self, index: u32) -> Key {
        self.topics.at(index).expect("a topic exists as long as a subscription has it").0
    }

    /// Returns the key of a topic and the number of its events, if it exists.
    pub(crate) fn find_len(&self, name: &str) -> Option<(Key, usize)> {
        let key = self.find(self.names.hash(name), name)?;
        Some((key, self.topics[key].topic.log.len()))
    }

    /// Returns a topic, unless it was dropped.
    pub(crate) fn find_key(&self, key: Key) -> Option<&TopicState> {
        self.topics.get(key).map(|named| &*named.topic)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut TopicState> {
        self.topics.values_mut().map(|named| &mut *named.topic)
    }

    /// Adds an event, which may supersede another one, and evicts events beyond the topic's bounds until
    /// `left` is used up.
    ///
    /// Returns whether that sufficed, and whether the topic holds an event.
    #[inline]
    pub(crate) fn append(
        &mut self,
        key: Key,
        now: u64,
        event: &mut Prepared<'_>,
        ids: &mut IdSpace,
        bounds: &Bounds,
        left: &mut usize,
    ) -> (bool, bool) {
        let topic = &mut *self.topics[key].topic;
        let (cost, memory) = (topic.log.cost(), topic.log.memory());
        // From here on nothing fails: the position is taken, and an event has it.
        self.newest = ids.take(event);
        let superseded = topic.log.append(self.newest, now, ids.line().as_bytes(), event);
        self.events += usize::from(!superseded);
        let mut fits = true;
        while topic.log.is_over(bounds) {
            if *left == 0 {
                fits = false;
                break;
            }
            *left -= 1;
            ids.forget(|| topic.log.first_text().and_then(id_in));
            topic.log.evict();
            self.events -= 1;
            if let Some(followers) = &mut topic.followers {
                followers.evict(topic.log.evicted());
            }
        }
        self.cost = (self.cost + topic.log.cost()) - cost;
        self.memory = (self.memory + topic.log.memory()) - memory;
        let is_queued = topic.queued_at != 0;
        let holds = !topic.log.is_empty();
        // Fast path: a topic that holds events before and after keeps its place. Its oldest event
        // may be gone from it by now, which `oldest` finds out when it matters.
        if is_queued != holds {
            self.requeue(key);
        }
        (fits, holds)
    }

    /// Updates the order of topics, after a topic got its first event or lost its last one.
    fn requeue(&mut self, key: Key) {
        match self.topics[key].topic.log.first_position() {
            Some(first) => self.enqueue(key, first),
            None => self.dequeue(key),
        }
    }

    /// Enters a topic that has got history.
    fn enqueue(&mut self, key: Key, at: Position) {
        let topic = &mut *self.topics[key].topic;
        debug_assert_eq!(topic.queued_at, 0, "a topic is entered once");
        topic.queued_at = at;
        topic.unknown = false;
        self.memory += TopicState::OVERHEAD + topic.name.len();
        self.oldest.insert(at, key.index(), topic.ended);
    }

    /// Removes a topic that has no history any more.
    fn dequeue(&mut self, key: Key) {
        let topic = &mut *self.topics[key].topic;
        debug_assert_ne!(topic.queued_at, 0, "only a topic that was entered is removed");
        self.oldest.remove(topic.queued_at, topic.ended);
        self.memory -= TopicState::OVERHEAD + topic.name.len();
        topic.queued_at = 0;
    }

    /// Returns the topic whose oldest event is evicted next.
    ///
    /// Each topic whose entry is moved forward takes one from `left`. Returns `None` when nothing is left.
    pub(crate) fn oldest(&mut self, among: Among, left: &mut usize) -> Option<Key> {
        while *left > 0 {
            let slot = self.oldest.first(among)?;
            let (key, _) = self.topics.at(slot)?;
            let topic = &mut *self.topics[key].topic;
            let first = topic.log.first_position()?;
            // The place is up to date, and no topic has an older event: places are never later than
            // the first event of their topic.
            if first == topic.queued_at {
                return Some(key);
            }
            // The topic was queued at an event that is gone. Each correction counts as work, so
            // that one step stays bounded.
            self.oldest.remove(topic.queued_at, topic.ended);
            self.oldest.insert(first, slot, topic.ended);
            topic.queued_at = first;
            *left -= 1;
        }
        None
    }

    /// Evicts the oldest event of a topic.
    pub(crate) fn evict(&mut self, key: Key) {
        let topic = &mut *self.topics[key].topic;
        let (cost, memory) = (topic.log.cost(), topic.log.memory());
        if !topic.log.evict() {
            return;
        }
        self.cost = (self.cost + topic.log.cost()) - cost;
        self.events -= 1;
        self.memory = (self.memory + topic.log.memory()) - memory;
        if let Some(followers) = &mut topic.followers {
            followers.evict(topic.log.evicted());
        }
        if topic.log.is_empty() {
            self.dequeue(key);
        }
    }

    /// Reads events of a topic. This may allocate, so it updates the memory in use. See [`Log::read`].
    ///
    /// Out of line, so that a poll which finds its lane's run does not pay for it (`benches/hub.rs`).
    pub(crate) fn read(
        &mut self,
        key: Key,
        after: Position,
        up_to: Position,
    ) -> Option<(Run, &mut TopicState)> {
        let topic = &mut *self.topics[key].topic;
        let memory = topic.log.memory();
        let run = topic.log.read(after, up_to);
        let taken = topic.log.memory();
        self.memory = (self.memory + taken) - memory;
        let run = run?;
        if taken > memory && self.memory + self.records.cost() > self.max_bytes {
            // A copy that others may read as well is not worth the events that would have to go for it.
            topic.log.forget_copy(run.last);
            self.memory = (self.memory + topic.log.memory()) - taken;
            self.is_over = true;
        }
        Some((run, topic))
    }

    pub(crate) fn finish(&mut self, key: Key) {
        self.topics[key].topic.finished = true;
        self.update_ended(key);
    }

    pub(crate) fn reopen(&mut self, key: Key) {
        self.topics[key].topic.finished = false;
        self.update_ended(key);
    }

    /// Updates whether a topic is ended: finished, and without subscribers.
    pub(super) fn update_ended(&mut self, key: Key) {
        let topic = &mut *self.topics[key].topic;
        let ended = topic.finished && topic.users == 0;
        if ended != topic.ended && topic.queued_at != 0 {
            self.oldest.remove(topic.queued_at, topic.ended);
            self.oldest.insert(topic.queued_at, key.index(), ended);
        }
        topic.ended = ended;
    }

    /// Replaces a topic without subscribers and history by its record.
    #[inline]
    pub(crate) fn retire(&mut self, key: Key) {
        // Asked after each change that may have been the last reason to keep a topic, so that the
        // key may be gone already.
        if self.find_key(key).is_some_and(|topic| topic.users == 0 && topic.log.is_empty()) {
            self.forget(key);
        }
    }

    fn forget(&mut self, key: Key) {
        if !self.topics[key].topic.removed {
            self.leave_record(key);
        } else {
            self.removed -= 1;
        }
        self.topics.remove(key);
    }

    /// Removes the name of a topic, and keeps a record of it.
    fn leave_record(&mut self, key: Key) {
        self.names.remove(key, &mut self.topics);
        let topic = &self.topics[key].topic;
        self.records.keep(topic.hash, topic.record(), self.newest);
        self.is_over |= self.memory() > self.max_bytes;
    }

    /// Takes the history and the name of a topic, which then exists only until its subscribers have noticed.
    pub(crate) fn remove(&mut self, key: Key) -> Log {
        if self.topics[key].topic.queued_at != 0 {
            self.dequeue(key);
        }
        let topic = &mut *self.topics[key].topic;
        let log = topic.log.take();
        topic.removed = true;
        self.removed += 1;
        self.events -= log.len();
        self.cost -= log.cost();
        self.memory -= log.memory();
        // Its name leads to a new topic from now on, but subscriptions keep this one until they
        // have noticed.
        self.recent = None;
        self.leave_record(key);
        log
    }

    /// Returns the number of topics with history, handles or subscribers.
    pub(crate) fn len(&self) -> usize {
        self.topics.len() - self.removed
    }

    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// Returns the bytes held in all topics, as [`Bounds`] counts them.
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    /// Returns the bytes of memory of all topics with history, and of all records.
    pub(crate) fn memory(&self) -> usize {
        self.memory + self.records.cost()
    }
}
