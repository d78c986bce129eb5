//! A hub against a plain list of all that was ever published, whatever is done in whatever order.
//!
//! A client is owed each event of its topics that passes its filter. What it is given must be the first one owed,
//! so that nothing is left out, comes twice or comes in another order; and what is owed but no longer held must be
//! told before anything else comes. Each ID that it sees on the wire must claim exactly what it has been given, so
//! that it may be cut at any moment.

#[path = "support/blocks.rs"]
mod blocks;
#[path = "support/clock.rs"]
mod clock;
#[path = "support/counting_waker.rs"]
mod counting_waker;
#[path = "support/hub_client.rs"]
mod hub_client;
#[allow(dead_code, reason = "its counts are not needed here")]
#[path = "support/manual_timer.rs"]
mod manual_timer;

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use blocks::{Block, blocks};
use clock::Clock;
use counting_waker::CountingWaker;
use futures_core::Stream;
use hub_client::{last_event_id, reason};
use manual_timer::ManualTimer;
use proptest::{collection::vec, option, prelude::*};
use ssekit::{
    Bounds, Event, EventId, EventType, Hub, KeepAlive, LastEventId, Subscription,
    hub::{Close, Lag, Moved, PublishError, RefusalReason, Start},
    replay::{IdOrder, Ids},
};

const TOPICS: usize = 4;
const CLIENTS: usize = 4;
const INTERVAL: Duration = Duration::from_secs(1);

type Position = u128;

#[derive(Clone, Debug)]
struct Setup {
    events: usize,
    bytes: usize,
    age: Option<u64>,
    max_bytes: usize,
    max_topics: usize,
    /// Whether the IDs are the application's: numbers, of which some are left out.
    ordered: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Publish {
        topic: usize,
        events: Vec<New>,
    },
    Finish {
        topic: usize,
    },
    Expire,
    Advance(u64),
    /// A new client takes this one's place.
    Subscribe(usize, Options),
    /// The client is cut, if it has a stream, and comes back with its last event ID.
    Resume(usize),
    /// The same with another ID.
    ResumeFrom(usize, Last),
    Cut(usize),
    Poll {
        client: usize,
        times: usize,
    },
    /// Nothing is sent for so long that a keep-alive is due.
    Silence(usize),
    Close {
        deadline: Option<u64>,
    },
}

#[derive(Clone, Debug)]
struct New {
    data: usize,
    typed: bool,
    /// How many numbers are left out before it.
    left_out: u64,
}

#[derive(Clone, Debug)]
struct Options {
    topics: BTreeSet<usize>,
    oldest: bool,
    skip: bool,
    only_typed: bool,
    lifetime: Option<u64>,
}

/// The last event ID that a client says it has.
#[derive(Clone, Debug)]
enum Last {
    /// The position before all events.
    Start,
    /// One that was published, whatever became of it.
    Published(usize),
    Ahead(u64),
    Foreign,
    NoId,
}

/// Numbers, in decimal.
#[derive(Debug)]
struct Numbers;

impl IdOrder for Numbers {
    fn position(&self, id: &str) -> Option<u128> {
        id.parse().ok()
    }

    fn id(&self, position: u128) -> EventId {
        position.into()
    }
}

/// The hub, and what is known of it.
struct World {
    setup: Setup,
    hub: Hub,
    clock: Clock,
    now: u64,
    all: BTreeMap<Position, Published>,
    head: Position,
    /// What comes before each ID's number.
    prefix: String,
    finished: BTreeSet<usize>,
    /// For each topic, what had gone when it last had no history.
    empty_at: [Position; TOPICS],
    closed: Option<Closed>,
    clients: Vec<Client>,
    delivered: u64,
    lagged: u64,
    resumed: u64,
    gaps: u64,
}

struct Published {
    topic: usize,
    typed: bool,
    wire: String,
    at: u64,
    held: bool,
}

impl Published {
    fn cost(&self) -> usize {
        self.wire.len() + Bounds::EVENT_OVERHEAD
    }
}

struct Closed {
    deadline: Option<u64>,
}

struct Client {
    options: Options,
    stream: Option<Open>,
    last_event_id: Option<String>,
    /// Where that is.
    position: Position,
}

/// An open stream.
struct Open {
    events: KeepAlive<Subscription, ManualTimer, Moved>,
    timer: ManualTimer,
    wakes: Arc<CountingWaker>,
    waker: Waker,
    /// What it is still to be given.
    owed: BTreeSet<Position>,
    /// The same without the filter: those that it may not have looked at.
    unseen: BTreeSet<Position>,
    /// The gap that its first block is to tell, and whether that has come.
    gap: Option<&'static str>,
    begun: bool,
    parked: bool,
    ends_at: Option<u64>,
    /// Whether the last event of a hub that closes has come.
    bye: bool,
}

impl World {
    fn new(setup: Setup) -> Self {
        let clock = Clock::new();
        let mut bounds = Bounds::events(setup.events).with_bytes(setup.bytes);
        if let Some(age) = setup.age {
            bounds = bounds.with_age(Duration::from_secs(age));
        }
        let start = if setup.ordered { 10 } else { 0 };
        let ids = if setup.ordered { Ids::ordered(Numbers).after(start.into()) } else { Ids::own() };
        let hub = Hub::builder(bounds)
            .with_max_bytes(setup.max_bytes)
            .with_max_topics(setup.max_topics)
            .with_ids(ids)
            .with_clock(clock.now())
            .build();
        let prefix = if setup.ordered { String::new() } else { epoch(&hub) };
        let options = Options {
            topics: BTreeSet::from([0]),
            oldest: false,
            skip: false,
            only_typed: false,
            lifetime: None,
        };
        let client =
            || Client { options: options.clone(), stream: None, last_event_id: None, position: start };
        Self {
            setup,
            hub,
            clock,
            now: 0,
            all: BTreeMap::new(),
            empty_at: [0; TOPICS],
            head: start,
            prefix,
            finished: BTreeSet::new(),
            closed: None,
            clients: (0..CLIENTS).map(|_| client()).collect(),
            delivered: 0,
            lagged: 0,
            resumed: 0,
            gaps: 0,
        }
    }

    fn step(&mut self, step: Step) {
        self.apply(step);
        self.note_empty();
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Publish { topic, events } => self.publish(topic, &events),
            Step::Finish { topic } => {
                self.hub.finish(&name(topic));
                if self.finished.insert(topic) {
                    self.assert_woken(|client| client.options.topics.contains(&topic));
                }
            }
            Step::Expire => {
                self.hub.expire();
                self.expire();
            }
            Step::Advance(seconds) => {
                self.now += seconds;
                self.clock.advance(Duration::from_secs(seconds));
            }
            Step::Subscribe(client, options) => {
                self.clients[client] =
                    Client { options, stream: None, last_event_id: None, position: self.start() };
                self.connect(client, None);
            }
            Step::Resume(client) => {
                let last = self.clients[client].last_event_id.as_deref().and_then(last_event_id);
                self.connect(client, last);
            }
            Step::ResumeFrom(client, from) => {
                let last = self.id_from(&from);
                self.clients[client].last_event_id = None;
                self.connect(client, last);
            }
            Step::Cut(client) => self.clients[client].stream = None,
            Step::Poll { client, times } => {
                for _ in 0..times {
                    if !self.poll(client, false) {
                        break;
                    }
                }
            }
            Step::Silence(client) => {
                self.poll(client, true);
            }
            Step::Close { deadline } => {
                let mut close =
                    Close::new().with_last_event(Event::new("bye")).with_retry(INTERVAL, INTERVAL);
                if let Some(deadline) = deadline {
                    close = close.with_deadline(Duration::from_secs(deadline));
                }
                self.hub.close(close);
                if self.closed.is_none() {
                    self.closed = Some(Closed { deadline: deadline.map(|deadline| self.now + deadline) });
                    self.assert_woken(|_| true);
                }
            }
        }
        self.check_stats();
    }

    fn start(&self) -> Position {
        if self.setup.ordered { 10 } else { 0 }
    }

    fn id(&self, position: Position) -> String {
        format!("{}{position}", self.prefix)
    }

    /// Returns the position of an ID of this hub, given out or not.
    fn position(&self, id: &str) -> Option<Position> {
        id.strip_prefix(&self.prefix)?.parse().ok()
    }

    fn id_from(&self, from: &Last) -> Option<LastEventId> {
        let position = match from {
            Last::Start => self.start(),
            Last::Published(n) => {
                self.all.keys().nth(n % self.all.len().max(1)).copied().unwrap_or(self.start())
            }
            Last::Ahead(n) => self.head + 1 + Position::from(*n),
            Last::Foreign => return last_event_id("0123456789ab-1"),
            Last::NoId => return LastEventId::from_bytes(b"\xFF"),
        };
        last_event_id(&self.id(position))
    }

    fn held(&self) -> impl Iterator<Item = (&Position, &Published)> {
        self.all.iter().filter(|(_, event)| event.held)
    }

    /// Returns how many events are held, of a topic or of all, and their bytes as the hub counts them.
    fn totals(&self, topic: Option<usize>) -> (usize, usize) {
        let events = self.held().filter(|(_, event)| topic.is_none_or(|topic| event.topic == topic));
        events.fold((0, 0), |(count, bytes), (_, event)| (count + 1, bytes + event.cost()))
    }

    /// Returns the cost of what goes.
    fn evict_oldest(&mut self, topic: Option<usize>) -> usize {
        let mut events = self.all.values_mut();
        let oldest = events.find(|event| event.held && topic.is_none_or(|topic| event.topic == topic));
        let oldest = oldest.unwrap();
        oldest.held = false;
        oldest.cost()
    }

    fn expire(&mut self) {
        let Some(age) = self.setup.age else { return };
        let now = self.now;
        self.all.values_mut().filter(|event| now - event.at >= age).for_each(|event| event.held = false);
        self.note_empty();
    }

    /// Notes for each topic without history what else had gone by now: if the topic was forgotten, that is the floor
    /// above which it begins again.
    fn note_empty(&mut self) {
        let evicted = self.all.iter().rev().find(|(_, event)| !event.held).map_or(0, |(at, _)| *at);
        for (topic, empty_at) in self.empty_at.iter_mut().enumerate() {
            if self.all.values().all(|event| !event.held || event.topic != topic) {
                *empty_at = evicted;
            }
        }
    }

    fn publish(&mut self, topic: usize, new: &[New]) {
        let mut number = self.head;
        let mut events = Vec::new();
        for new in new {
            let mut event = Event::new("x".repeat(new.data));
            if new.typed {
                event = event.with_type(EventType::from_static("t"));
            }
            number += 1;
            if self.setup.ordered {
                number += Position::from(new.left_out);
                event = event.with_id(number.into());
            }
            events.push((number, event));
        }
        let max = self.setup.bytes.min(self.setup.max_bytes);
        let room = |event: &Event| if event.id().is_some() { 0 } else { "id: 0123456789ab-\n".len() + 20 };
        let too_large =
            events.iter().any(|(_, event)| event.encoded_len() + room(event) + Bounds::EVENT_OVERHEAD > max);
        let result = self.hub.publish_all(&name(topic), events.iter().map(|(_, event)| event));
        if too_large {
            assert!(matches!(result, Err(PublishError::TooLarge { .. })), "{result:?}");
            return;
        }
        if self.closed.is_some() {
            assert_eq!(result, Err(PublishError::Closed));
            return;
        }
        if self.finished.contains(&topic) {
            if result.is_ok() {
                assert!(self.may_be_forgotten(topic), "{result:?}");
                self.finished.remove(&topic);
            } else {
                assert_eq!(result, Err(PublishError::Finished));
                return;
            }
        }
        let ids: Vec<_> = result.unwrap().iter().map(|id| id.to_string()).collect();
        assert_eq!(ids, events.iter().map(|(number, _)| self.id(*number)).collect::<Vec<_>>());

        self.expire();
        for ((number, event), new) in events.into_iter().zip(new) {
            let event = if event.id().is_none() {
                event.with_id(self.id(number).as_str().try_into().unwrap())
            } else {
                event
            };
            let wire = String::from_utf8(event.encode().to_vec()).unwrap();
            self.head = number;
            let event = Published { topic, typed: new.typed, wire, at: self.now, held: true };
            self.all.insert(number, event);
            let (mut count, mut bytes) = self.totals(Some(topic));
            while count > self.setup.events || bytes > self.setup.bytes {
                bytes -= self.evict_oldest(Some(topic));
                count -= 1;
            }
            let (_, mut bytes) = self.totals(None);
            while bytes > self.setup.max_bytes {
                bytes -= self.evict_oldest(None);
            }
            for client in &mut self.clients {
                let Some(stream) = client.stream.as_mut() else { continue };
                if client.options.topics.contains(&topic) {
                    stream.unseen.insert(number);
                    if new.typed || !client.options.only_typed {
                        stream.owed.insert(number);
                    }
                }
            }
        }
        self.assert_woken(|client| client.options.topics.contains(&topic));
    }

    /// Whether the hub may know nothing of a topic any more.
    fn may_be_forgotten(&self, topic: usize) -> bool {
        self.setup.max_topics < TOPICS && self.all.values().all(|event| !event.held || event.topic != topic)
    }

    fn assert_woken(&mut self, concerned: impl Fn(&Client) -> bool) {
        for client in &mut self.clients {
            let is_concerned = concerned(client);
            let Some(stream) = client.stream.as_mut().filter(|_| is_concerned) else { continue };
            if std::mem::take(&mut stream.parked) {
                assert!(stream.wakes.take() > 0, "it is not woken");
            }
        }
    }

    fn connect(&mut self, at: usize, last: Option<LastEventId>) {
        self.clients[at].stream = None;
        let options = self.clients[at].options.clone();
        let topics = options.topics.iter().map(|topic| name(*topic));
        let mut subscription = self.hub.subscription(topics);
        if options.oldest {
            subscription = subscription.with_start(Start::Oldest);
        }
        if options.skip {
            subscription = subscription.with_lag(Lag::Skip);
        }
        if options.only_typed {
            subscription = subscription.with_filter(|event| event.event_type() == Some("t"));
        }
        if let Some(lifetime) = options.lifetime {
            subscription = subscription.with_lifetime(Duration::from_secs(lifetime), Duration::ZERO);
        }
        let result = subscription.resume(last.clone());
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
            None if options.oldest => (missed(0).filter(|(_, e)| e.held).map(|(at, _)| *at).collect(), None),
            None => (BTreeSet::new(), None),
            Some(None) if options.oldest => {
                (missed(0).filter(|(_, e)| e.held).map(|(at, _)| *at).collect(), Some("unknown"))
            }
            Some(None) => (BTreeSet::new(), Some("unknown")),
            Some(Some(position)) => {
                let gone = missed(position).any(|(_, event)| !event.held) || position < self.start();
                let told = result.as_ref().is_ok_and(|events| events.gap().is_some());
                let may_be_false = self.setup.max_topics < TOPICS
                    && options.topics.iter().any(|topic| position < self.empty_at[*topic]);
                assert!(told || !gone, "a gap is hidden");
                assert!(gone || !told || may_be_false, "a gap is told that does not exist");
                let held = missed(position).filter(|(_, event)| event.held).map(|(at, _)| *at);
                (held.collect(), told.then_some("evicted"))
            }
        };
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

        let only_typed = options.only_typed;
        let owed = pending.iter().copied().filter(|at| self.all[at].typed || !only_typed).collect();
        let timer = ManualTimer::new();
        let (wakes, waker) = CountingWaker::new();
        let events = subscription.keep_alive_with_timer(INTERVAL, timer.clone());
        let ends_at = options.lifetime.map(|lifetime| self.now + lifetime);
        let start = self.start();
        let client = &mut self.clients[at];
        client.position = after.flatten().unwrap_or(start);
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
        });
    }

    /// Polls a client's stream. Returns whether something came.
    fn poll(&mut self, at: usize, silence: bool) -> bool {
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
                if bytes == ":\n\n" {
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
            (Some("position"), Some(position)) => {
                assert!(stream.begun || stream.gap.is_none());
                assert!(position >= client.position);
            }
            (None, None) => {
                // The end of a hub that closes.
                assert!(self.closed.is_some());
                match block.data.as_deref() {
                    Some(data) => {
                        assert_eq!(data, "bye");
                        stream.bye = true;
                    }
                    None => assert!(block.retry.is_some()),
                }
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

    /// A stream that waits has been given all that there is.
    fn assert_caught_up(&mut self, at: usize) {
        let Client { options, stream, .. } = &mut self.clients[at];
        let stream = stream.as_mut().unwrap();
        assert!(stream.begun);
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
        assert!(over || ((self.closed.is_some() || finished) && stream.owed.is_empty()), "it ends too early");
        assert_eq!(stream.bye, self.closed.is_some(), "the last event");
    }

    fn check_stats(&self) {
        let stats = self.hub.stats();
        let (count, bytes) = self.totals(None);
        let alive = self.clients.iter().filter(|client| client.stream.is_some());
        let subscribed = alive.clone().flat_map(|client| client.options.topics.iter().copied());
        let topics: BTreeSet<_> = self.held().map(|(_, event)| event.topic).chain(subscribed).collect();
        assert_eq!(
            (stats.subscribers, stats.topics, stats.published, stats.events, stats.bytes),
            (alive.count(), topics.len(), self.all.len() as u64, count, bytes),
        );
        assert_eq!(
            (stats.delivered, stats.lagged, stats.resumed, stats.gaps),
            (self.delivered, self.lagged, self.resumed, self.gaps),
        );
    }
}

fn name(topic: usize) -> String {
    ["a", "b", "c", "d"][topic].to_owned()
}

/// Returns what comes before the number in a hub's own IDs.
fn epoch(hub: &Hub) -> String {
    let mut events = hub.subscribe(["a"]).unwrap();
    let seen = hub_client::read(&mut events);
    let id = seen.blocks[0].id.clone().unwrap();
    id.strip_suffix('0').unwrap().to_owned()
}

fn setups() -> impl Strategy<Value = Setup> {
    let events = prop_oneof![1..4_usize, 1..20_usize, Just(1000_usize)];
    let bytes = prop_oneof![1 => 150..1000_usize, 3 => Just(1_000_000_usize)];
    let max_bytes = prop_oneof![1 => 150..2000_usize, 2 => Just(usize::MAX)];
    (events, bytes, option::of(1..20_u64), max_bytes, 0..6_usize, any::<bool>()).prop_map(
        |(events, bytes, age, max_bytes, max_topics, ordered)| Setup {
            events,
            bytes,
            age,
            max_bytes,
            max_topics,
            ordered,
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let topic = || prop_oneof![4 => 0..2_usize, 1 => 0..TOPICS];
    let data = prop_oneof![20 => 0..50_usize, 2 => 100..500_usize, 1 => 10_000..40_000_usize];
    let new = (data, any::<bool>(), prop_oneof![3 => Just(0_u64), 1 => 1..5_u64])
        .prop_map(|(data, typed, left_out)| New { data, typed, left_out });
    let options = (
        proptest::collection::btree_set(topic(), 1..4),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        prop_oneof![4 => Just(None), 1 => (0..20_u64).prop_map(Some)],
    )
        .prop_map(|(topics, oldest, skip, only_typed, lifetime)| Options {
            topics,
            oldest,
            skip,
            only_typed,
            lifetime,
        });
    let from = prop_oneof![
        2 => Just(Last::Start),
        6 => any::<usize>().prop_map(Last::Published),
        1 => (0..3_u64).prop_map(Last::Ahead),
        1 => Just(Last::Foreign),
        1 => Just(Last::NoId),
    ];
    let client = || 0..CLIENTS;
    let publish = |topic, events| Step::Publish { topic, events };
    let step = prop_oneof![
        60 => (topic(), vec(new.clone(), 1..4)).prop_map(move |(topic, events)| publish(topic, events)),
        1 => (topic(), vec(new.clone(), 66..80)).prop_map(move |(topic, events)| publish(topic, events)),
        // So many that one poll looks only at some of them, and a filter may let none of those through.
        3 => (topic(), vec(new, 66..80)).prop_map(move |(topic, mut events)| {
            let (_, but_the_last) = events.split_last_mut().unwrap();
            but_the_last.iter_mut().for_each(|event| event.typed = false);
            publish(topic, events)
        }),
        2 => topic().prop_map(|topic| Step::Finish { topic }),
        4 => Just(Step::Expire),
        8 => (0..10_u64).prop_map(Step::Advance),
        16 => (client(), options).prop_map(|(client, options)| Step::Subscribe(client, options)),
        20 => client().prop_map(Step::Resume),
        8 => (client(), from).prop_map(|(client, from)| Step::ResumeFrom(client, from)),
        6 => client().prop_map(Step::Cut),
        50 => (client(), prop_oneof![1..3_usize, Just(1000)])
            .prop_map(|(client, times)| Step::Poll { client, times }),
        20 => client().prop_map(Step::Silence),
        1 => option::of(0..10_u64).prop_map(|deadline| Step::Close { deadline }),
    ];
    vec(step, 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_hub_keeps_its_promises_whatever_happens(setup in setups(), steps in steps()) {
        let mut world = World::new(setup);
        for step in steps {
            world.step(step);
        }
        for client in 0..CLIENTS {
            // One poll of a stream with a filter looks only so far.
            for _ in 0..100 {
                world.step(Step::Poll { client, times: usize::MAX });
            }
            world.step(Step::Cut(client));
        }
    }
}
