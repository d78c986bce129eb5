//! What clients that only cost something cost a hub on Redis: those that never read, and those with IDs that nobody
//! was given.
#![cfg(all(feature = "http-body", feature = "json", feature = "redis"))]

#[path = "support/hub_process.rs"]
mod hub_process;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/subscriber.rs"]
mod subscriber;

use std::time::{Duration, Instant};

use hub_process::{HubProcess, Requests};
use redis_server::RedisServer;
use subscriber::Subscriber;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};

const MEGABYTE: usize = 1_000_000;

/// Starts a hub that holds hardly anything itself, and publishes large events. Returns their IDs.
async fn start(server: &RedisServer, events: usize) -> (HubProcess, Vec<String>) {
    let node = HubProcess::start(&["--redis", &server.url(), "--replay-events", "2"]).await;
    let mut requests = Requests::connect(node.address()).await;
    let mut ids = Vec::new();
    for _ in 0..events {
        ids.push(requests.publish("/events?topic=a", "x".repeat(MEGABYTE)).await);
    }
    node.stats_when(Duration::from_secs(60), |stats| stats.published == events as u64).await;
    (node, ids)
}

/// Asks for events after an ID, and reads nothing of the answer.
async fn ask(node: &HubProcess, last_event_id: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut socket = socket.connect(node.address()).await.unwrap();
    let request =
        format!("GET /events?topic=a HTTP/1.1\r\nhost: hub\r\nlast-event-id: {last_event_id}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

/// Waits until the memory of a process has stayed where it is for so many looks, and returns the most that it was.
async fn settled(node: &HubProcess) -> usize {
    let (mut most, mut since) = (0, 0);
    while since < 20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (now, _) = node.memory();
        since = if now > most { 0 } else { since + 1 };
        most = most.max(now);
    }
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_read_hold_one_entry_each() {
    const CLIENTS: usize = 150;
    let server = RedisServer::start();
    let (node, ids) = start(&server, 20).await;
    // What serving one of them takes once is not counted.
    let mut one = Subscriber::resume(node.address(), "/events?topic=a", &ids[0]).await;
    one.position().await;
    assert_eq!(one.event().await.unwrap().data().len(), MEGABYTE);
    drop(one);
    let before = settled(&node).await;
    let mut sockets = Vec::new();
    for _ in 0..CLIENTS {
        sockets.push(ask(&node, &ids[0]).await);
    }
    // All have been let in, and nothing more comes.
    let most = settled(&node).await;
    let grown = most.saturating_sub(before);
    println!("{CLIENTS} clients: {:.0} MB more than before", grown as f64 / 1e6);
    assert!(grown <= 200 * MEGABYTE, "{grown}");
    assert!(grown >= CLIENTS / 2 * MEGABYTE, "they were not served: {grown}");
    // They hold up nobody.
    let mut other = Subscriber::resume(node.address(), "/events?topic=a", &ids[0]).await;
    other.position().await;
    for _ in 1..20 {
        assert_eq!(other.event().await.unwrap().data().len(), MEGABYTE);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures"]
async fn how_long_a_client_waits_while_a_hundred_come_each_second_with_ids_that_nobody_was_given() {
    let server = RedisServer::start();
    let (node, ids) = start(&server, 30).await;
    let node = std::sync::Arc::new(node);
    let attackers = tokio::spawn({
        let node = node.clone();
        async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(10));
            let mut sockets = std::collections::VecDeque::new();
            for number in 0_u64.. {
                ticks.tick().await;
                let id = if number % 2 == 0 {
                    format!("{}-7", 9_000_000_000_000 + number)
                } else {
                    format!("{}-7", 1 + number)
                };
                sockets.push_back(ask(&node, &id).await);
                // Each stays for two seconds.
                if sockets.len() > 200 {
                    sockets.pop_front();
                }
            }
        }
    });
    let mut times: [Vec<Duration>; 2] = Default::default();
    for round in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        // One that the hub serves, and one that must be looked up and served from the log.
        let (from, kind) = if round % 2 == 0 { (28, 0) } else { (10, 1) };
        let began = Instant::now();
        let mut client = Subscriber::resume(node.address(), "/events?topic=a", &ids[from]).await;
        client.position().await;
        client.event().await.unwrap();
        times[kind].push(began.elapsed());
    }
    attackers.abort();
    for (kind, times) in ["from the hub", "from the log"].iter().zip(&mut times) {
        times.sort();
        println!(
            "first event {kind}: median {:?}, worst {:?}",
            times[times.len() / 2],
            times.last().unwrap()
        );
    }
}
