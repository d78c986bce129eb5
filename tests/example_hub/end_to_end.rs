//! Clients of a real hub that are cut again and again get every event once, in order, or are told.
#![cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]

use std::net::SocketAddr;

use crate::support::hub_process::HubProcess;
use crate::support::publisher::Publisher;
use crate::support::random::Random;
use crate::support::subscriber::{PATIENCE, Subscriber, small_socket};
use futures_util::future::join_all;
use ssekit::ReceivedEvent;
use tokio::{join, net::TcpStream, sync::watch, time::timeout};

const CLIENTS: usize = 50;
const EVENTS: usize = 20_000;
const LEAST_CUTS: usize = 20;
/// A connection is cut within so many bytes, which is some 700 events.
const CUT_WITHIN: usize = 30_000;
/// The ring that is too small for a client that stalls.
const RING: usize = 1_000;
/// How far the slowest of the others may be behind it.
const WINDOW: usize = 500;

#[tokio::test]
async fn every_client_gets_every_event_once_however_often_it_is_cut() {
    let hub = HubProcess::start(&["--replay-events", "20000"]).await;
    let (_address, addresses) = watch::channel(hub.address());
    let mut clients: Vec<_> = (0..CLIENTS).map(|number| Client::new(number, addresses.clone())).collect();

    let read = join_all(clients.iter_mut().map(|client| client.read(EVENTS)));
    let (published, _) = join!(publish(hub.address(), EVENTS, &[]), read);

    for client in &clients {
        assert_eq!(client.resets, [], "client {}", client.number);
        client.assert_got(&published);
        assert!(client.cuts >= LEAST_CUTS, "client {} was cut only {} times", client.number, client.cuts);
    }
    let stats = hub.stats().await;
    assert_eq!((stats.published, stats.gaps, stats.lagged), (EVENTS as u64, 0, 0), "{stats:?}");
    hub.stop().await;
}

#[tokio::test]
async fn a_restart_in_between_is_told_to_every_client_once() {
    const BEFORE: usize = EVENTS / 4;
    let first = HubProcess::start(&["--replay-events", "20000"]).await;
    let (address, addresses) = watch::channel(first.address());
    let mut clients: Vec<_> = (0..CLIENTS).map(|number| Client::new(number, addresses.clone())).collect();

    let read = join_all(clients.iter_mut().map(|client| client.read(BEFORE)));
    let (mut published, _) = join!(publish(first.address(), BEFORE, &[]), read);

    let read = join_all(clients.iter_mut().map(|client| client.read(EVENTS)));
    let restart = async {
        first.stop().await;
        let second = HubProcess::start(&["--replay-events", "20000"]).await;
        // It is further than the first one was before the clients come, so their IDs are not just ahead of it.
        let mut published = publish(second.address(), EVENTS / 2, &[]).await;
        address.send_replace(second.address());
        published.extend(publish(second.address(), EVENTS / 2 - BEFORE, &[]).await);
        (published, second)
    };
    let ((more, second), _) = join!(restart, read);
    published.extend(more);

    for client in &clients {
        assert_eq!(client.resets, [Reset { reason: "unknown".into(), after: BEFORE }]);
        client.assert_got(&published);
        assert!(client.cuts >= LEAST_CUTS, "client {} was cut only {} times", client.number, client.cuts);
    }
    second.stop().await;
}

#[tokio::test]
async fn only_the_client_that_stalls_for_longer_than_the_ring_is_told() {
    let hub = HubProcess::start(&["--replay-events", &RING.to_string()]).await;
    let (_address, addresses) = watch::channel(hub.address());
    let mut clients: Vec<_> = (0..CLIENTS - 1).map(|number| Client::new(number, addresses.clone())).collect();
    let progress: Vec<_> = clients.iter().map(|client| client.progress.subscribe()).collect();
    let mut stalled = Client::new(CLIENTS, addresses);
    let mut stream = stalled.subscribe(small_socket(hub.address()).await).await.unwrap();

    let read = join_all(clients.iter_mut().map(|client| client.read(EVENTS)));
    let (published, _) = join!(publish(hub.address(), EVENTS, &progress), read);

    stalled.read_stream(&mut stream, EVENTS).await;
    let before = stalled.received.len();
    assert_eq!(stalled.resets, []);
    stalled.read(before + RING).await;

    for client in &clients {
        assert_eq!(client.resets, [], "client {}", client.number);
        client.assert_got(&published);
        assert!(client.cuts >= LEAST_CUTS, "client {} was cut only {} times", client.number, client.cuts);
    }
    assert_eq!(stalled.resets, [Reset { reason: "evicted".into(), after: before }]);
    let held = published[..before].iter().chain(&published[EVENTS - RING..]);
    stalled.assert_got(&held.cloned().collect::<Vec<_>>());
    let stats = hub.stats().await;
    assert_eq!((stats.published, stats.gaps), (EVENTS as u64, 1), "{stats:?}");
    hub.stop().await;
}

/// A client that is cut after random numbers of bytes, and comes back with its last event ID.
struct Client {
    number: usize,
    addresses: watch::Receiver<SocketAddr>,
    random: Random,
    last_event_id: String,
    received: Vec<ReceivedEvent>,
    progress: watch::Sender<usize>,
    resets: Vec<Reset>,
    cuts: usize,
}

/// A gap that a client was told, after so many events.
#[derive(Debug, PartialEq)]
struct Reset {
    reason: String,
    after: usize,
}

impl Client {
    fn new(number: usize, addresses: watch::Receiver<SocketAddr>) -> Self {
        Self {
            number,
            addresses,
            random: Random::new(number as u64),
            last_event_id: String::new(),
            received: Vec::new(),
            progress: watch::Sender::default(),
            resets: Vec::new(),
            cuts: 0,
        }
    }

    /// Reads until it has so many events, over as many connections as that takes.
    async fn read(&mut self, total: usize) {
        while self.received.len() < total {
            let address = *self.addresses.borrow_and_update();
            let Ok(socket) = TcpStream::connect(address).await else {
                timeout(PATIENCE, self.addresses.changed()).await.expect("the hub is gone").unwrap();
                continue;
            };
            if self.random.within(0..2) == 0 {
                socket.set_zero_linger().unwrap();
            }
            let Ok(mut stream) = self.subscribe(socket).await else { continue };
            stream.cut_after(self.random.within(0..CUT_WITHIN));
            self.read_stream(&mut stream, total).await;
            self.cuts += usize::from(stream.is_cut());
        }
    }

    async fn subscribe(&self, socket: TcpStream) -> hyper::Result<Subscriber> {
        Subscriber::open(socket, "/events?from=oldest", self.last_event_id.as_bytes()).await
    }

    /// Reads until a stream ends, or it has so many events.
    async fn read_stream(&mut self, stream: &mut Subscriber, total: usize) {
        let mut is_first = true;
        while self.received.len() < total {
            let Some(event) = stream.event().await else { break };
            let is_first = std::mem::replace(&mut is_first, false);
            match event.event_type() {
                "message" if !is_first => {
                    self.received.push(event);
                    self.progress.send_replace(self.received.len());
                }
                "position" if is_first => {
                    let is_new = self.last_event_id.is_empty();
                    assert!(is_new || event.last_event_id() == self.last_event_id, "{event:?}");
                }
                // The last block of a hub that stops repeats the position.
                "position" => {
                    let last = self.received.last().map_or("", ReceivedEvent::last_event_id);
                    assert_eq!(event.last_event_id(), last);
                }
                "reset" if is_first => {
                    let data: serde_json::Value = event.json().unwrap();
                    let reason = data["reason"].as_str().unwrap().to_owned();
                    self.resets.push(Reset { reason, after: self.received.len() });
                }
                _ => panic!("not to be expected here: {event:?}"),
            }
        }
        self.last_event_id = stream.last_event_id().to_owned();
    }

    #[track_caller]
    fn assert_got(&self, published: &[(String, String)]) {
        for (received, (id, data)) in self.received.iter().zip(published) {
            assert_eq!(
                (received.last_event_id(), received.data()),
                (&**id, &**data),
                "client {}",
                self.number
            );
        }
        assert_eq!(self.received.len(), published.len(), "client {}", self.number);
    }
}

/// Publishes events over several connections at once, and returns their IDs and data in order.
///
/// It waits for clients that would fall too far behind.
async fn publish(
    address: SocketAddr,
    count: usize,
    progress: &[watch::Receiver<usize>],
) -> Vec<(String, String)> {
    const PUBLISHERS: usize = 4;
    const ROUND: usize = 25;
    let mut publishers = join_all((0..PUBLISHERS).map(|_| Publisher::connect(address))).await;
    let mut published = Vec::new();
    while published.len() < count {
        let first = published.len();
        for progress in progress {
            progress.clone().wait_for(|received| first <= received + WINDOW).await.unwrap();
        }
        let round = publishers.iter_mut().enumerate().map(|(lane, publisher)| async move {
            let first = first + lane * ROUND;
            let events: Vec<_> = (first..first + ROUND).map(|data| ("/events", data.to_string())).collect();
            let ids = publisher.publish(&events).await;
            ids.into_iter().zip(events.into_iter().map(|(_, data)| data)).collect::<Vec<_>>()
        });
        published.extend(join_all(round).await.into_iter().flatten());
    }
    published.sort_by_key(|(id, _)| number_in(id));
    assert!(published.windows(2).all(|pair| number_in(&pair[0].0) + 1 == number_in(&pair[1].0)));
    published
}

/// Reads the number that an ID of the hub's ends in.
fn number_in(id: &str) -> u64 {
    id.rsplit_once('-').unwrap().1.parse().unwrap()
}
