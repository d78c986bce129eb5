//! The clients: what each is owed, and what it is given.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_core::Stream;
use ssekit::{
    KeepAlive, LastEventId, Subscribe, Subscription,
    hub::{Lag, RefusalReason, Start, Topics},
};

use super::super::{
    blocks::{Block, blocks},
    counting_waker::CountingWaker,
    hub_client::reason,
    manual_timer::ManualTimer,
};
use super::{INTERVAL, Position, World, apply, key_text, name, steps::Options};

pub(super) struct Client {
    pub(super) options: Options,
    pub(super) stream: Option<Open>,
    pub(super) last_event_id: Option<String>,
    /// Where that is.
    pub(super) position: Position,
    /// The newest value of each key that it was given, if it has begun at the oldest event and missed nothing since.
    pub(super) state: Option<BTreeMap<(usize, u8), Position>>,
}

impl Client {
    pub(super) fn new(options: Options, position: Position) -> Self {
        let state = options.oldest.then(BTreeMap::new);
        Self { options, stream: None, last_event_id: None, position, state }
    }
}

/// An open stream.
pub(super) struct Open {
    pub(super) events: KeepAlive<Subscription, ManualTimer>,
    pub(super) timer: ManualTimer,
    pub(super) wakes: Arc<CountingWaker>,
    pub(super) waker: Waker,
    /// What it is still to be given.
    pub(super) owed: BTreeSet<Position>,
    /// The same without the filter: those that it may not have looked at.
    pub(super) unseen: BTreeSet<Position>,
    /// The gap that its first block is to tell, and whether that has come.
    pub(super) gap: Option<&'static str>,
    pub(super) begun: bool,
    pub(super) parked: bool,
    pub(super) ends_at: Option<u64>,
    /// Whether the last event of a hub that closes has come.
    pub(super) bye: bool,
    /// Topics of it that were removed.
    pub(super) removed: BTreeSet<usize>,
    /// Whether its topics may have been finished and forgotten, so that it ends after its gap.
    pub(super) may_have_ended: bool,
}

impl World {
    pub(super) fn connect(&mut self, at: usize, last: Option<LastEventId>) {
        self.clients[at].stream = None;
        // A stream that ends may leave a record of its topic, which takes memory.
        self.evict_for_memory();
        self.expire_many();
        let options = self.clients[at].options.clone();
        let topics = options.topics.iter().map(|topic| name(*topic));
        let mut subscription = Subscribe::to(topics.collect::<Topics>());
        if options.oldest {
            subscription = subscription.start(Start::Oldest);
        }
        if options.skip {
            subscription = subscription.lag(Lag::Skip);
        }
        if options.only_typed || options.only_label.is_some() {
            let (only_typed, label) = (options.only_typed, options.only_label.map(|label| label.to_string()));
            subscription = subscription.filter(move |event| {
                let key = event.key().map(|key| key.strip_prefix("key ").unwrap().parse::<u8>().unwrap());
                assert!(key.is_none_or(|key| event.key() == Some(&*key_text(key))));
                (!only_typed || event.event_type() == Some("t"))
                    && (label.is_none() || event.label() == label.as_deref())
            });
        }
        if let Some(lifetime) = options.lifetime {
            subscription =
                subscription.lifetime(Duration::from_secs(lifetime)..=Duration::from_secs(lifetime));
        }
        let result = self.hub.subscribe(subscription.after(last.clone()));
        if self.closed.is_some() {
            assert_eq!(result.unwrap_err().reason(), RefusalReason::Closed);
            return;
        }
        self.expire();

        let after = last.as_ref().map(|last| {
            let id = last.as_id().map(|id| id.as_str()).unwrap_or_default();
            self.position(id).filter(|position| *position <= self.head)
        });
        let of_topics = || self.all.iter().filter(|(_, event)| options.topics.contains(&event.topic));
        let missed = |position: Position| of_topics().filter(move |(at, _)| **at > position);
        let (pending, gap): (BTreeSet<Position>, _) = match after {
            None if options.oldest => {
                let told = result.as_ref().is_ok_and(|events| events.gap().is_some());
                let remembers = !self.forgets();
                // A topic that the hub forgot while it had no history may have begun anew since.
                let gone = of_topics()
                    .filter(|(_, event)| event.is_lost() && !event.removal)
                    .any(|(at, event)| remembers || *at > self.empty_at[event.topic]);
                assert!(told || !gone, "a beginning that is gone is hidden");
                assert!(gone || !told || !remembers, "a beginning is said to be gone that is not");
                let held = missed(0).filter(|(_, event)| event.held).map(|(at, _)| *at);
                (held.collect(), told.then_some("evicted"))
            }
            None => (BTreeSet::new(), None),
            Some(None) if options.oldest => {
                (missed(0).filter(|(_, e)| e.held).map(|(at, _)| *at).collect(), Some("unknown"))
            }
            Some(None) => (BTreeSet::new(), Some("unknown")),
            Some(Some(position)) => {
                let gone = missed(position).any(|(_, event)| event.is_lost()) || position < self.start();
                let told = result.as_ref().is_ok_and(|events| events.gap().is_some());
                let may_be_false = self.forgets()
                    && (options.topics.iter().any(|topic| position < self.empty_at[*topic])
                        || (self.ever_finished && position < self.head));
                assert!(told || !gone, "a gap is hidden");
                assert!(gone || !told || may_be_false, "a gap is told that does not exist");
                let held = missed(position).filter(|(_, event)| event.held).map(|(at, _)| *at);
                (held.collect(), told.then_some("evicted"))
            }
        };
        let has_lost = after.is_none() && of_topics().any(|(_, event)| event.is_lost() && !event.removal);
        let may_have_ended = self.forgets() && self.ever_finished && gap == Some("evicted");
        let all_finished = options.topics.is_subset(&self.finished);
        let subscription = match result {
            Err(refusal) => {
                assert_eq!(refusal.reason(), RefusalReason::Finished);
                assert!(all_finished && pending.is_empty() && gap.is_none());
                return;
            }
            Ok(subscription) => subscription,
        };
        let forgotten: Vec<_> = options.topics.intersection(&self.finished).copied().collect();
        let forgotten: Vec<_> = forgotten.into_iter().filter(|topic| self.may_be_forgotten(*topic)).collect();
        let refusable = all_finished && pending.is_empty() && gap.is_none();
        assert!(!refusable || !forgotten.is_empty(), "it is not refused");
        // Which of them the hub has forgotten cannot be seen, so all are finished once more.
        for topic in forgotten {
            self.hub.finish(&name(topic));
        }
        match (gap, after) {
            (Some(_), _) => self.gaps += 1,
            (None, Some(_)) => self.resumed += 1,
            (None, None) => {}
        }
        assert_eq!(subscription.gap().map(|gap| gap.reason().as_str()), gap);

        let owed = pending.iter().copied().filter(|at| self.all[at].passes(&options)).collect();
        let timer = ManualTimer::new();
        let (wakes, waker) = CountingWaker::new();
        let events = subscription.keep_alive_with_timer(INTERVAL, timer.clone());
        let ends_at = options.lifetime.map(|lifetime| self.now + lifetime);
        let start = self.start();
        let client = &mut self.clients[at];
        client.position = after.flatten().unwrap_or(start);
        // A hub that does not remember all topics need not know that this one has lost something.
        if gap.is_some() || has_lost {
            client.state = None;
        }
        client.stream = Some(Open {
            events,
            timer,
            wakes,
            waker,
            owed,
            unseen: pending,
            gap,
            begun: false,
            parked: false,
            ends_at,
            bye: false,
            removed: BTreeSet::new(),
            may_have_ended,
        });
    }

    /// Polls a client's stream. Returns whether something came.
    pub(super) fn poll(&mut self, at: usize, silence: bool) -> bool {
        let lagged = self.hub.stats().lagged;
        let alive = self.hub.stats().subscribers;
        let head = self.head;
        let Some(stream) = self.clients[at].stream.as_mut() else { return false };
        if silence {
            stream.timer.advance(INTERVAL);
        }
        stream.wakes.take();
        let polled = Pin::new(&mut stream.events).poll_next(&mut Context::from_waker(&stream.waker));
        let lagged = self.hub.stats().lagged > lagged;
        if lagged {
            self.lagged += 1;
            let stream = self.clients[at].stream.as_ref().unwrap();
            assert!(stream.unseen.iter().any(|at| !self.all[at].held), "it has lost nothing");
        }
        match polled {
            Poll::Pending => {
                let stream = self.clients[at].stream.as_mut().unwrap();
                if stream.wakes.take() == 0 {
                    self.assert_caught_up(at);
                    self.clients[at].stream.as_mut().unwrap().parked = true;
                }
                false
            }
            Poll::Ready(None) => {
                self.assert_may_end(at, lagged);
                self.clients[at].stream = None;
                false
            }
            Poll::Ready(Some(Ok(bytes))) => {
                if bytes == ":\n" {
                    assert!(silence);
                    let stream = self.clients[at].stream.as_mut().unwrap();
                    if stream.wakes.take() == 0 {
                        self.assert_caught_up(at);
                        assert_eq!(self.clients[at].position, head, "the position is not fresh");
                        self.clients[at].stream.as_mut().unwrap().parked = true;
                    }
                    return true;
                }
                for block in blocks(&bytes) {
                    self.take(at, &block, lagged);
                }
                if self.hub.stats().subscribers < alive {
                    let stream = self.clients[at].stream.as_mut().unwrap();
                    let polled =
                        Pin::new(&mut stream.events).poll_next(&mut Context::from_waker(&stream.waker));
                    assert!(matches!(polled, Poll::Ready(None)));
                    self.assert_may_end(at, lagged);
                    self.clients[at].stream = None;
                    return false;
                }
                // A keep-alive may have told the position, after which the stream is parked.
                let stream = self.clients[at].stream.as_mut().unwrap();
                stream.parked = false;
                true
            }
        }
    }

    fn take(&mut self, at: usize, block: &Block, lagged: bool) {
        let position = block.id.as_deref().map(|id| self.position(id).unwrap());
        let World { clients, all, .. } = self;
        let client = &mut clients[at];
        let stream = client.stream.as_mut().unwrap();
        assert!(!stream.bye, "{block:?} after the last event");
        match (block.event.as_deref(), position) {
            (Some("reset"), Some(position)) => {
                let told = reason(block.data.as_deref().unwrap());
                client.state = None;
                if lagged {
                    assert_eq!(told, "lagged");
                    stream.owed.retain(|at| all[at].held);
                    stream.unseen.retain(|at| all[at].held);
                    self.gaps += 1;
                } else {
                    assert_eq!((Some(told), stream.begun), (stream.gap, false));
                }
                assert!(position >= client.position);
            }
            (Some("position"), None) => {
                // The end of a hub that closes, where the position has not moved.
                assert!(self.closed.is_some());
                assert!(block.retry.is_some());
                return;
            }
            (Some("position"), Some(position)) => {
                assert!(stream.begun || stream.gap.is_none());
                assert!(position >= client.position);
            }
            (None, None) => {
                // The end of a hub that closes.
                assert!(self.closed.is_some());
                assert_eq!(block.data.as_deref(), Some("bye"));
                stream.bye = true;
                return;
            }
            (event, Some(position)) => {
                assert!(stream.begun);
                assert_eq!(stream.owed.pop_first(), Some(position));
                stream.unseen.retain(|at| *at > position);
                let published = &all[&position];
                assert!(published.held);
                assert_eq!(event.is_some(), published.typed);
                assert_eq!(blocks(published.wire.as_bytes()), std::slice::from_ref(block));
                if let Some(state) = &mut client.state {
                    apply(state, position, published);
                }
                self.delivered += 1;
            }
            (Some(_), None) => panic!("{block:?}"),
        }
        let position = position.unwrap();
        assert!(position <= self.head);
        assert!(stream.owed.first().is_none_or(|owed| position < *owed), "the position is ahead");
        stream.begun = true;
        client.position = position;
        client.last_event_id = block.id.clone();
    }

    /// A stream that waits has been given all that there is, so its client has the state of its topics.
    fn assert_caught_up(&mut self, at: usize) {
        let (options, state) = (&self.clients[at].options, &self.clients[at].state);
        if let Some(state) = state.as_ref().filter(|_| !options.only_typed) {
            assert_eq!(*state, self.state(options), "its state is not the hub's");
        }
        let Client { options, stream, .. } = &mut self.clients[at];
        let stream = stream.as_mut().unwrap();
        assert!(stream.begun);
        assert!(stream.removed.is_empty());
        assert!(stream.owed.is_empty(), "{:?} was not given", stream.owed);
        assert!(self.closed.is_none());
        assert!(stream.ends_at.is_none_or(|end| self.now < end));
        assert!(!options.topics.is_subset(&self.finished));
        stream.unseen.clear();
    }

    fn assert_may_end(&self, at: usize, lagged: bool) {
        let Client { options, stream, .. } = &self.clients[at];
        let stream = stream.as_ref().unwrap();
        if lagged {
            assert!(!options.skip);
            return;
        }
        let deadline = self.closed.as_ref().and_then(|closed| closed.deadline);
        let over = stream.ends_at.is_some_and(|end| self.now >= end)
            || deadline.is_some_and(|deadline| self.now >= deadline);
        let finished = options.topics.is_subset(&self.finished);
        if !stream.removed.is_empty() || stream.may_have_ended {
            return;
        }
        assert!(over || ((self.closed.is_some() || finished) && stream.owed.is_empty()), "it ends too early");
        assert_eq!(stream.bye, self.closed.is_some(), "the last event");
    }
}
