//! Relays on a real Redis: many clients that hop between nodes, while connections are cut and Redis is killed.
#![cfg(feature = "redis")]

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::support::blocks::blocks;
use crate::support::hub_client::{is_notice, last_event_id};
use crate::support::redis_server::RedisServer;
use futures_util::{StreamExt, future::join_all};
use ssekit::{
    Bounds, Event, Hub, Subscribe,
    relay::{PublishError, RedisLog, Relay},
};

const NODES: usize = 3;
const CLIENTS: usize = 60;
const CUTS: usize = 20;
const EVENTS: usize = 20_000;
/// How many publish at once through each node.
const PUBLISHERS: usize = 16;

/// The bounds of each node's hub: the first one holds hardly anything of what its clients come back for.
const HELD: [usize; NODES] = [500, 4_000, 100_000];

fn start(server: &RedisServer) -> Vec<Relay<RedisLog>> {
    let node = |events: &usize| {
        let log = RedisLog::open(&server.url(), "log").unwrap().max_entries(1_000_000);
        let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(*events)));
        tokio::spawn(tail.run());
        relay
    };
    HELD.iter().map(node).collect()
}

/// What the publishers have done, and what the clients have seen.
#[derive(Default)]
struct Record {
    acknowledged: Mutex<HashSet<usize>>,
    attempts: AtomicUsize,
    done: AtomicBool,
}

/// Publishes numbers through one node, and each again until it is acknowledged, under another number each time.
async fn publish(relay: Relay<RedisLog>, record: Arc<Record>, share: usize) {
    let publisher = |count: usize| {
        let (relay, record) = (relay.clone(), record.clone());
        async move {
            for _ in 0..count {
                loop {
                    let number = record.attempts.fetch_add(1, Ordering::Relaxed);
                    match relay.publish("a", Event::new(number.to_string())).await {
                        Ok(_) => {
                            record.acknowledged.lock().unwrap().insert(number);
                            break;
                        }
                        Err(PublishError::NotPublished(_) | PublishError::Unacknowledged(_)) => {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
    };
    join_all((0..PUBLISHERS).map(|_| publisher(share / PUBLISHERS))).await;
}

/// Reads the whole sequence, and hops to another node again and again. Returns the data in the order that it came.
async fn read(number: usize, nodes: Vec<Relay<RedisLog>>, record: Arc<Record>) -> (Vec<String>, usize) {
    let (mut seen, mut last, mut cuts) = (Vec::new(), Some("0-1".to_owned()), 0);
    // Begins with what an empty log begins with, so that all clients begin at the same place.
    let begin = nodes[0].subscribe(["a"]).await.unwrap().next().await.unwrap();
    last = blocks(&begin)[0].id.clone().or(last);
    loop {
        let node = &nodes[(number + cuts) % NODES];
        let mut stream =
            match node.subscribe(Subscribe::to(["a"]).after(last.as_deref().and_then(last_event_id))).await {
                Ok(stream) => stream,
                // Redis is away, and this node does not know the ID.
                Err(refusal) => {
                    assert!(refusal.retry().is_some());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    cuts += 1;
                    continue;
                }
            };
        assert_eq!(stream.gap(), None, "client {number} after {last:?}");
        // Each stream is cut after some more events, and the last one is not.
        let until = if cuts < CUTS {
            seen.len() + 1 + (number * 37 + cuts * 101) % (EVENTS / CUTS)
        } else {
            usize::MAX
        };
        while seen.len() < until {
            let Ok(piece) = tokio::time::timeout(Duration::from_millis(500), stream.next()).await else {
                if record.done.load(Ordering::Acquire) && seen.last().is_some_and(|last| last == "end") {
                    return (seen, cuts);
                }
                continue;
            };
            let piece = piece.expect("the stream does not end");
            for block in blocks(&piece) {
                last = block.id.clone().or(last);
                if !is_notice(&block) {
                    seen.push(block.data.unwrap());
                }
                // Whoever is cut has taken some blocks of a piece and not the others.
                if seen.len() >= until {
                    break;
                }
            }
            if record.done.load(Ordering::Acquire)
                && cuts >= CUTS
                && seen.last().is_some_and(|last| last == "end")
            {
                return (seen, cuts);
            }
        }
        cuts += 1;
    }
}

async fn run(nodes: Vec<Relay<RedisLog>>, record: Arc<Record>) -> Vec<String> {
    let clients: Vec<_> =
        (0..CLIENTS).map(|number| tokio::spawn(read(number, nodes.clone(), record.clone()))).collect();
    // All of them have begun before the first event.
    while nodes.iter().map(|node| node.stats().hub.subscribers).sum::<usize>() < CLIENTS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let publishers = nodes.iter().map(|node| publish(node.clone(), record.clone(), EVENTS / NODES));
    join_all(publishers).await;
    while nodes[0].publish("a", Event::new("end")).await.is_err() {}
    record.done.store(true, Ordering::Release);

    let mut order: Option<Vec<String>> = None;
    for client in clients {
        let (seen, cuts) = client.await.unwrap();
        assert!(cuts >= CUTS);
        let order = order.get_or_insert_with(|| seen.clone());
        assert_eq!(seen.len(), order.len());
        assert!(seen == *order, "two clients saw different orders");
    }
    order.unwrap()
}

fn check(order: &[String], record: &Record) {
    let once: HashSet<&str> = order.iter().map(String::as_str).collect();
    assert_eq!(once.len(), order.len(), "an event came twice");
    let acknowledged = record.acknowledged.lock().unwrap();
    assert_eq!(acknowledged.len(), EVENTS / NODES / PUBLISHERS * PUBLISHERS * NODES);
    let missing: Vec<_> = acknowledged.iter().filter(|number| !once.contains(&*number.to_string())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hop_between_nodes_see_every_event_once_in_one_order() {
    let server = RedisServer::start();
    let nodes = start(&server);
    let record = Arc::new(Record::default());
    let order = run(nodes.clone(), record.clone()).await;
    check(&order, &record);
    assert_eq!(order.len(), record.acknowledged.lock().unwrap().len() + 1);
    for node in &nodes {
        let stats = node.stats();
        assert_eq!((stats.reconnects, stats.resets, stats.hub.gaps), (0, 0, 0), "{stats:?}");
    }
    assert!(nodes[0].stats().paged > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_event_comes_once_though_redis_is_killed_three_times() {
    let mut server = RedisServer::start_durable();
    let nodes = start(&server);
    let record = Arc::new(Record::default());
    let running = tokio::spawn(run(nodes.clone(), record.clone()));
    for kill in 1..=3 {
        while record.acknowledged.lock().unwrap().len() < EVENTS * kill / 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .unwrap();
    }
    let order = running.await.unwrap();
    check(&order, &record);
    for node in &nodes {
        let stats = node.stats();
        assert!((1..=10).contains(&stats.reconnects), "{stats:?}");
        assert_eq!((stats.resets, stats.hub.gaps), (0, 0), "{stats:?}");
    }
}
