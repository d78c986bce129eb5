//! What clients that only cost something cost a hub on Redis: those that never read, and those with IDs that nobody
//! was given.
#![cfg(all(feature = "http-body", feature = "json", feature = "redis"))]

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::support::hub_process::{HubProcess, Requests, Stats};
use crate::support::redis_server::RedisServer;
use crate::support::subscriber::Subscriber;
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

/// Which IDs those come with who were never given one.
#[derive(Clone, Copy, Debug)]
enum Bogus {
    /// None come.
    None,
    /// Newer than all that the log has had, so that they are unknown.
    Newer,
    /// Older than all that the log holds, so that they seem evicted, and get what the log holds.
    Older,
}

/// Comes with a hundred IDs a second that nobody was given, until it is stopped. Each client stays for two seconds.
///
/// Returns how many have come, and those that are still there.
async fn attack(node: Arc<HubProcess>, bogus: Bogus, stopped: Arc<AtomicBool>) -> (u64, VecDeque<TcpStream>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let mut sockets = VecDeque::new();
    let mut number = 0;
    while !stopped.load(Ordering::Relaxed) {
        ticks.tick().await;
        let time = match bogus {
            Bogus::None => break,
            Bogus::Newer => 9_000_000_000_000 + number,
            Bogus::Older => 1 + number,
        };
        sockets.push_back(ask(&node, &format!("{time}-7")).await);
        number += 1;
        if sockets.len() > 200 {
            sockets.pop_front();
        }
    }
    (number, sockets)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures"]
async fn clients_are_served_while_a_hundred_come_each_second_with_ids_that_nobody_was_given() {
    const ROUNDS: usize = 50;
    let server = RedisServer::start();
    let (node, ids) = start(&server, 30).await;
    let node = Arc::new(node);
    for bogus in [Bogus::None, Bogus::Newer, Bogus::Older] {
        let gaps = node.stats().await.gaps;
        let stopped = Arc::new(AtomicBool::new(false));
        let attackers = tokio::spawn(attack(Arc::clone(&node), bogus, Arc::clone(&stopped)));
        // The hub serves one of them, and the other must be looked up and served from the log.
        let mut times = [("hub", 28, Vec::new()), ("log", 10, Vec::new())];
        for _ in 0..ROUNDS {
            for (_, from, times) in &mut times {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let began = Instant::now();
                let mut client = Subscriber::resume(node.address(), "/events?topic=a", &ids[*from]).await;
                // It comes with the ID that it went with, so it has missed nothing that is gone.
                assert_eq!(client.position().await, ids[*from]);
                let event = client.event().await.unwrap();
                assert_eq!((event.last_event_id(), event.data().len()), (&*ids[*from + 1], MEGABYTE));
                times.push(began.elapsed());
            }
        }
        stopped.store(true, Ordering::Relaxed);
        let (came, sockets) = attackers.await.unwrap();
        // All have been let in, and none has got what it asked for.
        let told = |stats: &Stats| stats.gaps == gaps + came;
        node.stats_when(Duration::from_secs(60), told).await;
        drop(sockets);
        for (from, _, times) in &mut times {
            times.sort();
            let quartiles = [0, 1, 2, 3, 4].map(|quarter| times[(ROUNDS - 1) * quarter / 4]);
            println!("{bogus:?} ({came} came), first event from the {from}, quartiles: {quartiles:.1?}");
        }
        assert!(came >= 100 || matches!(bogus, Bogus::None), "{came}");
    }
}
