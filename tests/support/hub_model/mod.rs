//! A plain list of all that was ever published to a hub, and what it is told follows from it.
//!
//! A client is owed each event of its topics that passes its filter. What it is given must be the first one owed,
//! so that nothing is left out, comes twice or comes in another order; and what is owed but no longer held must be
//! told before anything else comes. Each ID that it sees on the wire must claim exactly what it has been given, so
//! that it may be cut at any moment.
//!
//! An event with a key leaves the list when a later one has its key, and nobody is owed it any more. A client that has
//! begun at the oldest event and was never told a gap has, whenever it waits, the newest value of each key.

mod client;
pub(crate) mod steps;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ssekit::{
    Bounds, Event, EventId, EventType, Hub, LastEventId,
    hub::{Close, PublishError},
    replay::Ids,
};

use self::{
    client::Client,
    steps::{CLIENTS, Last, New, Options, Setup, Step, TOPICS},
};
use super::{
    clock::Clock,
    hub_client::{self, last_event_id},
    numbers::Numbers,
};

/// The hub, and what is known of it.
pub(crate) struct World {
    setup: Setup,
    hub: Hub,
    clock: Clock,
    now: u64,
    all: BTreeMap<Position, Published>,
    head: Position,
    /// What comes before each ID's number.
    prefix: String,
    finished: BTreeSet<usize>,
    /// Whether a topic was ever finished, and so may have been forgotten.
    ever_finished: bool,
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
    key: Option<u8>,
    removal: bool,
    label: Option<u8>,
    wire: String,
    at: u64,
    held: bool,
    /// A later event has its key.
    superseded: bool,
}

impl Published {
    fn cost(&self) -> usize {
        let beside = [self.key.map(key_text), self.label.map(|label| label.to_string())];
        let texts = beside.iter().flatten().map(String::len).reduce(|key, label| key + label);
        self.wire.len() + Bounds::EVENT_OVERHEAD + texts.map_or(0, |texts| texts + Bounds::KEY_OVERHEAD)
    }

    /// Whether it has left by a bound, or was removed with its topic.
    fn is_lost(&self) -> bool {
        !self.held && !self.superseded
    }

    /// Whether it passes the filter of these options.
    fn passes(&self, options: &Options) -> bool {
        (self.typed || !options.only_typed)
            && options.only_label.is_none_or(|label| self.label == Some(label))
    }
}

struct Closed {
    deadline: Option<u64>,
}

impl World {
    /// Creates a hub, does all of that to it, and then lets each client read to the end.
    ///
    /// Panics at the first thing that does not follow from the list.
    pub(crate) fn run(setup: Setup, steps: impl IntoIterator<Item = Step>) {
        let mut world = Self::new(setup);
        for step in steps {
            world.step(step);
        }
        for client in 0..CLIENTS {
            // One poll of a stream with a filter looks only so far.
            while world.clients[client].stream.as_ref().is_some_and(|stream| !stream.parked) {
                world.step(Step::Poll { client, times: usize::MAX });
            }
            world.step(Step::Cut(client));
        }
    }

    fn new(setup: Setup) -> Self {
        let clock = Clock::new();
        let mut bounds = Bounds::events(setup.events).with_bytes(setup.bytes);
        if let Some(age) = setup.age {
            bounds = bounds.with_age(Duration::from_secs(age));
        }
        let start = if setup.ordered { 10 } else { 0 };
        let ids = if setup.ordered { Ids::ordered(Numbers).after(start.into()) } else { Ids::generated() };
        let hub = Hub::builder(bounds)
            .max_bytes(setup.max_bytes)
            .max_remembered_topics(setup.max_topics)
            .ids(ids)
            .clock(clock.now())
            .build();
        let prefix = if setup.ordered { String::new() } else { epoch(&hub) };
        let options = Options {
            topics: BTreeSet::from([0]),
            oldest: false,
            skip: false,
            only_typed: false,
            only_label: None,
            lifetime: None,
        };
        let client = || Client::new(options.clone(), start);
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
            ever_finished: false,
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
                self.ever_finished = true;
                if self.finished.insert(topic) {
                    self.assert_woken(|client| client.options.topics.contains(&topic));
                }
            }
            Step::Remove { topic } => self.remove(topic),
            Step::Expire => {
                self.hub.expire();
                self.expire();
            }
            Step::Advance(seconds) => {
                self.now += seconds;
                self.clock.advance(Duration::from_secs(seconds));
            }
            Step::Subscribe(client, options) => {
                self.clients[client] = Client::new(options, self.start());
                self.connect(client, None);
            }
            Step::Resume(client) => {
                let last = self.clients[client].last_event_id.as_deref().and_then(last_event_id);
                self.connect(client, last);
            }
            Step::ResumeFrom(client, from) => {
                let last = self.id_from(&from);
                self.clients[client].last_event_id = None;
                self.clients[client].state = None;
                self.connect(client, last);
            }
            Step::Cut(client) => self.clients[client].stream = None,
            Step::Poll { client, times } => {
                for _ in 0..times {
                    let may_go_on = self.poll(client, false);
                    self.evict_for_memory();
                    if !may_go_on {
                        break;
                    }
                }
            }
            Step::Silence(client) => {
                self.poll(client, true);
            }
            Step::Close { deadline } => {
                let mut close = Close::new().last_event(Event::new("bye")).retry(INTERVAL, INTERVAL);
                if let Some(deadline) = deadline {
                    close = close.deadline(Duration::from_secs(deadline));
                }
                self.hub.close(close);
                if self.closed.is_none() {
                    self.closed = Some(Closed { deadline: deadline.map(|deadline| self.now + deadline) });
                    self.assert_woken(|_| true);
                }
            }
        }
        // Reading, and what is remembered of a topic, may take memory as well.
        self.evict_for_memory();
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
            Last::NoId => return LastEventId::from_bytes(b"\x7F"),
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
    fn evict_oldest(&mut self, is_concerned: impl Fn(usize) -> bool) -> usize {
        let mut events = self.all.values_mut();
        let oldest = events.find(|event| event.held && is_concerned(event.topic));
        let oldest = oldest.unwrap();
        oldest.held = false;
        oldest.cost()
    }

    /// Takes note of what the bound of all topics together has evicted. How much that is follows from how events are
    /// laid out in memory; which ones is told by the order: finished topics without subscribers first, then the oldest.
    fn evict_for_memory(&mut self) {
        if self.setup.max_bytes == usize::MAX {
            return;
        }
        let stats = self.hub.stats();
        let (mut count, _) = self.totals(None);
        assert!(stats.memory <= self.setup.max_bytes || stats.events == 1, "{stats:?}");
        while count > stats.events {
            let ended = |topic: usize| self.finished.contains(&topic) && !self.is_subscribed(topic);
            let of_ended: BTreeSet<_> =
                self.held().map(|(_, event)| event.topic).filter(|topic| ended(*topic)).collect();
            self.evict_oldest(|topic| of_ended.is_empty() || of_ended.contains(&topic));
            count -= 1;
        }
    }

    fn is_subscribed(&self, topic: usize) -> bool {
        let streams = self.clients.iter().filter_map(|client| Some((client, client.stream.as_ref()?)));
        streams.into_iter().any(|(client, stream)| {
            client.options.topics.contains(&topic) && !stream.removed.contains(&topic)
        })
    }

    fn remove(&mut self, topic: usize) {
        self.hub.remove(&name(topic));
        self.all.values_mut().filter(|event| event.topic == topic).for_each(|event| event.held = false);
        self.assert_woken(|client| client.options.topics.contains(&topic));
        for client in &mut self.clients {
            let is_concerned = client.options.topics.contains(&topic);
            if let Some(stream) = client.stream.as_mut().filter(|_| is_concerned) {
                stream.removed.insert(topic);
            }
        }
    }

    /// Evicts what is too old, if that is more than one operation is sure to evict.
    fn expire_many(&mut self) {
        let Some(age) = self.setup.age else { return };
        if self.held().filter(|(_, event)| self.now - event.at >= age).count() > 16 {
            self.hub.expire();
            self.expire();
        }
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
        let evicted = self.all.iter().rev().find(|(_, event)| event.is_lost()).map_or(0, |(at, _)| *at);
        for (topic, empty_at) in self.empty_at.iter_mut().enumerate() {
            if self.all.values().all(|event| !event.held || event.topic != topic) {
                *empty_at = evicted;
            }
        }
    }

    fn publish(&mut self, topic: usize, new: &[New]) {
        self.expire_many();
        if self.setup.max_bytes == usize::MAX {
            return self.publish_all(topic, new);
        }
        // One by one, what has gone can be told afterwards.
        new.chunks(1).for_each(|new| self.publish_all(topic, new));
    }

    fn publish_all(&mut self, topic: usize, new: &[New]) {
        let mut number = self.head;
        let mut events = Vec::new();
        for new in new {
            let mut event = Event::new("x".repeat(new.data));
            if new.typed {
                event = event.with_type(EventType::from_static("t"));
            }
            event = match (new.key.map(key_text), new.removal) {
                (Some(key), true) => event.with_removed_key(key),
                (Some(key), false) => event.with_key(key),
                (None, _) => event,
            };
            if let Some(label) = new.label() {
                event = event.with_label(label.to_string());
            }
            number += 1;
            if self.setup.ordered {
                number += Position::from(new.left_out);
                event = event.with_id(number);
            }
            events.push((number, event));
        }
        let room = |event: &Event| if event.id().is_some() { 0 } else { "id: 0123456789ab-\n".len() + 20 };
        let beside = |event: &Event| {
            let texts = [event.key(), event.label()].into_iter().flatten().map(str::len);
            texts.reduce(|key, label| key + label).map_or(0, |texts| texts + Bounds::KEY_OVERHEAD)
        };
        let cost = |event: &Event| event.encoded_len() + room(event) + Bounds::EVENT_OVERHEAD + beside(event);
        let largest = events.iter().map(|(_, event)| cost(event)).max().unwrap_or(0);
        let result = self.hub.publish_all(&name(topic), events.iter().map(|(_, event)| event));
        if let Err(PublishError::TooLarge { len, max }) = result {
            // What is left for an event beside its topic is not told.
            assert!(largest > max && len > max && max <= self.setup.bytes.min(self.setup.max_bytes));
            assert!(self.setup.max_bytes.saturating_sub(max) < 600 || max == self.setup.bytes);
            return;
        }
        assert!(largest <= self.setup.bytes && largest < self.setup.max_bytes);
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
                event.with_id(EventId::try_from(self.id(number).as_str()).unwrap())
            } else {
                event
            };
            let wire = String::from_utf8(event.encode().to_vec()).unwrap();
            self.head = number;
            if let Some(key) = new.key {
                self.supersede(topic, key);
            }
            let event = Published {
                topic,
                typed: new.typed,
                key: new.key,
                removal: new.key.is_some() && new.removal,
                label: new.label(),
                wire,
                at: self.now,
                held: true,
                superseded: false,
            };
            self.all.insert(number, event);
            let (mut count, mut bytes) = self.totals(Some(topic));
            while count > self.setup.events || bytes > self.setup.bytes {
                bytes -= self.evict_oldest(|other| other == topic);
                count -= 1;
            }
            self.evict_for_memory();
            for client in &mut self.clients {
                let Some(stream) = client.stream.as_mut() else { continue };
                if client.options.topics.contains(&topic) {
                    stream.unseen.insert(number);
                    if self.all[&number].passes(&client.options) {
                        stream.owed.insert(number);
                    }
                }
            }
        }
        self.assert_woken(|client| client.options.topics.contains(&topic));
    }

    /// The event with a key leaves, and nobody is owed it.
    fn supersede(&mut self, topic: usize, key: u8) {
        let of_key = |event: &Published| event.held && (event.topic, event.key) == (topic, Some(key));
        let Some((at, event)) = self.all.iter_mut().rev().find(|(_, event)| of_key(event)) else { return };
        (event.held, event.superseded) = (false, true);
        for stream in self.clients.iter_mut().filter_map(|client| client.stream.as_mut()) {
            stream.owed.remove(at);
            stream.unseen.remove(at);
        }
    }

    /// Returns the position of the newest value of each key, for a client that has missed nothing.
    fn state(&self, options: &Options) -> BTreeMap<(usize, u8), Position> {
        let mut state = BTreeMap::new();
        for (at, event) in self.all.iter().filter(|(_, event)| options.topics.contains(&event.topic)) {
            apply(&mut state, *at, event);
        }
        state.retain(|_, at| self.all[at].passes(options));
        state
    }

    /// Whether not all topics can be remembered, for their number or for want of memory.
    fn forgets(&self) -> bool {
        self.setup.max_topics < TOPICS || self.setup.max_bytes < usize::MAX
    }

    /// Whether the hub may know nothing of a topic any more.
    fn may_be_forgotten(&self, topic: usize) -> bool {
        self.forgets() && self.all.values().all(|event| !event.held || event.topic != topic)
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

    fn check_stats(&self) {
        let stats = self.hub.stats();
        let (count, bytes) = self.totals(None);
        let alive = self.clients.iter().filter(|client| client.stream.is_some());
        let subscribed = (0..TOPICS).filter(|topic| self.is_subscribed(*topic));
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

fn key_text(key: u8) -> String {
    format!("key {key}")
}

/// What an event changes in the state of a client.
fn apply(state: &mut BTreeMap<(usize, u8), Position>, at: Position, event: &Published) {
    let Some(key) = event.key.map(|key| (event.topic, key)) else { return };
    if event.removal {
        state.remove(&key);
    } else {
        state.insert(key, at);
    }
}

/// Returns what comes before the number in a hub's own IDs.
fn epoch(hub: &Hub) -> String {
    let mut events = hub.subscribe(["a"]).unwrap();
    let seen = hub_client::read(&mut events);
    let id = seen.blocks[0].id.clone().unwrap();
    id.strip_suffix('0').unwrap().to_owned()
}

const INTERVAL: Duration = Duration::from_secs(1);

type Position = u128;
