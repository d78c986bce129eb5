//! Clients that hold on to what they can: half a request, data that never comes, answers that are never read, more
//! topics than anyone needs. The hub lets go of them in time, serves everyone else, and its memory stays bounded.
#![cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]

use crate::support::hub_process::HubProcess;
use crate::support::publisher::Publisher;
use crate::support::subscriber::{PATIENCE, Subscriber, small_socket};
use crate::support::topic_names::hostile_names;
use bytes::Bytes;
use futures_util::future::join_all;
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const MIB: usize = 1 << 20;

/// Sends bytes on a connection of its own and nothing more, and returns what comes until the hub closes it.
async fn hold(hub: &HubProcess, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(hub.address()).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // An end or a reset: either is a closed socket.
    let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "{:?} holds a connection for ever", String::from_utf8_lossy(bytes));
    answer
}

#[tokio::test]
async fn a_request_whose_head_never_ends_is_let_go_of() {
    let hub = HubProcess::start(&["--patience", "0.5"]).await;
    let mut bystander = Subscriber::new(hub.address(), "/events").await;
    bystander.position().await;
    // From nothing at all to nearly everything, in both versions of HTTP.
    let halves: [&[u8]; 7] = [
        b"",
        b"G",
        b"P",
        b"PRI * HTTP/2.0\r\n\r\nSM",
        b"GET /events HTTP/1.1\r\n",
        b"GET /events HTTP/1.1\r\nhost: hub\r\nx: ",
        b"GET /events HTTP/1.1\r\nhost: hub\r\n\r",
    ];
    join_all(halves.iter().map(|half| hold(&hub, half))).await;
    // One who asked for something and then asks for nothing more.
    let answer = hold(&hub, b"GET /stats HTTP/1.1\r\nhost: hub\r\n\r\n").await;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    // A stream is not a request that never ends.
    hub.publish("/events", "still here").await;
    assert_eq!(bystander.event().await.unwrap().data(), "still here");
    assert_eq!(hub.stats().await.subscribers, 1);
    hub.stop().await;
}

#[tokio::test]
async fn data_that_does_not_come_is_answered_with_408() {
    let hub = HubProcess::start(&["--patience", "0.5"]).await;
    for head in ["content-length: 10", "transfer-encoding: chunked"] {
        let request = format!("POST /events HTTP/1.1\r\nhost: hub\r\n{head}\r\n\r\n4\r\nha");
        let answer = hold(&hub, request.as_bytes()).await;
        assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(hub.stats().await.published, 0);
    hub.stop().await;
}

#[tokio::test]
async fn readers_that_never_read_are_let_go_of_and_hold_bounded_memory() {
    const READERS: usize = 200;
    const EVENTS: usize = 2_000;
    let hub = HubProcess::start(&["--patience", "0.5", "--replay-bytes", "4000000"]).await;
    let mut stalled = Vec::new();
    for _ in 0..READERS {
        let mut socket = small_socket(hub.address()).await;
        socket.write_all(b"GET /events HTTP/1.1\r\nhost: hub\r\n\r\n").await.unwrap();
        stalled.push(socket);
    }
    hub.stats_when(PATIENCE, |stats| stats.subscribers == READERS as u64).await;
    let (before, _) = hub.memory();

    // All that is published is a multiple of what may be held for each of them.
    let mut publisher = Publisher::connect(hub.address()).await;
    for _ in 0..EVENTS / 20 {
        publisher.publish(&vec![("/events", "x".repeat(2_000)); 20]).await;
    }
    hub.stats_when(PATIENCE, |stats| stats.subscribers == 0).await;

    let (_, peak) = hub.memory();
    println!("{READERS} readers: {} bytes each at most", (peak - before) / READERS);
    // The history, and what hyper takes for each reader, most of which is the same for all.
    assert!(peak - before < 4 * MIB + 8 * MIB + READERS * 64 * 1024);
    hub.stop().await;
}

#[tokio::test]
async fn a_hundred_thousand_topics_hold_bounded_memory() {
    const TOPICS: usize = 100_000;
    const BATCH: usize = 250;
    let hub = HubProcess::start(&["--replay-bytes", "8000000"]).await;
    let (before, _) = hub.memory();
    let mut publisher = Publisher::connect(hub.address()).await;
    let data = "x".repeat(100);
    for first in (0..TOPICS).step_by(BATCH) {
        let paths = (first..first + BATCH).map(|n| (format!("/events?topic={n:0200}"), &data));
        publisher.publish(&paths.collect::<Vec<_>>()).await;
    }
    let stats = hub.stats().await;
    let (_, peak) = hub.memory();
    println!("{TOPICS} topics: {} MiB, {stats:?}", (peak - before) / MIB);
    assert_eq!(stats.published, TOPICS as u64);
    assert!(stats.ring_bytes <= 8_000_000);
    // Without bounds, the names and the data alone would be 30 MB, and what is kept for each a multiple of that. The
    // history is 8 MB, each topic in it has a chunk, and 10,000 topics without history are remembered.
    assert!(peak - before < 56 * MIB);

    // The first of them is forgotten, which is told.
    let position = Subscriber::new(hub.address(), "/events?topic=other").await.position().await;
    let (epoch, _) = position.split_once('-').unwrap();
    let path = format!("/events?topic={:0200}", 0);
    Subscriber::resume(hub.address(), &path, format!("{epoch}-0")).await.reset("evicted").await;
    hub.stop().await;
}

#[tokio::test]
async fn a_name_in_a_query_reaches_no_other_topics_events() {
    let hub = HubProcess::start(&[]).await;
    let names = hostile_names();
    let path =
        |name: &str| format!("/events?from=oldest&topic={}", utf8_percent_encode(name, NON_ALPHANUMERIC));
    for (number, name) in names.iter().enumerate() {
        hub.publish(&path(name), number.to_string()).await;
    }
    for (number, name) in names.iter().enumerate() {
        hub.finish(&path(name)).await;
        let mut stream = Subscriber::new(hub.address(), &path(name)).await;
        stream.position().await;
        assert_eq!(stream.event().await.unwrap().data(), number.to_string(), "{name:?}");
        // And after it nothing but the end, and the position, which has moved for all but the last one.
        let rest = stream.rest().await;
        assert!(rest.is_empty() || rest == [""], "{name:?}: {rest:?}");
    }
    // What is no UTF-8, or is cut off, is no name at all.
    for query in ["%FF", "%C3%28", "a%C3", "%ED%A0%80", "%F4%90%80%80"] {
        let answer = hub.get(&format!("/events?topic={query}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    assert_eq!(hub.stats().await.published, names.len() as u64);
    hub.stop().await;
}

#[tokio::test]
async fn what_is_at_a_limit_passes_and_what_is_over_it_does_not() {
    let hub = HubProcess::start(&[]).await;
    let topic = |bytes| format!("/events?topic={}", "%00".repeat(bytes));
    assert_eq!(hub.post(&topic(256), "x").await.status(), StatusCode::CREATED);
    assert_eq!(hub.post(&topic(257), "x").await.status(), StatusCode::BAD_REQUEST);
    for (headers, status) in [(99, "200"), (100, "431")] {
        let lines: String = (0..headers).map(|n| format!("x-{n}: y\r\n")).collect();
        let answer = hold_open(&hub, format!("GET /stats HTTP/1.1\r\nhost: hub\r\n{lines}\r\n")).await;
        assert_eq!(&answer[9..12], status.as_bytes(), "{headers} headers");
    }
    // An ID may be this long, and is none of ours.
    for bytes in [256, 257] {
        let id = Bytes::from("x".repeat(bytes));
        Subscriber::resume(hub.address(), "/events", &id).await.reset("unknown").await;
    }
    hub.stop().await;
}

/// Sends a request, and returns the first line of the answer at least.
async fn hold_open(hub: &HubProcess, request: String) -> Vec<u8> {
    let mut socket = TcpStream::connect(hub.address()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while answer.len() < 12 {
        assert_ne!(timeout(PATIENCE, socket.read_buf(&mut answer)).await.unwrap().unwrap(), 0);
    }
    answer
}
