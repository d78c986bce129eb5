//! Memory grows.

use futures_util::stream;
use ssekit::{Bounds, Event, Hub, serve::Server};
use tokio::{
    io::{AsyncWriteExt, duplex},
    sync::mpsc,
    time::timeout,
};

use crate::{DAY, SECOND, router};

const EVENT: usize = 1000;

#[test]
fn memory_grows_with_the_topics_up_to_the_bound_of_the_hub() {
    let publish = |hub: &Hub| {
        for topic in 0..5_000 {
            hub.publish(&format!("user-{topic}"), "x".repeat(EVENT)).unwrap();
        }
        hub.stats().memory
    };
    // Each topic is within its bounds, and there are many.
    assert!(publish(&Hub::new(Bounds::events(100))) > 5_000 * EVENT);
    let bound = 1 << 20;
    assert!(publish(&Hub::builder(Bounds::events(100)).max_bytes(bound).build()) <= bound);
}

/// A channel for each client holds what that client does not read; a subscription is only a position.
#[test]
fn memory_grows_with_a_queue_for_each_client_that_does_not_read() {
    let hub = Hub::new(Bounds::events(10));
    let clients: Vec<_> = (0..100).map(|_| hub.subscribe("orders").unwrap()).collect();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..100).map(|_| mpsc::unbounded_channel::<Event>()).unzip();
    for _ in 0..1_000 {
        let event = Event::new("x".repeat(EVENT));
        hub.publish("orders", &event).unwrap();
        for sender in &senders {
            sender.send(event.clone()).unwrap();
        }
    }
    assert_eq!(receivers.iter().map(|receiver| receiver.len()).sum::<usize>(), 100_000);
    assert_eq!(hub.stats().events, 10);
    assert!(hub.stats().memory < 100 * EVENT, "{}", hub.stats().memory);
    drop(clients);
}

/// A client that is gone without a word looks like one that does not read.
#[tokio::test(start_paused = true)]
async fn memory_is_held_by_readers_that_stall_until_the_write_timeout_cuts_them() {
    let hub = Hub::new(Bounds::events(10));
    let topic = hub.topic("orders");
    for (limit, is_cut) in [(DAY * 365, false), (SECOND * 30, true)] {
        let server = Server::new().write_timeout(limit);
        let (mut stalled, io) = duplex(256);
        server.spawn(io, router(&hub)).await;
        stalled.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        while topic.subscribers() == 0 {
            tokio::task::yield_now().await;
        }
        hub.publish("orders", "x".repeat(EVENT)).unwrap();
        assert_eq!(timeout(DAY, topic.wait_unsubscribed()).await.is_ok(), is_cut);
        drop(server);
        topic.wait_unsubscribed().await;
        drop(stalled);
    }
}

/// A stream that ends by itself is dropped at once; one that is kept somewhere is not.
#[test]
fn a_subscription_that_is_kept_counts_as_a_client() {
    let hub = Hub::new(Bounds::events(10));
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(hub.subscribe("orders").unwrap());
        let _ = ssekit::response(stream::empty::<Event>());
    }
    assert_eq!(hub.stats().subscribers, 3);
    kept.clear();
    assert_eq!(hub.stats().subscribers, 0);
}
