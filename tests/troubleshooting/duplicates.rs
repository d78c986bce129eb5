//! Events come twice, or are missing, after a reconnect.

use futures_util::{StreamExt, stream};
use ssekit::{
    Body, Bounds, Event, EventSource, Hub, LastEventId, Subscribe,
    hub::{GapReason, Start},
    relay::Relay,
};

use crate::{client, data, hub, opened, support::memory_log::MemoryLog};

#[tokio::test]
async fn events_are_missing_if_the_handler_does_not_pass_the_last_event_id_on() {
    for (passes_it_on, received) in [(false, ["1", "3"]), (true, ["1", "2"])] {
        let hub = hub();
        let resume = move |subscribe: Subscribe, last| {
            if passes_it_on { subscribe.after(last) } else { subscribe }
        };
        let mut source = following(&hub, resume).await;
        hub.publish("orders", "1").unwrap();
        let mut read = data(&mut source, 1).await;

        source.reconnect();
        hub.publish("orders", "2").unwrap();
        opened(&mut source).await;
        hub.publish("orders", "3").unwrap();
        read.extend(data(&mut source, 1).await);
        assert_eq!(read, received);
    }
}

#[tokio::test]
async fn events_are_missing_if_the_history_is_shorter_than_the_absence_and_a_reset_says_so() {
    for (events, received) in [(2, ["reset", "3", "4"]), (100, ["2", "3", "4"])] {
        let hub = Hub::new(Bounds::events(events));
        let mut source = following(&hub, Subscribe::after).await;
        hub.publish("orders", "1").unwrap();
        data(&mut source, 1).await;

        source.reconnect();
        hub.publish_all("orders", ["2", "3", "4"]).unwrap();
        assert_eq!(data(&mut source, 3).await, received);
        assert_eq!(hub.stats().gaps, u64::from(received[0] == "reset"));
    }
}

#[tokio::test]
async fn events_are_missing_if_two_subscriptions_are_merged() {
    let merged = |hub: &Hub, last: Option<LastEventId>| {
        let each = ["orders", "stock"].map(|topic| hub.subscribe(Subscribe::to(topic).after(last.clone())));
        let [orders, stock] = each.map(Result::unwrap);
        // What a merged stream reads first is its affair: here all of the one before any of the other.
        Body::new(stream::select_with_strategy(stock, orders, |(): &mut ()| stream::PollNext::Left))
    };
    let one = |hub: &Hub, last: Option<LastEventId>| {
        Body::new(hub.subscribe(Subscribe::to(["orders", "stock"]).after(last)).unwrap())
    };
    for (is_merged, received) in [(true, ["no more milk"]), (false, ["two coffees"])] {
        let hub = hub();
        let handled = hub.clone();
        let answer = move |last| {
            ssekit::response(if is_merged { merged(&handled, last) } else { one(&handled, last) })
        };
        let mut source = client(answer.clone());
        opened(&mut source).await;
        hub.publish("orders", "two coffees").unwrap();
        hub.publish("stock", "no more milk").unwrap();
        // It is cut after its first event.
        assert_eq!(data(&mut source, 1).await, received);
        source.reconnect();
        if is_merged {
            hub.publish("orders", "one tea").unwrap();
            assert_eq!(data(&mut source, 1).await, ["one tea"], "the coffees came after all");
        } else {
            assert_eq!(data(&mut source, 1).await, ["no more milk"]);
        }
    }
}

#[tokio::test]
async fn events_come_twice_from_nodes_without_a_common_log() {
    // Each node has all events, under IDs of its own.
    let nodes = [hub(), hub()];
    for node in &nodes {
        node.publish_all("orders", ["1", "2"]).unwrap();
    }
    let mut turn = nodes.clone().into_iter();
    let mut source = client(move |last| {
        let node = turn.next().expect("two requests");
        ssekit::response(node.subscribe(Subscribe::to("orders").start(Start::Oldest).after(last)).unwrap())
    });
    assert_eq!(data(&mut source, 2).await, ["1", "2"]);
    source.reconnect();
    assert_eq!(data(&mut source, 1).await, ["reset"]);
    drop(source);
    let other = Subscribe::to("orders").after(nodes[0].topic("orders").history(None, 9).position());
    assert_eq!(nodes[1].subscribe(other).unwrap().gap().unwrap().reason(), GapReason::Unknown);

    // With a log the node that the client comes back to knows its ID.
    let log = MemoryLog::default();
    let nodes = [(); 2].map(|()| {
        let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(100)));
        tokio::spawn(tail.run());
        relay
    });
    nodes[0].publish("orders", "1").await.unwrap();
    let last = nodes[0].publish("orders", "2").await.unwrap();
    nodes[0].publish("orders", "3").await.unwrap();
    let back = nodes[1].subscribe(Subscribe::to("orders").after(last)).await.unwrap();
    assert!(back.gap().is_none());
    let blocks: Vec<_> = back.take(2).collect().await;
    assert!(blocks[1].ends_with(b"data: 3\n\n"), "{blocks:?}");
}

#[tokio::test]
async fn events_come_twice_if_a_snapshot_contains_them() {
    for (start, total) in [(Start::Oldest, 6), (Start::Now, 3)] {
        let hub = hub();
        // Two events were published, and the state has both.
        hub.publish_all("counter", ["1", "2"]).unwrap();
        let state = "3";
        let handled = hub.clone();
        let mut source = client(move |_| {
            let events = handled.subscribe(Subscribe::to("counter").start(start)).unwrap();
            ssekit::response(events.snapshot([state]))
        });
        let count = if start == Start::Now { 1 } else { 3 };
        let sum: i64 = data(&mut source, count).await.iter().map(|data| data.parse::<i64>().unwrap()).sum();
        assert_eq!(sum, total);
    }
}

/// A client of the topic `orders` that is connected.
async fn following(
    hub: &Hub,
    resume: impl Fn(Subscribe, Option<LastEventId>) -> Subscribe + Send + 'static,
) -> EventSource<()> {
    let source = hub.clone();
    hub.publish("orders", Event::new("before anybody was there")).unwrap();
    let mut client = client(move |last| {
        ssekit::response(source.subscribe(resume(Subscribe::to("orders"), last)).unwrap())
    });
    opened(&mut client).await;
    client
}
