//! A hub that keeps its history in a folder, as a process that is stopped, killed, and short of room.
#![cfg(all(feature = "disk", feature = "http-body"))]

use crate::support::{hub_process, random};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::support::blocks::{Block, blocks};
use crate::support::hub_process::{HubProcess, try_publish};
use crate::support::temporary_folder::TemporaryFolder;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

const PUBLISHERS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(60);

/// Connects, as often as it takes until a hub is there.
async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let connecting = async {
        loop {
            if let Ok(socket) = TcpStream::connect(address).await {
                let (requests, connection) = handshake(TokioIo::new(socket)).await.unwrap();
                tokio::spawn(connection);
                return requests;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, connecting).await.expect("no hub comes")
}

/// A client that comes back with its last event ID whenever its stream ends.
struct Client {
    address: SocketAddr,
    last_event_id: Option<String>,
    body: Option<Incoming>,
    pending: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        Self { address, last_event_id: None, body: None, pending: Vec::new() }
    }

    async fn subscribe(&mut self) -> Option<Incoming> {
        let mut requests = connect(self.address).await;
        let mut request = Request::get("/events?topic=a");
        if let Some(id) = &self.last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = requests.send_request(request.body(Full::default()).unwrap()).await.ok()?;
        assert_eq!(response.status(), StatusCode::OK);
        Some(response.into_body())
    }

    /// Returns the next whole block, whatever becomes of the connection.
    async fn next(&mut self) -> Block {
        loop {
            if let Some(end) = self.pending.windows(2).position(|bytes| bytes == b"\n\n") {
                let block: Vec<u8> = self.pending.drain(..end + 2).collect();
                let comments =
                    block.split_inclusive(|byte| *byte == b'\n').take_while(|line| line.starts_with(b":"));
                let comments: usize = comments.map(<[u8]>::len).sum();
                let Some(block) = blocks(&block[comments..]).pop() else { continue };
                self.last_event_id = block.id.clone().or(self.last_event_id.take());
                return block;
            }
            let Some(body) = &mut self.body else {
                self.body = self.subscribe().await;
                continue;
            };
            match body.frame().await {
                Some(Ok(frame)) => self.pending.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
                _ => {
                    self.body = None;
                    self.pending.clear();
                }
            }
        }
    }

    /// Reads events up to one with this data. Nothing may be lost, or be told as lost.
    async fn read_to(&mut self, last: &str) -> Vec<(String, String)> {
        let mut events = Vec::new();
        loop {
            let block = self.next().await;
            assert_ne!(block.event.as_deref(), Some("reset"), "a gap was told: {block:?}");
            if let (Some(id), None, Some(data)) = (block.id, block.event, block.data) {
                if data == last {
                    return events;
                }
                events.push((id, data));
            }
        }
    }
}

/// Publishes one event after the other until it is over. Returns the IDs and data of those that were acknowledged.
async fn publish(address: SocketAddr, name: usize, is_over: Arc<AtomicBool>) -> Vec<(String, String)> {
    let (mut acknowledged, mut requests) = (Vec::new(), connect(address).await);
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let data = format!("{name} {number}");
        match try_publish(&mut requests, "/events?topic=a", &data).await {
            Some(id) => acknowledged.push((id, data)),
            // It may have been published, and is not published again.
            None => requests = connect(address).await,
        }
    }
    acknowledged
}

fn number(id: &str) -> u64 {
    id.split_once('-').unwrap().0.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_event_comes_once_and_in_order_however_often_the_hub_is_killed() {
    let rounds = std::env::var("SSEKIT_KILL_ROUNDS").map_or(5, |rounds| rounds.parse().unwrap());
    let folder = TemporaryFolder::new();
    let options = ["--data", folder.path().to_str().unwrap()];
    let mut hub = HubProcess::start(&options).await;
    let address = hub.address();
    let mut client = Client::new(address);
    client.next().await;
    let reading = tokio::spawn(async move { client.read_to("the end").await });
    let is_over = Arc::new(AtomicBool::new(false));
    let mut publishers = JoinSet::new();
    for name in 0..PUBLISHERS {
        publishers.spawn(publish(address, name, Arc::clone(&is_over)));
    }
    let mut random = random::Random::new(rounds);
    for _ in 0..rounds {
        tokio::time::sleep(Duration::from_micros(random.within(0..200_000) as u64)).await;
        hub.kill().await;
        hub = HubProcess::start_at(address, &options).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let acknowledged: Vec<_> = publishers.join_all().await.into_iter().flatten().collect();
    hub.publish("/events?topic=a", "the end").await;

    // Before, the hub may have been killed each time before it had read its history.
    let received = timeout(PATIENCE, reading).await.expect("an event is missing").unwrap();
    assert!(received.is_sorted_by(|before, after| number(&before.0) < number(&after.0)));
    let by_data: HashMap<&str, &str> =
        received.iter().map(|(id, data)| (data.as_str(), id.as_str())).collect();
    assert_eq!(by_data.len(), received.len(), "an event came twice");
    for (id, data) in &acknowledged {
        assert_eq!(by_data.get(data.as_str()), Some(&id.as_str()), "{data}");
    }
    // Publishers wait for one event before the next.
    let mut last = HashMap::new();
    for (_, data) in &received {
        let (name, number) = data.split_once(' ').unwrap();
        let number: i64 = number.parse().unwrap();
        assert!(last.insert(name, number).is_none_or(|before| before < number), "{data}");
    }
    println!("{} acknowledged, {} received, {rounds} kills", acknowledged.len(), received.len());
    hub.stop().await;
}

#[tokio::test]
async fn an_orderly_restart_resets_nobody_and_forgets_no_finish() {
    let folder = TemporaryFolder::new();
    let options = ["--data", folder.path().to_str().unwrap()];
    let hub = HubProcess::start(&options).await;
    let address = hub.address();
    let mut client = Client::new(address);
    client.next().await;
    hub.publish("/events?topic=a", "before").await;
    hub.publish("/events?topic=done", "last").await;
    hub.finish("/events?topic=done").await;
    hub.stop().await;
    let hub = HubProcess::start_at(address, &options).await;
    hub.publish("/events?topic=a", "after").await;
    let events = timeout(PATIENCE, client.read_to("after")).await.expect("an event is missing");
    assert_eq!(events.iter().map(|(_, data)| data.as_str()).collect::<Vec<_>>(), ["before"]);
    assert_eq!(hub.post("/events?topic=done", "more").await.status(), StatusCode::CONFLICT);
    hub.stop().await;
}

#[tokio::test]
async fn without_room_publishing_is_refused_with_a_reason_until_there_is_room() {
    let folder = TemporaryFolder::new();
    let hub = HubProcess::start_within(64, &["--data", folder.path().to_str().unwrap()]).await;
    let mut client = Client::new(hub.address());
    client.next().await;
    let mut published = Vec::new();
    let refused = loop {
        let data = format!("{} {}", published.len(), "x".repeat(1_000));
        let response = hub.post("/events?topic=a", data.clone()).await;
        if response.status() != StatusCode::CREATED {
            break response;
        }
        published.push(data);
    };
    assert!((50..=64).contains(&published.len()), "{}", published.len());
    let reason = String::from_utf8_lossy(refused.body());
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{reason}");
    assert!(reason.contains("no room on the disk"), "{reason}");
    let id = hub.id().to_string();
    let raised = std::process::Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited"]).status();
    assert!(raised.unwrap().success());
    hub.publish("/events?topic=a", "the end").await;
    let events = timeout(PATIENCE, client.read_to("the end")).await.expect("an event is missing");
    assert!(events.iter().map(|(_, data)| data).eq(&published), "what was refused came all the same");
}

#[tokio::test]
async fn a_second_hub_on_the_folder_does_not_start_and_says_why() {
    let folder = TemporaryFolder::new();
    let path = folder.path().to_str().unwrap();
    let hub = HubProcess::start(&["--data", path]).await;
    let (status, reason) = hub_process::fails_to_start(&["--data", path]).await;
    assert!(!status.success());
    assert!(reason.contains(&format!("is in use by process {}", hub.id())), "{reason}");
}
