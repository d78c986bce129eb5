use std::{
    mem,
    task::Waker,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{PublishError, lane::Crowd, many::Subscriber, topics::Topics};
use crate::{
    Bounds,
    clock::nanos,
    random::{SplitMix64, seed},
    replay::{id_space::IdSpace, prepared::Prepared, scheme::id_in},
    slab::{Key, Slab},
    sync::Arc,
};

/// All that a hub's publishers and subscribers share, behind one lock.
///
/// Nothing here wakes, clones or drops a waker, reads a clock or calls an application: what is to be woken is handed
/// out.
#[derive(Debug)]
pub(super) struct State {
    pub(super) ids: IdSpace,
    pub(super) topics: Topics,
    /// How many subscriptions are alive.
    pub(super) subscribers: usize,
    /// Those that have several topics, or none.
    pub(super) of_many: Slab<Subscriber>,
    pub(super) closing: Option<Arc<Closing>>,
    pub(super) published: u64,
    /// Events given to subscribers without a filter, once for each, and not those that are counted on a lane.
    pub(super) delivered: u64,
    pub(super) lagged: u64,
    pub(super) resumed: u64,
    pub(super) gaps: u64,
    bounds: Bounds,
    max_bytes: usize,
    /// How old an event may become.
    age: Option<u64>,
    /// Nothing becomes too old before this time.
    expires_at: u64,
    random: SplitMix64,
    /// Those that wait for the last subscription to go, until they are woken.
    drained: Slab<Option<Waker>>,
}

/// How a hub was closed.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) last: Option<Bytes>,
    pub(super) retry: Option<Duration>,
    pub(super) spread: Duration,
    pub(super) stop: bool,
    /// When a subscription ends even if events are pending.
    pub(super) ends_at: Option<Instant>,
}

/// Wakers to be woken once the lock is released.
#[derive(Debug, Default)]
pub(super) struct Wake {
    /// Of those that have one topic, and which one.
    of_one: Option<(Key, Crowd)>,
    others: Vec<Waker>,
}

impl State {
    pub(super) fn new(ids: IdSpace, bounds: Bounds, max_bytes: usize, max_topics: usize) -> Self {
        Self {
            topics: Topics::new(ids.head(), max_topics),
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
            age: bounds.age.map(nanos),
            expires_at: 0,
            random: SplitMix64::new(seed()),
            drained: Slab::new(),
        }
    }

    /// Appends events to a topic, all or none.
    pub(super) fn append(
        &mut self,
        topic: &str,
        now: u64,
        batch: &mut [Prepared<'_>],
        wake: &mut Wake,
    ) -> Result<(), PublishError> {
        if self.closing.is_some() {
            return Err(PublishError::Closed);
        }
        let mut key = self.topics.begin(topic);
        let checked = match self.topics.get(key).is_finished() {
            true => Err(PublishError::Finished),
            false => self.ids.check(batch).map_err(PublishError::Id),
        };
        if let Err(error) = checked {
            self.topics.retire(key);
            return Err(error);
        }
        if self.expire(now) {
            // If the topic held nothing else, it went as well.
            key = self.topics.begin(topic);
        }
        for event in batch {
            let position = self.ids.take(event);
            let id_line = self.ids.line().as_bytes();
            self.topics.append(key, |log| log.append(position, now, id_line, event));
            self.published += 1;
            self.enforce_bounds(key);
        }
        self.wake_waiting(key, wake);
        self.topics.retire(key);
        Ok(())
    }

    fn enforce_bounds(&mut self, key: Key) {
        loop {
            let log = &self.topics.get(key).log;
            if log.len() <= self.bounds.events && log.cost() <= self.bounds.bytes {
                break;
            }
            self.evict(key);
        }
        while self.topics.cost() > self.max_bytes {
            let Some(oldest) = self.topics.oldest() else { break };
            self.evict(oldest);
            if oldest != key {
                self.topics.retire(oldest);
            }
        }
    }

    /// Evicts what has become too old by now, if there is any.
    #[inline]
    pub(super) fn expire(&mut self, now: u64) -> bool {
        match self.age {
            Some(age) if now >= self.expires_at => self.evict_older(age, now),
            _ => false,
        }
    }

    fn evict_older(&mut self, age: u64, now: u64) -> bool {
        let events = self.topics.events();
        self.expires_at = 0;
        while let Some(oldest) = self.topics.oldest() {
            let at = self.topics.get(oldest).log.first_at().unwrap_or(now);
            if now.saturating_sub(at) < age {
                self.expires_at = at.saturating_add(age);
                break;
            }
            self.evict(oldest);
            self.topics.retire(oldest);
        }
        self.topics.events() < events
    }

    fn evict(&mut self, key: Key) {
        let Self { ids, topics, .. } = self;
        let log = &topics.get(key).log;
        ids.forget(|| log.first_text().and_then(id_in));
        topics.evict(key);
    }

    /// Lets a topic begin anew that was finished.
    #[cfg(feature = "tokio")]
    pub(super) fn reopen(&mut self, topic: &str) {
        if self.topics.is_finished(topic) {
            let key = self.topics.begin(topic);
            self.topics.get_mut(key).reopen();
            self.topics.retire(key);
        }
    }

    pub(super) fn finish(&mut self, topic: &str, wake: &mut Wake) {
        let key = self.topics.begin(topic);
        self.topics.get_mut(key).finish(self.ids.head());
        self.wake_waiting(key, wake);
        self.topics.retire(key);
    }

    pub(super) fn close(&mut self, closing: Closing, wake: &mut Wake) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(Arc::new(closing));
        let Wake { others, .. } = wake;
        others.extend(self.of_many.values_mut().filter_map(|subscriber| subscriber.waker.take()));
        for topic in self.topics.iter_mut() {
            others.extend(topic.take_parked().into_iter().flat_map(Crowd::into_wakers));
        }
    }

    #[inline]
    fn wake_waiting(&mut self, key: Key, wake: &mut Wake) {
        let Self { topics, of_many, .. } = self;
        let topic = topics.get_mut(key);
        if let Some(crowd) = topic.take_parked() {
            wake.of_one = Some((key, crowd));
        }
        if topic.waiting() == 0 {
            return;
        }
        wake.others.reserve(topic.waiting());
        for waiting in topic.take_waiting() {
            if let Some(subscriber) = of_many.get_mut(waiting.subscription) {
                subscriber.ready.push(waiting.ordinal);
                wake.others.extend(subscriber.waker.take());
            }
        }
    }

    /// Takes those that wait for the last subscription to go, if it has gone.
    pub(super) fn take_drained(&mut self) -> Vec<Waker> {
        if self.subscribers > 0 {
            return Vec::new();
        }
        self.drained.values_mut().filter_map(Option::take).collect()
    }

    /// Returns whether no subscription is left; if one is, the waker is woken when the last one goes.
    ///
    /// What is in the waker's place afterwards is to be dropped.
    pub(super) fn poll_drained(&mut self, key: &mut Option<Key>, waker: &mut Option<Waker>) -> bool {
        if self.subscribers == 0 {
            return true;
        }
        match key.and_then(|key| self.drained.get_mut(key)) {
            Some(parked) => mem::swap(parked, waker),
            None => *key = Some(self.drained.insert(waker.take())),
        }
        false
    }

    /// Forgets one that waits for the last subscription to go, and returns the waker to be dropped.
    pub(super) fn leave_drained(&mut self, key: Key) -> Option<Waker> {
        self.drained.remove(key).flatten()
    }

    /// Returns a random time from zero up to `window`.
    pub(super) fn spread(&mut self, window: Duration) -> Duration {
        self.random.below(window)
    }
}

impl Wake {
    /// Wakes all, and returns what may be put back on its topic.
    #[inline]
    pub(super) fn wake(self) -> Option<(Key, Crowd)> {
        self.others.into_iter().for_each(Waker::wake);
        let (key, mut crowd) = self.of_one?;
        crowd.wake();
        Some((key, crowd))
    }
}

impl Closing {
    /// Returns the reconnection time for one more subscription that ends.
    pub(super) fn retry(&self, state: &mut State) -> Option<Duration> {
        self.retry.map(|least| least.saturating_add(state.spread(self.spread)))
    }

    /// Returns the reconnection time for one more client that is refused, unless it is to stop.
    pub(super) fn come_back(&self, state: &mut State) -> Option<Duration> {
        if self.stop {
            return None;
        }
        self.retry(state).or(Some(DEFAULT_RETRY))
    }
}

/// What browsers wait when nothing was said.
const DEFAULT_RETRY: Duration = Duration::from_secs(3);
