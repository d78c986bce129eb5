//! Topics that are added to a running stream and removed from it.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use futures_core::Stream;
use proptest::{collection::vec, prelude::*};
use ssekit::{
    Bounds, Hub, KeepAlive, LastEventId, Subscribe, Subscription,
    hub::{Lag, StreamHandle},
    timer::Timer,
};

use crate::support::{
    blocks::{Block, blocks},
    counting_waker::CountingWaker,
    hub_client::{last_event_id, read},
    manual_timer::ManualTimer,
};

fn hub(events: usize) -> Hub {
    Hub::new(Bounds::events(events))
}

/// Subscribes, and reads the first block.
fn begin(hub: &Hub, topics: &[&str]) -> (Subscription, StreamHandle) {
    let mut client = hub.subscribe(topics).unwrap();
    let handle = client.handle();
    read(&mut client);
    (client, handle)
}

#[test]
fn every_event_after_the_call_comes_and_none_from_before_it() {
    let hub = hub(10);
    hub.publish("b", "before").unwrap();
    let (mut client, handle) = begin(&hub, &["a"]);
    hub.publish("a", "1").unwrap();
    handle.add(["b", "a", "b"]);
    hub.publish("b", "2").unwrap();
    hub.publish("a", "3").unwrap();
    assert_eq!(read(&mut client).data(), ["1", "2", "3"]);
    hub.publish("b", "4").unwrap();
    assert_eq!(read(&mut client).data(), ["4"]);
}

#[test]
fn a_parked_stream_is_woken_by_a_topic_that_it_did_not_have() {
    let hub = hub(10);
    let (mut client, handle) = begin(&hub, &["a"]);
    let (wakes, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    let mut poll = |client: &mut Subscription| Pin::new(client).poll_next(&mut cx);
    assert!(poll(&mut client).is_pending());
    handle.add("b");
    assert_eq!(wakes.take(), 1);
    assert!(poll(&mut client).is_pending());
    hub.publish("b", "1").unwrap();
    assert_eq!(wakes.take(), 1);
    assert!(matches!(poll(&mut client), Poll::Ready(Some(_))));
    handle.remove("b");
    assert!(poll(&mut client).is_pending() && wakes.take() > 0);
    hub.publish("b", "2").unwrap();
    assert_eq!(wakes.take(), 0);
    assert!(poll(&mut client).is_pending());
}

#[test]
fn a_removed_topic_is_not_delivered_any_more_and_skips_what_lay_between() {
    let hub = hub(10);
    let (mut client, handle) = begin(&hub, &["a", "b"]);
    hub.publish("b", "pending").unwrap();
    handle.remove("b");
    hub.publish("b", "away").unwrap();
    hub.publish("a", "1").unwrap();
    assert_eq!(read(&mut client).data(), ["1"]);
    handle.add("b");
    hub.publish("b", "2").unwrap();
    assert_eq!(read(&mut client).data(), ["2"]);
}

#[test]
fn a_stream_without_topics_stays_open_and_one_of_finished_topics_ends() {
    let hub = hub(10);
    let (mut client, handle) = begin(&hub, &["a"]);
    handle.remove("a");
    hub.finish("a");
    assert!(!read(&mut client).ended);
    handle.add("b");
    hub.publish("b", "1").unwrap();
    assert_eq!(read(&mut client).data(), ["1"]);
    hub.finish("b");
    assert!(read(&mut client).ended);
    assert_eq!(hub.stats().subscribers, 0);
}

#[test]
fn what_a_new_topic_has_lost_after_the_streams_position_is_told_before_anything_later() {
    for lag in [Lag::Disconnect, Lag::Skip] {
        let hub = hub(2);
        let mut client = hub.subscribe(Subscribe::to("a").lag(lag)).unwrap();
        let handle = client.handle();
        read(&mut client);
        handle.add("b");
        (0..5).for_each(|n| drop(hub.publish("b", n.to_string()).unwrap()));
        let seen = read(&mut client);
        assert_eq!((seen.gaps(), seen.data(), seen.ended), (vec!["evicted"], vec!["3", "4"], false));
        assert_eq!(seen.blocks[0].event.as_deref(), Some("reset"));
        assert_eq!(hub.stats().gaps, 1);
    }
}

#[test]
fn topics_leave_nothing_behind() {
    let hub = hub(10);
    let (mut client, handle) = begin(&hub, &["a"]);
    for n in 0..1_000 {
        handle.add(format!("topic {n}"));
        read(&mut client);
        handle.remove(format!("topic {n}"));
    }
    read(&mut client);
    assert_eq!((hub.stats().topics, hub.topic("a").subscribers()), (1, 1));
    drop(client);
    handle.add("b");
    assert_eq!((hub.stats().topics, handle.has_ended()), (0, true));
}

/// A timer that adds a topic and publishes to it, after the stream was found pending and before its keep-alive.
struct Meanwhile(StreamHandle, Hub, Cell<Instant>);

impl Timer for Meanwhile {
    fn arm(&mut self, _: Duration) {}

    fn now(&self) -> Instant {
        // Each look at it is an interval later.
        self.2.set(self.2.get() + SECOND);
        self.2.get()
    }

    fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        self.0.add("b");
        self.1.publish("b", "1").unwrap();
        Poll::Ready(())
    }
}

#[test]
fn a_keep_alive_does_not_claim_what_a_topic_got_that_was_just_added() {
    let hub = hub(10);
    let (mut client, handle) = begin(&hub, &["a"]);
    hub.publish("another", "moves the position").unwrap();
    let timer = Meanwhile(handle, hub.clone(), Cell::new(Instant::now()));
    assert!(matches!(crate::support::hub_client::poll(&mut client), Poll::Pending));
    let mut client = client.keep_alive_with_timer(SECOND, timer);
    let mut seen = Vec::new();
    for _ in 0..2 {
        if let Poll::Ready(Some(Ok(piece))) =
            Pin::new(&mut client).poll_next(&mut Context::from_waker(Waker::noop()))
        {
            seen.extend(blocks(&piece).into_iter().filter_map(|block| block.data));
        }
    }
    assert!(seen.contains(&"1".to_owned()), "{seen:?}");
}

const SECOND: Duration = Duration::from_secs(1);
const TOPICS: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug)]
enum Op {
    Publish(usize),
    Add(usize),
    Remove(usize),
    /// Polls once.
    Poll,
    /// Polls until nothing is left.
    Read,
    /// A keep-alive is due.
    Silence,
    /// The client comes back with its last event ID, to the topics that the stream has.
    Cut,
}

fn op() -> impl Strategy<Value = Op> {
    let topic = || 0..TOPICS.len();
    prop_oneof![
        6 => topic().prop_map(Op::Publish),
        2 => topic().prop_map(Op::Add),
        1 => topic().prop_map(Op::Remove),
        3 => Just(Op::Poll),
        1 => Just(Op::Read),
        1 => Just(Op::Silence),
        1 => Just(Op::Cut),
    ]
}

/// A client, and what it is owed.
struct Client {
    stream: KeepAlive<Subscription, ManualTimer>,
    timer: ManualTimer,
    handle: StreamHandle,
    topics: [bool; TOPICS.len()],
    /// For each topic, the events up to this number are not owed: they came, or are from before it was added.
    settled: [usize; TOPICS.len()],
    /// How many events each topic holds.
    bound: usize,
    /// The newest event that came.
    delivered: usize,
    last_event_id: Option<String>,
}

impl Client {
    fn begin(
        hub: &Hub,
        bound: usize,
        topics: [bool; TOPICS.len()],
        last_event_id: Option<String>,
        settled: [usize; 4],
    ) -> Self {
        let names: Vec<_> =
            TOPICS.iter().zip(topics).filter(|(_, has)| *has).map(|(name, _)| *name).collect();
        let last: Option<LastEventId> = last_event_id.as_deref().and_then(last_event_id_of);
        // Nobody subscribes to nothing: then a topic goes at once that was only there for that.
        let first = if names.is_empty() { vec!["nothing"] } else { names };
        let mut stream = hub.subscribe(Subscribe::to(&first[..]).after(last).lag(Lag::Skip)).unwrap();
        let handle = stream.handle();
        handle.remove("nothing");
        let timer = ManualTimer::new();
        let stream = stream.keep_alive_with_timer(SECOND, timer.clone());
        Self { stream, timer, handle, topics, settled, bound, delivered: 0, last_event_id }
    }

    /// Polls once. Returns whether something came.
    fn poll(&mut self, published: &[usize]) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.stream).poll_next(&mut cx) {
            Poll::Ready(Some(piece)) => {
                blocks(&piece.unwrap()).iter().for_each(|block| self.take(block, published));
                true
            }
            Poll::Ready(None) => panic!("it ends"),
            Poll::Pending => false,
        }
    }

    /// Checks a block. Its ID acknowledges everything before it.
    fn take(&mut self, block: &Block, published: &[usize]) {
        if let Some(id) = &block.id {
            self.last_event_id = Some(id.clone());
        }
        let position = block.id.as_deref().map(number_in);
        match block.event.as_deref() {
            // What is no longer held is not owed any more. Later events may be, although the ID is behind them.
            Some("reset") => {
                for (topic, settled) in self.settled.iter_mut().enumerate() {
                    let mut numbers =
                        (1..=published.len()).rev().filter(|number| published[number - 1] == topic);
                    *settled = (*settled).max(numbers.nth(self.bound).unwrap_or(0));
                }
                self.assert_nothing_owed_before(position.unwrap() + 1, published);
            }
            Some("position") => self.assert_nothing_owed_before(position.unwrap() + 1, published),
            _ => {
                let number: usize = block.data.as_deref().unwrap().parse().unwrap();
                assert_eq!(position, Some(number));
                let topic = published[number - 1];
                assert!(self.topics[topic], "{number} is of a topic that was removed");
                assert!(number > self.delivered, "{number} comes again, or the cursor goes back");
                self.assert_nothing_owed_before(number, published);
                self.delivered = number;
                // Some from before a topic was added may come, if the stream had not been given all until then.
                self.settled[topic] = self.settled[topic].max(number);
            }
        }
    }

    fn assert_nothing_owed_before(&self, number: usize, published: &[usize]) {
        for earlier in 1..number {
            let topic = published[earlier - 1];
            let owed = self.topics[topic] && self.settled[topic] < earlier;
            assert!(!owed, "{earlier} of {} is skipped by {number}", TOPICS[topic]);
        }
    }
}

fn last_event_id_of(id: &str) -> Option<LastEventId> {
    last_event_id(id)
}

fn number_in(id: &str) -> usize {
    id.split_once('-').unwrap().1.parse().unwrap()
}

proptest! {
    #[test]
    fn the_cursor_claims_what_was_delivered_whatever_topics_come_and_go(ops in vec(op(), 1..120), bound in 2_usize..6) {
        let hub = hub(bound);
        let mut published = Vec::new();
        let mut client = Client::begin(&hub, bound, [true, false, false, false], None, [0; 4]);
        while client.poll(&published) {}
        for op in ops {
            match op {
                Op::Publish(topic) => {
                    published.push(topic);
                    hub.publish(TOPICS[topic], published.len().to_string()).unwrap();
                }
                Op::Add(topic) => {
                    if !client.topics[topic] {
                        client.topics[topic] = true;
                        client.settled[topic] = published.len().max(client.settled[topic]);
                    }
                    client.handle.add(TOPICS[topic]);
                }
                Op::Remove(topic) => {
                    client.topics[topic] = false;
                    client.handle.remove(TOPICS[topic]);
                }
                Op::Poll => drop(client.poll(&published)),
                Op::Read => while client.poll(&published) {},
                Op::Silence => {
                    while client.poll(&published) {}
                    client.timer.advance(SECOND);
                    client.poll(&published);
                }
                Op::Cut => {
                    // Everything behind its ID is owed, also of topics that were added later than that.
                    let id = client.last_event_id.as_deref().map_or(published.len(), number_in);
                    let last = client.last_event_id.take();
                    client = Client::begin(&hub, bound, client.topics, last, [id; TOPICS.len()]);
                }
            }
        }
        while client.poll(&published) {}
        for (topic, has) in client.topics.into_iter().enumerate() {
            let newest = (1..=published.len()).rev().find(|number| published[number - 1] == topic);
            prop_assert!(!has || newest.is_none_or(|newest| client.settled[topic] >= newest), "{}", TOPICS[topic]);
        }
    }
}
