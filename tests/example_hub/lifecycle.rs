//! How streams end over real sockets: clients that vanish are forgotten, and a hub that is told to end lets go of all.
#![cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use crate::support::hub_process::{HubProcess, Requests};
use crate::support::subscriber::{Block, PATIENCE, Subscriber, small_socket};
use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{io::AsyncWriteExt, net::TcpStream};

#[tokio::test]
async fn the_count_of_subscribers_is_exact_after_abrupt_disconnects() {
    const HEARTBEAT: Duration = Duration::from_secs(10);
    let hub = HubProcess::start(&["--heartbeat", "10"]).await;
    let open = async |reset: bool| {
        let socket = TcpStream::connect(hub.address()).await.unwrap();
        if reset {
            socket.set_zero_linger().unwrap();
        }
        let mut stream = Subscriber::open(socket, "/events", b"").await.unwrap();
        stream.position().await;
        stream
    };
    let mut reset = join_all((0..100).map(|_| open(true))).await;
    let mut closed = join_all((0..100).map(|_| open(false))).await;
    assert_eq!(hub.stats().await.subscribers, 200);

    // Each is freed within a heartbeat, though no event comes meanwhile.
    reset.truncate(60);
    hub.stats_when(HEARTBEAT, |stats| stats.subscribers == 160).await;
    closed.truncate(30);
    hub.stats_when(HEARTBEAT, |stats| stats.subscribers == 90).await;
    // The others are alive, and only they.
    hub.publish("/events", "x").await;
    for stream in reset.iter_mut().chain(&mut closed) {
        assert_eq!(stream.event().await.unwrap().data(), "x");
    }
    assert_eq!(hub.stats().await.delivered, 90);
    drop((reset, closed));
    hub.stats_when(HEARTBEAT, |stats| stats.subscribers == 0).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_client_that_only_stops_sending_has_gone() {
    let hub = HubProcess::start(&[]).await;
    let mut socket = TcpStream::connect(hub.address()).await.unwrap();
    socket.write_all(b"GET /events HTTP/1.1\r\nhost: hub\r\n\r\n").await.unwrap();
    hub.stats_when(PATIENCE, |stats| stats.subscribers == 1).await;
    socket.shutdown().await.unwrap();
    hub.stats_when(PATIENCE, |stats| stats.subscribers == 0).await;
    hub.stop().await;
}

#[tokio::test]
async fn sigterm_sends_a_thousand_streams_away_one_by_one_in_5_seconds() {
    const STREAMS: usize = 1_000;
    raise_open_files();
    let hub = HubProcess::start(&[]).await;
    let mut streams = Vec::with_capacity(STREAMS);
    while streams.len() < STREAMS {
        streams.extend(join_all((0..100).map(|_| Subscriber::new(hub.address(), "/events"))).await);
    }
    for stream in &mut streams {
        stream.position().await;
    }
    assert_eq!(hub.stats().await.subscribers, STREAMS as u64);

    let asked = Instant::now();
    hub.terminate();
    let (status, times) = tokio::join!(hub.ended(), join_all(streams.iter_mut().map(last_words)));
    let took = asked.elapsed();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_spread(&times);
}

#[tokio::test]
async fn sigterm_does_not_wait_for_clients_that_do_nothing() {
    const EVENTS: usize = 8;
    let hub = HubProcess::start(&[]).await;
    let mut reading = join_all((0..100).map(|_| Subscriber::new(hub.address(), "/events?topic=small"))).await;
    for stream in &mut reading {
        stream.position().await;
    }
    // These take the first block and nothing more, so that all buffers on the way to them are full.
    let stalled = (0..20).map(|_| async {
        let socket = small_socket(hub.address()).await;
        let mut stream = Subscriber::open(socket, "/events?topic=big", b"").await.unwrap();
        stream.position().await;
        stream
    });
    let mut stalled = join_all(stalled).await;
    for _ in 0..EVENTS {
        hub.publish("/events?topic=big", "x".repeat(256 << 10)).await;
    }
    // One has its answer and stays, and one has sent half a request.
    let idle = Requests::connect(hub.address()).await;
    let mut half = TcpStream::connect(hub.address()).await.unwrap();
    half.write_all(b"GET /eve").await.unwrap();
    assert_eq!(hub.stats().await.subscribers, 120);

    let asked = Instant::now();
    hub.terminate();
    let (status, times) = tokio::join!(hub.ended(), join_all(reading.iter_mut().map(last_words)));
    let took = asked.elapsed();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_spread(&times);
    for stream in &mut stalled {
        assert!(stream.rest().await.len() < EVENTS, "it was not stalled");
    }
    drop((idle, half));
}

#[tokio::test]
async fn what_was_published_before_sigterm_is_delivered() {
    let hub = HubProcess::start(&[]).await;
    let mut streams = join_all((0..20).map(|_| Subscriber::new(hub.address(), "/events"))).await;
    for stream in &mut streams {
        stream.position().await;
    }
    let data: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let mut requests = Requests::connect(hub.address()).await;
    for data in &data {
        requests.publish("/events", data.clone()).await;
    }
    hub.terminate();
    assert!(hub.ended().await.success());
    for stream in &mut streams {
        assert_eq!(stream.rest().await, data);
        assert!(!stream.is_broken());
    }
}

/// Reads up to the end, and returns the reconnection time that was sent last, after the one at the start.
async fn last_words(stream: &mut Subscriber) -> Duration {
    let mut times = Vec::new();
    while let Some(block) = stream.block().await {
        match block {
            Block::Retry(time) => times.push(time),
            Block::Event(event) => assert_eq!(event.event_type(), "position"),
            Block::Comment => {}
        }
    }
    assert!(!stream.is_broken());
    let [time] = times[..] else { panic!("{times:?}") };
    time
}

/// The times are each client's own, and come from all of a window.
#[track_caller]
fn assert_spread(times: &[Duration]) {
    let different = times.iter().collect::<HashSet<_>>().len();
    assert!(different > times.len() / 2, "only {different} of {} are different", times.len());
    let (least, greatest) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(*greatest - *least > Duration::from_secs(2), "{least:?} to {greatest:?}");
}

/// Lets this process and its children open more files than the usual 1,024.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let enough = limit.maximum.unwrap_or(u64::MAX).min(8_192);
    if limit.current.is_some_and(|current| current < enough) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(enough), ..limit }).unwrap();
    }
}
