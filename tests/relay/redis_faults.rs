//! What becomes of a relay's clients when Redis is slow, cut off, emptied, trimmed or in an older state.
#![cfg(feature = "redis")]

use crate::support::{hub_client, relay_client};
use std::{
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::support::proxy::{Fault, Proxy};
use crate::support::redis_server::{RedisServer, url};
use crate::support::relay_client::{first, read, read_to_end};
use futures_util::{StreamExt, future::join_all};
use ssekit::{
    Bounds, Event, Hub, Subscribe, Subscription,
    hub::{GapReason, RefusalReason, Start},
    relay::{PublishError, RedisLog, Relay, Stats},
};

fn start(address: SocketAddr) -> Relay<RedisLog> {
    start_with(address, Duration::from_secs(30))
}

/// Starts a node that gives up a connection on which no reply comes in time.
fn start_with(address: SocketAddr, timeout: Duration) -> Relay<RedisLog> {
    let log = RedisLog::open(&url(address), "log").unwrap().timeout(timeout);
    let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    tokio::spawn(tail.run());
    relay
}

async fn publish(relay: &Relay<RedisLog>, numbers: Range<usize>) {
    for number in numbers {
        relay.publish("a", Event::new(number.to_string())).await.unwrap();
    }
}

async fn subscribe(relay: &Relay<RedisLog>) -> Subscription {
    let mut subscription = relay.subscribe(["a"]).await.unwrap();
    first(&mut subscription).await;
    subscription
}

fn texts(numbers: Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

async fn until(relay: &Relay<RedisLog>, holds: impl Fn(Stats) -> bool) {
    while !holds(relay.stats()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_cut_in_the_middle_of_a_reply_cost_nothing_and_repeat_nothing() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.address()).await;
    let (node, other) = (start(proxy.address()), start(server.address()));
    let mut client = subscribe(&node).await;
    let publisher = tokio::spawn(async move { publish(&other, 0..3_000).await });
    let faults = [Fault::CutInside, Fault::Reset, Fault::Cut];
    let (mut seen, mut turn) = (Vec::new(), 0);
    while seen.len() < 3_000 {
        let least = (3_000 - seen.len()).min(100);
        seen.extend(read(&mut client, least).await.data().into_iter().map(str::to_owned));
        proxy.strike(turn, faults[turn % faults.len()]);
        turn += 1;
    }
    publisher.await.unwrap();
    assert_eq!(seen, texts(0..3_000));
    let stats = node.stats();
    assert!(stats.reconnects >= 2, "{stats:?}");
    assert_eq!(stats.resets, 0);
}

#[tokio::test]
async fn a_connection_that_hangs_is_given_up() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.address()).await;
    let (node, other) = (start_with(proxy.address(), SHORT), start(server.address()));
    let mut client = subscribe(&node).await;
    publish(&other, 0..1).await;
    assert_eq!(read(&mut client, 1).await.data(), ["0"]);
    // The one that waits for entries, and those that have read and appended: which is which is not known here.
    for connection in 0..3 {
        proxy.strike(connection, Fault::Stall);
    }
    publish(&other, 1..3).await;
    assert_eq!(read(&mut client, 2).await.data(), ["1", "2"]);
    until(&node, |stats| stats.reconnects > 0).await;
}

#[tokio::test]
async fn a_slow_redis_delays_and_loses_nothing() {
    let server = RedisServer::start();
    let relay = start_with(server.address(), SHORT);
    let mut client = subscribe(&relay).await;
    publish(&relay, 0..1).await;
    assert_eq!(read(&mut client, 1).await.data(), ["0"]);
    server.signal("STOP");
    let error = relay.publish("a", Event::new("1")).await.unwrap_err();
    assert!(matches!(error, PublishError::Unacknowledged(_)), "{error}");
    until(&relay, |stats| !stats.connected && stats.lag > Duration::ZERO).await;
    let mut client = client.keep_alive(Duration::from_millis(50));
    let told: Vec<_> = client.by_ref().take(3).map(|piece| piece.unwrap()).collect().await;
    assert_eq!(told, [":\n"; 3]);
    server.signal("CONT");
    let mut client = client.into_inner();
    // What was not acknowledged had arrived all the same.
    assert_eq!(read(&mut client, 1).await.data(), ["1"]);
    publish(&relay, 2..4).await;
    assert_eq!(read(&mut client, 2).await.data(), ["2", "3"]);
    until(&relay, |stats| stats.connected && stats.lag == Duration::ZERO).await;
    assert_eq!(relay.stats().resets, 0);
}

#[tokio::test]
async fn a_node_that_starts_while_redis_is_away_serves_as_soon_as_it_is_there() {
    let mut server = RedisServer::start_durable();
    publish(&start(server.address()), 0..3).await;
    server.kill();
    let relay = start(server.address());
    let error = relay.publish("a", Event::new("x")).await.unwrap_err();
    assert!(matches!(error, PublishError::NotPublished(_)), "{error}");
    let waiting = relay.clone();
    let waiting = tokio::spawn(async move { waiting.subscribe(["a"]).await });
    server.restart();
    let mut client = waiting.await.unwrap().unwrap();
    first(&mut client).await;
    publish(&relay, 3..4).await;
    assert_eq!(read(&mut client, 1).await.data(), ["3"]);
}

#[tokio::test]
async fn a_log_that_was_deleted_is_told_of() {
    let server = RedisServer::start();
    let nodes = [start(server.address()), start(server.address())];
    let mut client = subscribe(&nodes[0]).await;
    publish(&nodes[0], 0..5).await;
    let seen = read(&mut client, 5).await;
    server.command::<()>(&["FLUSHALL"]);
    assert!(read_to_end(&mut client).await.blocks.is_empty());
    publish(&nodes[1], 5..7).await;
    for node in &nodes {
        until(node, |stats| stats.resets == 1).await;
        let mut client = node.subscribe(Subscribe::to(["a"]).after(seen.last_event_id())).await.unwrap();
        assert_eq!(client.gap().unwrap().reason(), GapReason::Evicted);
        let seen = read(&mut client, 2).await;
        assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec!["5", "6"]));
    }
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_told_of() {
    let mut server = RedisServer::start();
    let relay = start(server.address());
    let mut client = subscribe(&relay).await;
    publish(&relay, 0..5).await;
    let seen = read(&mut client, 5).await;
    server.restart();
    assert!(read_to_end(&mut client).await.blocks.is_empty());
    until(&relay, |stats| stats.resets == 1).await;
    publish(&relay, 5..6).await;
    let mut client = relay.subscribe(Subscribe::to(["a"]).after(seen.last_event_id())).await.unwrap();
    let seen = read(&mut client, 1).await;
    assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec!["5"]));
}

#[tokio::test]
async fn a_redis_that_comes_back_with_an_older_state_is_told_of() {
    let mut server = RedisServer::start_durable();
    let nodes = [start(server.address()), start(server.address())];
    let mut client = subscribe(&nodes[0]).await;
    publish(&nodes[0], 0..5).await;
    let before = read(&mut client, 5).await;
    let copy = server.copy();
    publish(&nodes[0], 5..10).await;
    let after = read(&mut client, 5).await;
    server.restart_with(Some(&copy));
    assert!(read_to_end(&mut client).await.blocks.is_empty());
    for node in &nodes {
        until(node, |stats| stats.resets == 1).await;
    }
    publish(&nodes[1], 10..12).await;
    for node in &nodes {
        // Who has seen what is lost is told, and gets nothing of before again.
        let mut lost = node.subscribe(Subscribe::to(["a"]).after(after.last_event_id())).await.unwrap();
        assert_eq!(lost.gap().unwrap().reason(), GapReason::Unknown);
        let block = first(&mut lost).await;
        assert_eq!(block.event.as_deref(), Some("reset"));
        // Who has not has missed nothing that is left.
        let mut kept = node.subscribe(Subscribe::to(["a"]).after(before.last_event_id())).await.unwrap();
        let seen = read(&mut kept, 2).await;
        assert_eq!((seen.gaps(), seen.data()), (vec![], vec!["10", "11"]));
    }
}

#[tokio::test]
async fn a_node_that_the_log_was_trimmed_past_tells_its_clients() {
    let server = RedisServer::start();
    let node = start(server.address());
    let mut client = subscribe(&node).await;
    publish(&node, 0..5).await;
    let seen = read(&mut client, 5).await;
    // At once, so that no node can be fast enough.
    server.transaction(&[
        &["XADD", "log", "*", "topic", "a", "data", "5"],
        &["XADD", "log", "*", "topic", "a", "data", "6"],
        &["XADD", "log", "*", "topic", "a", "data", "7"],
        &["XTRIM", "log", "MAXLEN", "=", "2"],
    ]);
    assert!(read_to_end(&mut client).await.blocks.is_empty());
    until(&node, |stats| stats.resets == 1).await;
    let mut client = node.subscribe(Subscribe::to(["a"]).after(seen.last_event_id())).await.unwrap();
    let seen = read(&mut client, 2).await;
    assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec!["6", "7"]));
}

#[tokio::test]
async fn a_log_that_a_publisher_began_before_any_node_read_it_has_no_gap_at_its_oldest_event() {
    let server = RedisServer::start();
    let log = RedisLog::open(&url(server.address()), "log").unwrap();
    let (publisher, _tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    publish(&publisher, 0..3).await;
    let node = start(server.address());
    let mut client = node.subscribe(Subscribe::to(["a"]).start(Start::Oldest)).await.unwrap();
    assert_eq!(client.gap().map(|gap| gap.reason()), None);
    let seen = read(&mut client, 3).await;
    assert_eq!((seen.gaps(), seen.data()), (vec![], vec!["0", "1", "2"]));
}

#[tokio::test]
async fn the_order_is_that_of_redis_whatever_its_clock_says() {
    let server = RedisServer::start();
    let nodes = [start(server.address()), start(server.address())];
    let mut client = subscribe(&nodes[0]).await;
    publish(&nodes[0], 0..2).await;
    // A clock that was far ahead, and then put right.
    server.command::<()>(&["XADD", "log", "99999999999999-0", "topic", "a", "data", "2"]);
    publish(&nodes[1], 3..5).await;
    let seen = read(&mut client, 5).await;
    assert_eq!((seen.data(), seen.gaps()), (texts(0..5).iter().map(|text| &**text).collect(), vec![]));
    let third = seen.blocks[2].id.as_deref().and_then(hub_client::last_event_id);
    let mut client = nodes[1].subscribe(Subscribe::to(["a"]).after(third)).await.unwrap();
    assert_eq!(read(&mut client, 2).await.data(), ["3", "4"]);
}

#[tokio::test]
async fn the_number_of_connections_does_not_depend_on_the_number_of_subscribers() {
    let server = RedisServer::start();
    let relay = start(server.address());
    let first = relay.publish("a", Event::new("0")).await.unwrap();
    publish(&relay, 1..200).await;
    let mut clients = Vec::new();
    for number in 0..5_000 {
        // One in ten comes back for what only the log holds.
        let last = (number % 10 == 0).then(|| first.clone().into());
        clients.push(relay.subscribe(Subscribe::to(["a"]).after(last)).await.unwrap());
    }
    let connections: String = server.command(&["CLIENT", "LIST"]);
    let others = connections.lines().filter(|line| !line.contains("cmd=client|list")).count();
    assert!((2..=3).contains(&others), "{connections}");
    publish(&relay, 200..201).await;
    let last = join_all(clients.iter_mut().enumerate().map(async |(number, client)| {
        let events = if number % 10 == 0 { 200 } else { 1 };
        read(client, events).await.data().last().map(|data| (*data).to_owned())
    }))
    .await;
    assert!(last.iter().all(|data| data.as_deref() == Some("200")));
    let connections: String = server.command(&["CLIENT", "LIST"]);
    assert!(connections.lines().count() <= 4, "{connections}");
}

#[tokio::test]
async fn a_failover_that_leaves_old_connections_up_is_told_of_and_overcome() {
    let (old, new) = (RedisServer::start(), RedisServer::start());
    new.replicate(&old);
    let proxy = Proxy::start(old.address()).await;
    let log = RedisLog::open(&url(proxy.address()), "log").unwrap();
    let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    let faults = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&faults);
    tokio::spawn(tail.on_fault(move |fault| heard.lock().unwrap().push(fault.to_string())).run());
    let mut client = subscribe(&relay).await;
    publish(&relay, 0..3).await;
    assert_eq!(read(&mut client, 3).await.data(), texts(0..3));
    while new.command::<usize>(&["XLEN", "log"]) < old.command(&["XLEN", "log"]) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    new.command::<()>(&["REPLICAOF", "NO", "ONE"]);
    old.replicate(&new);
    // New connections still lead to the old one.
    let error = relay.publish("a", Event::new("refused")).await.unwrap_err();
    assert!(
        matches!(&error, PublishError::NotPublished(error) if error.to_string().contains("READONLY")),
        "{error:?}"
    );
    until(&relay, |stats| stats.failed_publishes == 1 && stats.reconnects > 0).await;
    assert!(faults.lock().unwrap().iter().any(|fault| fault.contains("READONLY")), "{faults:?}");

    proxy.redirect(new.address());
    let published = async {
        while let Err(error) = relay.publish("a", Event::new("3")).await {
            assert!(matches!(error, PublishError::NotPublished(_)), "{error:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), published).await.expect("within ten seconds");
    publish(&relay, 4..6).await;
    assert_eq!(read(&mut client, 3).await.data(), texts(3..6));
    until(&relay, |stats| stats.connected).await;
}

#[tokio::test]
async fn connections_that_were_closed_while_idle_fail_no_publish_and_no_resume() {
    let server = RedisServer::start_with_timeout("1");
    let (node, other) = (start(server.address()), start(server.address()));
    let mut client = subscribe(&node).await;
    for round in 0..3 {
        publish(&node, round..round + 1).await;
        let seen = read(&mut client, 1).await;
        assert_eq!(seen.data(), [round.to_string()]);
        // One that the other node must ask the log for.
        let unknown = hub_client::last_event_id(&format!("1700000000000-{round}"));
        drop(other.subscribe(Subscribe::to(["a"]).after(unknown)).await.unwrap());
        // Until those are left that follow.
        while server.clients() > 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert_eq!((node.stats().failed_publishes, node.stats().reconnects, other.stats().reconnects), (0, 0, 0));
}

#[tokio::test]
async fn an_id_that_must_be_looked_up_is_not_guessed_while_redis_is_away() {
    let mut server = RedisServer::start();
    let relay = start(server.address());
    let mut client = subscribe(&relay).await;
    publish(&relay, 0..3).await;
    assert_eq!(read(&mut client, 3).await.data(), texts(0..3));
    server.kill();
    let unknown = hub_client::last_event_id("1700000000000-0");
    let refusal = relay.subscribe(Subscribe::to(["a"]).after(unknown)).await.unwrap_err();
    assert_eq!(refusal.reason(), RefusalReason::Unavailable);
    // New clients and those that are here are served.
    drop(subscribe(&relay).await);
    assert!(relay_client::is_pending(&mut client));
}

const SHORT: Duration = Duration::from_millis(300);
