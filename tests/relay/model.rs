//! Whatever happens to log, nodes and clients, in whatever order: no client misses an event, gets one twice or one of
//! another history, unless it is told before; and no stream ends where it began without telling a gap.
#![cfg(feature = "tokio")]

use std::time::Duration;

use crate::support::blocks::{Block, blocks};
use crate::support::hub_client::last_event_id;
use crate::support::memory_log::{MemoryLog, Numbers};
use futures_util::{FutureExt, StreamExt};
use proptest::{collection::vec, prelude::*};
use ssekit::{
    Bounds, Event, Hub, Subscribe, Subscription,
    hub::{GapReason, Lag, Start},
    relay::Relay,
    replay::IdOrder,
};

const TOPICS: [&str; 3] = ["a", "b", "c"];
const NODES: usize = 3;

/// How much each part remembers: all of these vary against each other.
#[derive(Clone, Debug)]
struct Bounded {
    /// Entries of the log, if it is trimmed with each one that is appended.
    log: Option<usize>,
    /// Of each node, the events of a topic in the hub, and the IDs that it knows to have read.
    nodes: [(usize, usize); NODES],
}

#[derive(Clone, Debug)]
enum Step {
    Publish { node: usize, topic: usize, times: usize, keys: Option<usize> },
    Read { client: usize, pieces: usize },
    Cut { client: usize, node: usize },
    Trim(usize),
    Save,
    PutBack,
    Erase,
    Reach(bool),
    Sleep(u64),
}

#[derive(Clone, Debug)]
struct Wants {
    topics: Vec<&'static str>,
    /// Which IDs pass its filter: all, or those that leave this remainder when divided by two.
    remainder: Option<u64>,
    start: Start,
    lag: Lag,
}

struct Client {
    wants: Wants,
    subscription: Option<Subscription>,
    /// What it would come back with.
    last: Option<String>,
    /// Whether what comes next need not follow from that.
    told: bool,
    /// What it came back with, and whether the stream has told a gap since.
    begun_at: Option<String>,
    told_since: bool,
    /// Whether it is to get everything from the beginning of the history on, without a gap.
    from_the_beginning: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let (node, client) = (0..NODES, 0..usize::MAX);
    prop_oneof![
        8 => (node.clone(), 0..TOPICS.len(), 1..30_usize, prop::option::of(1..6_usize))
            .prop_map(|(node, topic, times, keys)| Step::Publish { node, topic, times, keys }),
        8 => (client.clone(), 1..8_usize).prop_map(|(client, pieces)| Step::Read { client, pieces }),
        4 => (client, node).prop_map(|(client, node)| Step::Cut { client, node }),
        1 => (1..20_usize).prop_map(Step::Trim),
        1 => Just(Step::Save),
        1 => Just(Step::PutBack),
        1 => Just(Step::Erase),
        2 => any::<bool>().prop_map(Step::Reach),
        4 => (0..2_000_u64).prop_map(Step::Sleep),
    ]
}

fn bounded() -> impl Strategy<Value = Bounded> {
    let events = prop::sample::select(&[1, 4, 20, 1000][..]);
    let ids = prop::sample::select(&[1, 5, 50, 65_536][..]);
    let log = prop::option::of(prop::sample::select(&[1, 6, 25, 100][..]));
    (log, prop::array::uniform3((events, ids))).prop_map(|(log, nodes)| Bounded { log, nodes })
}

fn wants() -> impl Strategy<Value = Wants> {
    let topics = prop::sample::subsequence(&TOPICS[..], 1..=TOPICS.len());
    let start = prop_oneof![Just(Start::Now), Just(Start::Oldest)];
    let lag = prop_oneof![Just(Lag::Disconnect), Just(Lag::Skip)];
    (topics, prop::option::of(0..2_u64), start, lag).prop_map(|(topics, remainder, start, lag)| Wants {
        topics,
        remainder,
        start,
        lag,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_missing_twice_or_of_another_history_unless_told(
        bounded in bounded(),
        wants in vec(wants(), 1..6),
        steps in vec(step(), 1..80),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(run(bounded, wants, steps));
    }
}

async fn run(bounded: Bounded, wants: Vec<Wants>, steps: Vec<Step>) {
    let log = MemoryLog::default();
    log.set_max(bounded.log);
    let nodes = bounded.nodes.map(|(events, ids)| {
        let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(events)));
        tokio::spawn(tail.remembered_ids(ids).run());
        relay
    });
    let mut clients: Vec<Client> = wants.into_iter().map(Client::new).collect();
    let mut saved = Vec::new();
    for step in steps {
        match step {
            Step::Publish { node, topic, times, keys } => {
                for n in 0..times {
                    let key = keys.map(|keys| (n % keys).to_string());
                    let event = key.map_or(Event::new("x"), |key| {
                        let event = Event::new("x").with_label(&key);
                        if n % 7 == 6 { event.with_removed_key(key) } else { event.with_key(key) }
                    });
                    let _ = nodes[node].publish(TOPICS[topic], event).await;
                }
            }
            Step::Read { client, pieces } => {
                let index = client % clients.len();
                let client = &mut clients[index];
                for _ in 0..pieces {
                    client.read(&log, &nodes[index % NODES]).await;
                }
            }
            Step::Cut { client, node } => {
                let index = client % clients.len();
                clients[index].connect(&log, &nodes[node]).await;
            }
            Step::Trim(keep) => log.trim(keep),
            Step::Save => saved = log.copy(),
            Step::PutBack => log.put_back(saved.clone()),
            Step::Erase => log.erase(),
            Step::Reach(reach) => log.set_unreachable(!reach),
            Step::Sleep(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
        }
    }

    // In the end all is well, and everyone gets what comes.
    log.set_unreachable(false);
    log.set_max(None);
    while nodes.iter().any(|node| !node.stats().connected) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for client in &mut clients {
        client.connect(&log, &nodes[0]).await;
    }
    let mut newest = Vec::new();
    for topic in TOPICS {
        for _ in 0..2 {
            newest.push((topic, nodes[1].publish(topic, Event::new("last")).await.unwrap().to_string()));
        }
    }
    for (index, client) in clients.iter_mut().enumerate() {
        let wanted = newest.iter().rev().find(|(topic, id)| client.wants.event(number(id), topic));
        let wanted = wanted.map(|(_, id)| number(id)).unwrap();
        for _ in 0..1000 {
            if client.last.as_deref().is_some_and(|last| number(last) >= wanted) {
                break;
            }
            client.read(&log, &nodes[index % NODES]).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(
            client.last.as_deref().is_some_and(|last| number(last) >= wanted),
            "stuck at {:?}",
            client.last
        );
    }
}

impl Client {
    fn new(wants: Wants) -> Self {
        Self {
            wants,
            subscription: None,
            last: None,
            told: true,
            begun_at: None,
            told_since: false,
            from_the_beginning: false,
        }
    }

    async fn connect(&mut self, log: &MemoryLog, node: &Relay<MemoryLog>) {
        let Wants { topics, remainder, start, lag } = self.wants.clone();
        let options = Subscribe::to(topics).start(start).lag(lag);
        let options = match remainder {
            Some(remainder) => options.filter(move |event| {
                assert_eq!(event.key(), event.label());
                number(event.id()) % 2 == remainder
            }),
            None => options,
        };
        self.told |= self.last.is_none();
        (self.begun_at, self.told_since) = (self.last.clone(), false);
        self.subscription =
            node.subscribe(options.after(self.last.as_deref().and_then(last_event_id))).await.ok();
        self.from_the_beginning = false;
        if let (None, Start::Oldest, Some(subscription)) = (&self.last, start, &self.subscription) {
            let reason = subscription.gap().map(|gap| gap.reason());
            assert!(
                reason.is_none_or(|reason| reason == GapReason::Evicted && log.has_removed()),
                "{reason:?}"
            );
            self.from_the_beginning = reason.is_none();
        }
    }

    /// Reads one piece if there is one. A stream that has ended, or could not be had, is begun again.
    async fn read(&mut self, log: &MemoryLog, node: &Relay<MemoryLog>) {
        let Some(subscription) = &mut self.subscription else { return self.connect(log, node).await };
        tokio::task::yield_now().await;
        match subscription.next().now_or_never() {
            Some(Some(bytes)) => blocks(&bytes).iter().for_each(|block| self.check(log, block)),
            Some(None) => {
                let moved = self.begun_at.is_none() || self.begun_at != self.last;
                assert!(moved || self.told_since, "ended where it began, at {:?}", self.last);
                self.subscription = None;
            }
            None => {}
        }
    }

    fn check(&mut self, log: &MemoryLog, block: &Block) {
        let Some(id) = block.id.as_deref() else {
            assert_eq!(block.event.as_deref(), Some("reset"));
            (self.told, self.told_since, self.from_the_beginning) = (true, true, false);
            return;
        };
        if block.event.as_deref() == Some("reset") {
            // What was lost from the beginning on is told by this, too.
            (self.told, self.told_since, self.from_the_beginning) = (true, true, false);
        } else if self.told {
            // Who begins at the oldest event may get what it had before.
            let again = self.wants.start == Start::Oldest;
            let last = self.last.as_deref().map_or(0, number);
            assert!(again || number(id) > last || block.event.is_some(), "{id} after {last}");
            if std::mem::take(&mut self.from_the_beginning) {
                self.assert_nothing_missing(log, log.before(id), "the beginning", id);
            }
            self.told = false;
        } else if let Some(last) = &self.last {
            if last != id {
                let between = log.between(last, id);
                let between = between.unwrap_or_else(|| panic!("{id} is of another history than {last}"));
                self.assert_nothing_missing(log, between, last, id);
            } else {
                assert_eq!(block.event.as_deref(), Some("position"), "{id} came twice");
            }
        }
        self.last = Some(id.to_owned());
    }

    /// What lies between two entries need not come if it does not concern the client, or was superseded.
    fn assert_nothing_missing(&self, log: &MemoryLog, between: Vec<(u64, String)>, last: &str, id: &str) {
        let is_missing =
            |(number, topic): &(u64, String)| self.wants.event(*number, topic) && !log.is_superseded(*number);
        let missing: Vec<_> = between.into_iter().filter(is_missing).collect();
        assert!(missing.is_empty(), "missing {missing:?} between {last} and {id}");
    }
}

impl Wants {
    fn event(&self, number: u64, topic: &str) -> bool {
        self.topics.contains(&topic) && self.remainder.is_none_or(|remainder| number % 2 == remainder)
    }
}

fn number(id: &str) -> u64 {
    Numbers.position(id).unwrap() as u64
}
