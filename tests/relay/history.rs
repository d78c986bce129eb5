//! Pages of a topic's history: from the hub of a node, and from the log.
#![cfg(feature = "tokio")]

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use crate::support::hub_client::last_event_id;
use crate::support::memory_log::{MemoryLog, Numbers, Unreachable};
use crate::support::nodes::{publish, start, texts};
use crate::support::relay_client::read;
use proptest::{collection::vec, prelude::*};
use ssekit::{
    Bounds, Event, EventId, Hub, LastEventId, Subscribe,
    hub::{Close, GapReason, HistoryPage},
    relay::{AppendError, Entry, HistoryError, Limit, Log, Page, Record, Relay},
    replay::IdOrder,
};
use tokio::time::Instant;

const TOPICS: [&str; 3] = ["a", "b", "c"];
const NODES: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    Publish { topic: usize, times: usize, keys: Option<usize> },
    Page { reader: usize, node: usize, limit: usize },
    Anew(usize),
    Finish(usize),
    Trim(usize),
    Save,
    PutBack,
    Erase,
    Reach(bool),
    Deaf(bool),
    Sleep(u64),
}

/// Who reads a topic page by page, with what its next page begins after.
struct Reader {
    topic: &'static str,
    after: Option<LastEventId>,
}

fn step() -> impl Strategy<Value = Step> {
    let (topic, reader, node) = (0..TOPICS.len(), 0..usize::MAX, 0..NODES);
    let limit = prop::sample::select(&[0, 1, 2, 7, 1000][..]);
    prop_oneof![
        8 => (topic.clone(), 1..30_usize, prop::option::of(1..6_usize))
            .prop_map(|(topic, times, keys)| Step::Publish { topic, times, keys }),
        12 => (reader.clone(), node, limit).prop_map(|(reader, node, limit)| Step::Page { reader, node, limit }),
        1 => reader.prop_map(Step::Anew),
        1 => topic.prop_map(Step::Finish),
        2 => (1..20_usize).prop_map(Step::Trim),
        1 => Just(Step::Save),
        1 => Just(Step::PutBack),
        1 => Just(Step::Erase),
        1 => any::<bool>().prop_map(Step::Reach),
        2 => any::<bool>().prop_map(Step::Deaf),
        4 => (0..2_000_u64).prop_map(Step::Sleep),
    ]
}

fn node() -> impl Strategy<Value = (usize, usize)> {
    (prop::sample::select(&[1, 4, 20, 1000][..]), prop::sample::select(&[1, 5, 50, 65_536][..]))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_that_follow_each_other_have_each_event_once_unless_they_tell_a_gap(
        nodes in prop::array::uniform2(node()),
        readers in vec(0..TOPICS.len(), 1..4),
        steps in vec(step(), 1..80),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(run(nodes, readers, steps));
    }
}

async fn run(bounded: [(usize, usize); NODES], readers: Vec<usize>, steps: Vec<Step>) {
    let log = MemoryLog::default();
    let nodes = bounded.map(|(events, ids)| {
        let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(events)));
        tokio::spawn(tail.remembered_ids(ids).run());
        relay
    });
    let mut readers: Vec<_> =
        readers.into_iter().map(|topic| Reader { topic: TOPICS[topic], after: None }).collect();
    let mut saved = Vec::new();
    for step in steps {
        match step {
            Step::Publish { topic, times, keys } => {
                for n in 0..times {
                    let event = Event::new("x");
                    let event = keys.map_or(event.clone(), |keys| event.with_key((n % keys).to_string()));
                    let _ = nodes[n % NODES].publish(TOPICS[topic], event).await;
                }
            }
            Step::Page { reader, node, limit } => {
                let index = reader % readers.len();
                readers[index].page(&log, &nodes[node], limit).await;
            }
            Step::Anew(reader) => {
                let index = reader % readers.len();
                readers[index].after = None;
            }
            Step::Finish(topic) => drop(nodes[0].finish(TOPICS[topic]).await),
            Step::Trim(keep) => log.trim(keep),
            Step::Save => saved = log.copy(),
            Step::PutBack => log.put_back(saved.clone()),
            Step::Erase => log.erase(),
            Step::Reach(reach) => log.set_unreachable(!reach),
            Step::Deaf(deaf) => log.set_deaf(deaf),
            Step::Sleep(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
        }
    }

    // In the end all is well, and the pages lead to the newest event: from where a reader was, and from each entry.
    log.set_unreachable(false);
    log.set_deaf(false);
    tokio::time::sleep(Duration::from_secs(60)).await;
    for topic in TOPICS {
        // It may be finished.
        let _ = nodes[0].publish(topic, Event::new("last")).await;
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let entries = log.ids();
    let newest = entries.last().map(|id| number(id));
    for (nth, id) in entries.iter().enumerate() {
        let topic = TOPICS[nth % TOPICS.len()];
        readers.push(Reader { topic, after: last_event_id(id) });
    }
    for (nth, mut reader) in readers.into_iter().enumerate() {
        let limit = [1, 3, 1000][nth % 3];
        // A hub may hold more than the log does by now.
        for pages in 0.. {
            assert!(pages <= newest.unwrap_or(0) + 1, "no end of pages");
            let page = reader.page(&log, &nodes[nth % NODES], limit).await.expect("the log can be read");
            if !page.has_more() {
                break;
            }
        }
        assert_eq!(reader.number(), newest);
    }
}

impl Reader {
    fn number(&self) -> Option<u64> {
        Some(number(self.after.as_ref()?.as_id()?.as_str()))
    }

    /// Reads a page, and compares it with what was ever appended between where it begins and where it ends.
    async fn page(&mut self, log: &MemoryLog, node: &Relay<MemoryLog>, limit: usize) -> Option<HistoryPage> {
        let page = node.history(self.topic, self.after.clone(), limit).await.ok()?;
        let before = self.number();
        self.after = page.position();
        let ids: Vec<_> = page.events().iter().map(|event| number(event.last_event_id())).collect();
        assert!(ids.len() <= limit);
        assert!(page.gap().is_none() || log.has_removed(), "{:?}", page.gap());
        assert!(
            !page.has_more() || limit == 0 || page.gap().is_some() || before != self.number(),
            "no progress at {before:?}"
        );
        let Some(end) = self.number() else {
            assert!(ids.is_empty(), "a page with events has a position");
            return Some(page);
        };
        let id = |number: u64| Numbers.id(number.into()).to_string();
        let before = if page.gap().is_none() { before } else { ids.first().copied().map(|first| first - 1) };
        let mut owed = match before {
            _ if page.gap().is_some() && ids.is_empty() => Vec::new(),
            // The entry before the first event, which may be any, is left out.
            Some(before) if page.gap().is_some() => {
                let events = log.before(&id(end)).into_iter();
                events.filter(|(number, _)| *number > before).collect()
            }
            Some(before) if before == end => return Some(page),
            Some(before) => log.between(&id(before), &id(end)).expect("the page is of the same history"),
            None => log.before(&id(end)),
        };
        owed.extend(log.topic_of(end).map(|topic| (end, topic)));
        owed.retain(|(_, topic)| topic == self.topic);
        owed.reverse();
        owed.sort_unstable();
        let owed: Vec<_> = owed.into_iter().map(|(number, _)| number).collect();
        assert!(ids.is_sorted_by(|one, next| one < next) && ids.iter().all(|id| owed.contains(id)));
        let missing: Vec<_> =
            owed.iter().filter(|id| !ids.contains(id) && !log.is_superseded(**id)).collect();
        assert!(missing.is_empty(), "{missing:?} of {owed:?} are missing in {ids:?}");
        Some(page)
    }
}

fn number(id: &str) -> u64 {
    Numbers.position(id).unwrap() as u64
}

fn data(page: &HistoryPage) -> Vec<&str> {
    page.events().iter().map(|event| event.data()).collect()
}

/// Waits until a node has read so many events.
async fn wait_for<L: Log>(relay: &Relay<L>, events: u64) {
    let all = async {
        while relay.stats().hub.published < events {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("the node reads them");
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_holds_comes_from_there_and_the_rest_from_the_log() {
    let log = MemoryLog::default();
    let relay = start(&log, 10);
    let ids = publish(&relay, "a", 0..50).await;
    publish(&relay, "b", 0..50).await;
    wait_for(&relay, 100).await;
    log.take_reads();
    let page = relay.history("a", &ids[44], 10).await.unwrap();
    assert_eq!(
        (data(&page), page.has_more(), log.take_reads()),
        (vec!["45", "46", "47", "48", "49"], false, 0)
    );
    let page = relay.history("a", &ids[4], 10).await.unwrap();
    assert_eq!((page.gap(), page.has_more()), (None, true));
    assert_eq!(data(&page), texts(5..15));
    assert!(log.take_reads() > 0);
    // A stream goes on where a page ends.
    let mut stream = relay.subscribe(Subscribe::to(["a"]).after(page.position())).await.unwrap();
    assert_eq!(read(&mut stream, 35).await.data(), texts(15..50));
    let page = relay.history("a", None, 100).await.unwrap();
    assert_eq!((data(&page), page.gap()), (texts(0..50).iter().map(String::as_str).collect(), None));
    assert_eq!(relay.history("none", None, 100).await.unwrap().events(), []);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_topic_comes_from_the_hub_at_a_position_that_the_node_no_longer_remembers() {
    let log = MemoryLog::default();
    let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(10)));
    tokio::spawn(tail.remembered_ids(5).run());
    let ids = publish(&relay, "quiet", 0..3).await;
    publish(&relay, "busy", 0..1_000).await;
    wait_for(&relay, 1_003).await;
    log.take_reads();
    log.take_read_entries();
    let page = relay.history("quiet", &ids[0], 10).await.unwrap();
    assert_eq!((data(&page), page.has_more()), (vec!["1", "2"], false));
    // Whether the log still holds that event, and the newest one that the node has read.
    assert_eq!((log.take_reads(), log.take_read_entries()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_reads_sixteen_pages_at_most_and_the_next_one_goes_on() {
    let log = MemoryLog::default();
    let relay = start(&log, 1);
    let first = publish(&relay, "quiet", 0..1).await.remove(0);
    publish(&relay, "busy", 0..2_500).await;
    publish(&relay, "quiet", 1..3).await;
    wait_for(&relay, 2_503).await;
    // A node that has not been told how large entries are reads as carefully as it can.
    let (other, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(1)));
    tokio::spawn(tail.remembered_ids(1).run());
    wait_for(&other, 2_503).await;
    log.take_reads();
    let (mut after, mut calls, mut seen) = (Some(LastEventId::from(first)), 0, Vec::new());
    loop {
        let page = other.history("quiet", after.clone(), 1).await.unwrap();
        calls += 1;
        assert!(log.take_reads() <= 16 + 2);
        assert_ne!(page.position(), after);
        seen.extend(page.events().iter().map(|event| event.data().to_owned()));
        after = page.position();
        if !page.has_more() {
            break;
        }
    }
    assert_eq!(seen, ["1", "2"]);
    assert!((3..10).contains(&calls), "{calls}");
}

#[tokio::test(start_paused = true)]
async fn a_page_has_a_megabyte_of_text_at_most_or_one_event() {
    let log = MemoryLog::default();
    let (in_hub, in_log) = (start(&log, 1_000), start(&log, 1));
    let sizes = [vec![400_000; 4], vec![3_000_000; 2], vec![10; 3]].concat();
    for size in &sizes {
        in_hub.publish("a", "x".repeat(*size)).await.unwrap();
    }
    wait_for(&in_hub, sizes.len() as u64).await;
    wait_for(&in_log, sizes.len() as u64).await;
    for relay in [&in_hub, &in_log] {
        let (mut after, mut pages) = (None, Vec::new());
        loop {
            let page = relay.history("a", after, 1_000).await.unwrap();
            pages.push(page.events().iter().map(|event| event.data().len()).collect::<Vec<_>>());
            after = page.position();
            if !page.has_more() {
                break;
            }
        }
        let expected = [vec![400_000; 2], vec![400_000; 2], vec![3_000_000], vec![3_000_000], vec![10; 3]];
        assert_eq!(pages, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_tells_the_gaps_that_a_subscription_does() {
    let log = MemoryLog::default();
    let relay = start(&log, 1);
    let ids = publish(&relay, "a", 0..20).await;
    wait_for(&relay, 20).await;
    log.trim(10);
    for (after, gap) in [
        (None, Some(GapReason::Evicted)),
        (last_event_id(ids[0].as_str()), Some(GapReason::Evicted)),
        (last_event_id("n999"), Some(GapReason::Unknown)),
        (last_event_id("nonsense"), Some(GapReason::Unknown)),
    ] {
        let page = relay.history("a", after.clone(), 100).await.unwrap();
        assert_eq!(page.gap(), gap, "{after:?}");
        assert_eq!(data(&page), texts(10..20), "{after:?}");
    }
    // The oldest entry that is left.
    let page = relay.history("a", &ids[10], 100).await.unwrap();
    assert_eq!((page.gap(), data(&page)), (None, texts(11..20).iter().map(String::as_str).collect()));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_does_not_answer_is_an_error_only_if_it_is_needed() {
    let log = MemoryLog::default();
    let relay = start(&log, 10);
    let ids = publish(&relay, "a", 0..50).await;
    wait_for(&relay, 50).await;
    log.set_unreachable(true);
    assert_eq!(relay.history("a", &ids[40], 100).await.unwrap().events().len(), 9);
    let error = relay.history("a", &ids[0], 100).await.unwrap_err();
    assert!(matches!(error, HistoryError::Log(Unreachable)), "{error:?}");
    log.set_unreachable(false);
    log.set_stalled(true);
    let begun = Instant::now();
    assert!(matches!(relay.history("a", &ids[0], 100).await, Err(HistoryError::TimedOut)));
    assert_eq!(begun.elapsed().as_secs(), 5);
    let pending = tokio::spawn({
        let (relay, id) = (relay.clone(), ids[0].clone());
        async move { relay.history("a", id, 100).await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    relay.close(Close::new());
    assert!(matches!(pending.await.unwrap(), Err(HistoryError::Closed)));
    assert!(matches!(relay.history("a", &ids[49], 100).await, Err(HistoryError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn of_keys_the_hub_has_the_newest_event_and_the_log_all() {
    let log = MemoryLog::default();
    let (in_hub, in_log) = (start(&log, 100), start(&log, 1));
    let first = in_hub.publish("a", Event::new("0").with_key("x")).await.unwrap();
    for number in 1..4 {
        in_hub.publish("a", Event::new(number.to_string()).with_key("x")).await.unwrap();
        in_hub.publish("a", Event::new("y").with_key("y")).await.unwrap();
    }
    wait_for(&in_hub, 7).await;
    wait_for(&in_log, 7).await;
    assert_eq!(data(&in_hub.history("a", &first, 100).await.unwrap()), ["3", "y"]);
    assert_eq!(data(&in_log.history("a", &first, 100).await.unwrap()), ["1", "y", "2", "y", "3", "y"]);
}

#[tokio::test(start_paused = true)]
async fn statistics_of_a_topic_are_those_of_the_node() {
    let log = MemoryLog::default();
    let (relay, other) = (start(&log, 10), start(&log, 10));
    publish(&relay, "a", 0..50).await;
    relay.finish("b").await.unwrap();
    wait_for(&relay, 50).await;
    wait_for(&other, 50).await;
    let client = relay.subscribe(["a", "c"]).await.unwrap();
    let stats = relay.topic_stats("a");
    assert_eq!((stats.events, stats.subscribers, stats.finished), (10, 1, false));
    assert!(stats.bytes > 10 && other.topic_stats("a").subscribers == 0);
    assert_eq!(relay.topic_stats("c").subscribers, 1);
    while !relay.topic_stats("b").finished {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let topics = relay.stats().hub.topics;
    assert_eq!(relay.topic_stats("d"), ssekit::hub::TopicStats::default());
    assert_eq!(relay.stats().hub.topics, topics, "looking leaves nothing behind");
    drop(client);
}

/// A log that loses each entry once it has been read.
#[derive(Debug)]
struct Vanishing {
    log: MemoryLog,
    vanishes: AtomicBool,
}

impl Log for Vanishing {
    type Order = Numbers;
    type Error = Unreachable;

    fn order(&self) -> Numbers {
        Numbers
    }

    async fn append(&self, record: Record, key: Option<&str>) -> Result<EventId, AppendError<Unreachable>> {
        self.log.append(record, key).await
    }

    async fn read(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, Unreachable> {
        let page = self.log.read(after, limit).await?;
        if let Some(last) = page.entries.last().filter(|_| self.vanishes.load(Ordering::Relaxed)) {
            let rest: Vec<Entry> = self.log.copy();
            let at = rest.iter().position(|entry| entry.id == last.id).unwrap();
            self.log.trim(rest.len() - at - 1);
        }
        Ok(page)
    }

    async fn follow(&self, after: &EventId, limit: Limit) -> Result<Page, Unreachable> {
        self.log.follow(after, limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_trimmed_while_a_page_is_read_is_told_by_the_next_one() {
    let log = MemoryLog::default();
    let (relay, tail) = Relay::new(
        Vanishing { log: log.clone(), vanishes: AtomicBool::new(false) },
        Hub::builder(Bounds::events(1)),
    );
    tokio::spawn(tail.remembered_ids(1).run());
    // The tail has read what there is, and follows from now on.
    relay.publish("a", "first").await.unwrap();
    wait_for(&relay, 1).await;
    let mut ids = Vec::new();
    for number in 0..100 {
        ids.push(relay.publish("a", number.to_string()).await.unwrap());
    }
    wait_for(&relay, 101).await;
    relay.log().vanishes.store(true, Ordering::Relaxed);
    let page = relay.history("a", &ids[9], 100).await.unwrap();
    let seen = page.events().len();
    assert_eq!((page.gap(), page.has_more()), (None, true));
    assert_eq!(data(&page), texts(10..10 + seen));
    let next = relay.history("a", page.position(), 100).await.unwrap();
    assert_eq!(next.gap(), Some(GapReason::Evicted));
    assert_eq!(next.events()[0].data(), (10 + seen).to_string());
}
