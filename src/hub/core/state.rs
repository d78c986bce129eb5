use std::{
    mem,
    task::Waker,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    base::{
        clock::nanos,
        panics::{Panic, each},
        random::{SplitMix64, seed},
        slab::{Key, Slab},
        sync::Arc,
    },
    history::{bounds::Bounds, id_space::IdSpace, log::Log, prepared::Prepared, scheme::id_in},
    hub::{
        core::{
            lane::{LANE_THRESHOLD, OnLanes},
            oldest::Among,
            subscriber::Subscriber,
            topics::Topics,
        },
        publish_error::PublishError,
    },
};

/// The state shared by a hub's publishers and subscribers, behind one lock.
///
/// Nothing here wakes, clones or drops a waker, reads a clock or calls application code. Wakers are returned
/// to the caller, which wakes them without the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) ids: IdSpace,
    pub(crate) topics: Topics,
    /// The number of open subscriptions.
    pub(crate) subscribers: usize,
    /// Subscriptions to several topics, or to none.
    pub(crate) of_many: Slab<Subscriber>,
    pub(crate) closing: Option<Arc<Closing>>,
    pub(crate) published: u64,
    /// Events delivered to subscribers without a filter, counted once for each. Those delivered on lanes are
    /// counted there.
    pub(crate) delivered: u64,
    pub(crate) lagged: u64,
    pub(crate) resumed: u64,
    pub(crate) gaps: u64,
    bounds: Bounds,
    max_bytes: usize,
    /// The maximum age of an event.
    age: Option<u64>,
    /// No event becomes too old before this time.
    expires_at: u64,
    random: SplitMix64,
    /// Futures that wait for the last subscription to end. `None` once their waker is taken.
    drained: Slab<Option<Waker>>,
    /// Futures that wait for the last subscription to a topic to end. `None` once their waker is taken.
    unsubscribed: Slab<Option<Waker>>,
}

/// The options with which a hub was closed.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) last: Option<Bytes>,
    pub(crate) retry: Option<Duration>,
    pub(crate) spread: Duration,
    pub(crate) stop: bool,
    /// The time at which subscriptions end even if events are pending.
    pub(crate) ends_at: Option<Instant>,
}

/// Wakers to wake once the lock is released.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    /// Those parked on a topic itself.
    of_one: [Option<Waker>; LANE_THRESHOLD],
    on_lanes: Option<OnLanes>,
    others: Vec<Waker>,
    /// A topic for which further steps of eviction are needed.
    pub(crate) over: Option<Key>,
}

impl State {
    pub(crate) fn new(ids: IdSpace, bounds: Bounds, max_bytes: usize, max_topics: usize) -> Self {
        Self {
            topics: Topics::new(ids.head(), max_topics, max_bytes),
            ids,
            subscribers: 0,
            of_many: Slab::new(),
            closing: None,
            published: 0,
            delivered: 0,
            lagged: 0,
            resumed: 0,
            gaps: 0,
            bounds,
            max_bytes,
            // With an age of zero, an empty hub would be due at any time, and expiring it would never end.
            age: bounds.age.map(|age| nanos(age).max(1)),
            expires_at: 0,
            random: SplitMix64::new(seed()),
            drained: Slab::new(),
            unsubscribed: Slab::new(),
        }
    }

    /// Appends events to a topic, all or none.
    ///
    /// Sets `wake.over` if more must be [evicted](Self::trim) than one step may.
    #[inline]
    pub(crate) fn append(
        &mut self,
        topic: &str,
        now: u64,
        batch: &mut [Prepared<'_>],
        wake: &mut Wake,
    ) -> Result<(), PublishError> {
        if self.closing.is_some() {
            return Err(PublishError::Closed);
        }
        // Refusing comes before evicting: an event that is refused must not cost others their
        // place.
        let mut key = self.topics.begin(topic);
        let checked = match self.topics.get(key).is_finished() {
            true => Err(PublishError::Finished),
            false => self.ids.check(batch).map_err(PublishError::Id),
        };
        if let Err(error) = checked {
            // The topic may have been opened for this event alone.
            self.topics.retire(key);
            return Err(error);
        }
        // What is too old goes first, so that the bounds do not evict what is younger in its stead.
        if self.is_due(now) && self.expire_some(now, EXPIRED_WITH_EACH) > 0 {
            // If the topic held nothing else, it was dropped as well.
            key = self.topics.begin(topic);
        }
        let mut left = EVICTED_WITH_EACH + batch.len();
        let mut is_empty = false;
        for event in batch {
            let Self { topics, bounds, ids, .. } = self;
            let (fits, holds) = topics.append(key, now, event, ids, bounds, &mut left);
            is_empty = !holds;
            self.published += 1;
            if !fits || self.memory() > self.max_bytes {
                // One step under the lock is bounded. What is left over is evicted by `trim`, in
                // steps of its own, before `publish` returns.
                wake.over = (!self.enforce_bounds(key, &mut left)).then_some(key);
            }
        }
        self.wake_waiting(key, wake);
        if is_empty {
            // An event larger than its topic's bounds was evicted at once.
            self.topics.retire(key);
        }
        Ok(())
    }

    /// Evicts one step's worth of events beyond the bounds. Returns whether more remain.
    pub(crate) fn trim(&mut self, key: Key) -> bool {
        let done = self.enforce_bounds(key, &mut { MAX_STEP });
        self.topics.retire(key);
        !done
    }

    /// Evicts events beyond the bounds of a topic and of the hub, until `left` is used up. Returns whether
    /// that sufficed.
    ///
    /// Never evicts the last event of all, because it is still to be delivered.
    fn enforce_bounds(&mut self, key: Key, left: &mut usize) -> bool {
        while self.topics.find_key(key).is_some_and(|topic| topic.log.is_over(&self.bounds)) {
            if *left == 0 {
                return false;
            }
            *left -= 1;
            self.evict(key);
        }
        self.evict_oldest(Some(key), left)
    }

    /// Evicts events beyond the memory of the hub, until `left` is used up. Returns whether that sufficed.
    ///
    /// The topic `kept` is retired by the caller, who still uses its key.
    fn evict_oldest(&mut self, kept: Option<Key>, left: &mut usize) -> bool {
        // The last event stays: it is the one that was just appended, and `prepare` has seen to it
        // that it fits alone.
        while self.memory() > self.max_bytes && self.topics.events() > 1 {
            let Some(oldest) = self.topics.oldest(Among::EndedFirst, left) else { return *left > 0 };
            *left -= 1;
            self.evict(oldest);
            if Some(oldest) != kept {
                self.topics.retire(oldest);
            }
        }
        true
    }

    /// Evicts one step's worth of events if reading, or the record of a topic, has taken more memory than the
    /// hub may use. Call it after each change other than an append, which sees to that itself.
    #[inline]
    pub(crate) fn give_back(&mut self) {
        if self.topics.is_over {
            self.evict_over();
        }
    }

    #[cold]
    fn evict_over(&mut self) {
        // If one step does not suffice, the next change goes on.
        self.topics.is_over = !self.evict_oldest(None, &mut { MAX_STEP });
    }

    /// Returns the bytes of memory in use that count towards the limit.
    pub(crate) fn memory(&self) -> usize {
        self.topics.memory() + self.ids.memory()
    }

    /// Returns whether an event may be too old by now.
    #[inline]
    fn is_due(&self, now: u64) -> bool {
        self.age.is_some() && now >= self.expires_at
    }

    /// Evicts one step's worth of events that are too old. Returns whether there may be more.
    #[inline]
    pub(crate) fn expire(&mut self, now: u64) -> bool {
        self.is_due(now) && {
            self.expire_some(now, MAX_STEP);
            self.is_due(now)
        }
    }

    /// Evicts up to `most` events that are too old. Returns their number.
    fn expire_some(&mut self, now: u64, most: usize) -> usize {
        let Some(age) = self.age else { return 0 };
        let (mut left, mut evicted) = (most, 0);
        while let Some(oldest) = self.topics.oldest(Among::All, &mut left) {
            let at = self.topics.get(oldest).log.first_at().unwrap_or(now);
            // The oldest event is young enough, and so are all others. Nothing is due before it is.
            if now.saturating_sub(at) < age {
                self.expires_at = at.saturating_add(age);
                return evicted;
            }
            left -= 1;
            evicted += 1;
            self.evict(oldest);
            self.topics.retire(oldest);
        }
        if left > 0 {
            // No event is held. The next one expires no earlier than this.
            self.expires_at = now.saturating_add(age);
        }
        evicted
    }

    fn evict(&mut self, key: Key) {
        let Self { ids, topics, .. } = self;
        let log = &topics.get(key).log;
        // Before the event goes, as its ID stands in its text only.
        ids.forget(|| log.first_text().and_then(id_in));
        topics.evict(key);
    }

    /// Lets a finished topic begin again.
    pub(crate) fn reopen(&mut self, topic: &str) {
        if self.topics.is_finished(topic) {
            let key = self.topics.begin(topic);
            // Opening alone would find the record of the finished topic and leave it finished.
            self.topics.reopen(key);
            self.topics.retire(key);
            self.give_back();
        }
    }

    pub(crate) fn finish(&mut self, topic: &str, wake: &mut Wake) {
        let key = self.topics.begin(topic);
        self.topics.finish(key);
        self.wake_waiting(key, wake);
        self.topics.retire(key);
        self.give_back();
    }

    /// Removes a topic. Returns its history, to be dropped without the lock, or `None` if it must be called
    /// again, because one step may not evict that many events.
    pub(crate) fn remove(&mut self, topic: &str, wake: &mut Wake) -> Option<Log> {
        let Some((key, len)) = self.topics.find_len(topic) else { return Some(Log::new(0)) };
        // Only IDs without an order are kept one by one. All others go with the history at once.
        if self.ids.forgets() {
            (0..len.min(MAX_STEP)).for_each(|_| self.evict(key));
            if len > MAX_STEP {
                return None;
            }
        }
        let log = self.topics.remove(key);
        self.wake_waiting(key, wake);
        self.topics.retire(key);
        self.give_back();
        Some(log)
    }

    pub(crate) fn close(&mut self, closing: Closing, wake: &mut Wake) {
        // The first `close` counts: streams may have ended with its last event already.
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(Arc::new(closing));
        let Wake { others, .. } = wake;
        others.extend(self.of_many.values_mut().filter_map(|subscriber| subscriber.waker.take()));
        for topic in self.topics.iter_mut() {
            topic.take_all_parked(others);
        }
    }

    #[inline]
    fn wake_waiting(&mut self, key: Key, wake: &mut Wake) {
        let Self { topics, of_many, .. } = self;
        let topic = topics.get_mut(key);
        wake.on_lanes = topic.take_parked(&mut wake.of_one);
        let Some(all) = topic.take_waiting() else { return };
        // One allocation at most, as this is under the lock.
        wake.others.reserve(all.len());
        for waiting in all {
            if let Some(subscriber) = of_many.get_mut(waiting.subscription) {
                // It need not ask all its topics then, but those that have something.
                subscriber.ready.push(waiting.ordinal);
                wake.others.extend(subscriber.waker.take());
            }
        }
    }

    /// Takes the wakers that wait for a last subscription to end, of the hub or of a topic, if it has ended.
    pub(crate) fn take_last_left(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        // The last subscription to leave finds the count at zero.
        if self.subscribers == 0 && self.drained.len() > 0 {
            wakers.extend(self.drained.values_mut().filter_map(Option::take));
        }
        for key in self.topics.take_unsubscribed() {
            wakers.extend(self.unsubscribed.get_mut(key).and_then(Option::take));
        }
        wakers
    }

    /// Returns whether a topic has no subscription. If it has one, stores the waker, to be woken when the
    /// last one ends.
    ///
    /// Leaves the previous waker in `waker`, to be dropped.
    pub(crate) fn poll_unsubscribed(
        &mut self,
        topic: Key,
        key: &mut Option<Key>,
        waker: &mut Option<Waker>,
    ) -> bool {
        let Self { topics, unsubscribed, .. } = self;
        let topic = topics.get_mut(topic);
        if topic.subscriptions() == 0 {
            return true;
        }
        if let Some(parked) = key.and_then(|key| unsubscribed.get_mut(key)) {
            let is_registered = parked.is_some();
            mem::swap(parked, waker);
            if is_registered {
                return false;
            }
        } else {
            *key = Some(unsubscribed.insert(waker.take()));
        }
        // It is new, or was woken, but then the topic has a subscription again.
        if let (Some(followers), Some(key)) = (&mut topic.followers, *key) {
            followers.wait_unsubscribed(key, |key| unsubscribed.get(key).is_some());
        }
        false
    }

    /// Removes a future that waits for the last subscription to a topic to end. Returns its waker, to be
    /// dropped.
    pub(crate) fn leave_unsubscribed(&mut self, key: Key) -> Option<Waker> {
        self.unsubscribed.remove(key).flatten()
    }

    /// Returns whether no subscription is left. If one is, stores the waker, to be woken when the last one
    /// ends.
    ///
    /// Leaves the previous waker in `waker`, to be dropped.
    pub(crate) fn poll_drained(&mut self, key: &mut Option<Key>, waker: &mut Option<Waker>) -> bool {
        if self.subscribers == 0 {
            return true;
        }
        match key.and_then(|key| self.drained.get_mut(key)) {
            Some(parked) => mem::swap(parked, waker),
            None => *key = Some(self.drained.insert(waker.take())),
        }
        false
    }

    /// Removes a future that waits for the last subscription to end. Returns its waker, to be dropped.
    pub(crate) fn leave_drained(&mut self, key: Key) -> Option<Waker> {
        self.drained.remove(key).flatten()
    }

    /// Returns a random time from zero up to `window`.
    pub(crate) fn spread(&mut self, window: Duration) -> Duration {
        self.random.below(window)
    }
}

impl Wake {
    /// Wakes all, even if a waker panics. Returns the first panic. Calls `count` as [`OnLanes::wake`] does.
    #[inline]
    pub(crate) fn wake(self, count: impl FnMut()) -> Result<(), Panic> {
        let Self { mut of_one, on_lanes, others, .. } = self;
        let mut outcome = Ok(());
        if of_one[0].is_some() {
            outcome = each(of_one.iter_mut().map_while(Option::take), Waker::wake);
        }
        if !others.is_empty() {
            outcome = outcome.and(each(others.into_iter(), Waker::wake));
        }
        match on_lanes {
            Some(on_lanes) => outcome.and(on_lanes.wake(count)),
            None => outcome,
        }
    }
}

impl Closing {
    /// Returns the reconnection time for a subscription that ends.
    pub(crate) fn retry(&self, state: &mut State) -> Option<Duration> {
        self.retry.map(|least| least.saturating_add(state.spread(self.spread)))
    }

    /// Returns the reconnection time for a client that is refused; `None` stops the client.
    pub(crate) fn come_back(&self, state: &mut State) -> Option<Duration> {
        if self.stop {
            return None;
        }
        self.retry(state).or(Some(DEFAULT_RETRY))
    }
}

/// The most events that one step evicts under the lock.
const MAX_STEP: usize = 64;
/// The most events that publishing an event evicts because of their age.
const EXPIRED_WITH_EACH: usize = 48;
/// The most that it evicts to make room, in addition to one for each event published.
const EVICTED_WITH_EACH: usize = MAX_STEP - EXPIRED_WITH_EACH - 1;
/// The usual reconnection time of browsers.
const DEFAULT_RETRY: Duration = Duration::from_secs(3);
