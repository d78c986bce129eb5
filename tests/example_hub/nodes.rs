//! Hubs that are processes of their own, on one Redis: nodes of one service.
#![cfg(all(feature = "http-body", feature = "json", feature = "redis"))]

use std::time::Duration;

use crate::support::hub_process::{HubProcess, Requests};
use crate::support::redis_server::RedisServer;
use crate::support::subscriber::{Block, Subscriber};
use http::StatusCode;

async fn start(server: &RedisServer) -> HubProcess {
    HubProcess::start(&["--redis", &server.url(), "--replay-events", "10"]).await
}

/// Reads the data of the next events.
async fn read(stream: &mut Subscriber, events: usize) -> Vec<String> {
    let mut data = Vec::new();
    while data.len() < events {
        match stream.block().await.expect("the stream does not end") {
            Block::Event(event) if !matches!(event.event_type(), "position" | "reset") => {
                data.push(event.data().to_owned());
            }
            _ => {}
        }
    }
    data
}

fn texts(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn a_client_goes_from_node_to_node_and_outlives_them() {
    let server = RedisServer::start();
    let nodes = [start(&server).await, start(&server).await];
    let mut stream = Subscriber::new(nodes[0].address(), "/events?topic=a").await;
    stream.position().await;
    for number in 0..100 {
        nodes[number % 2].publish("/events?topic=a", number.to_string()).await;
    }
    assert_eq!(read(&mut stream, 30).await, texts(0..30));
    // More than the other node holds has come meanwhile.
    let last = stream.last_event_id().to_owned();
    let [first, second] = nodes;
    first.stop().await;
    let mut stream = Subscriber::resume(second.address(), "/events?topic=a", &last).await;
    assert_eq!(read(&mut stream, 50).await, texts(30..80));
    // A node that starts when all others are gone knows what there was.
    let last = stream.last_event_id().to_owned();
    second.stop().await;
    let third = start(&server).await;
    third.publish("/events?topic=a", "100").await;
    let mut stream = Subscriber::resume(third.address(), "/events?topic=a", &last).await;
    assert_eq!(read(&mut stream, 21).await, texts(80..101));
    third.stop().await;
}

#[tokio::test]
async fn a_client_behind_a_trimmed_log_is_told_and_gets_all_that_is_held() {
    let server = RedisServer::start();
    let node = HubProcess::start(&["--redis", &server.url(), "--replay-events", "50"]).await;
    let mut requests = Requests::connect(node.address()).await;
    let mut ids = Vec::new();
    for number in 0..300 {
        ids.push(requests.publish("/events?topic=a", number.to_string()).await);
    }
    node.stats_when(Duration::from_secs(10), |stats| stats.published == 300).await;
    server.command::<()>(&["XTRIM", "ssekit", "MAXLEN", "=", "100"]);
    for lost in [0, 150, 199] {
        let mut stream = Subscriber::resume(node.address(), "/events?topic=a", &ids[lost]).await;
        assert_eq!(stream.reset("evicted").await, ids[lost]);
        assert_eq!(read(&mut stream, 100).await, texts(200..300));
    }
    assert_eq!(node.stats().await.gaps, 3);
    node.stop().await;
}

#[tokio::test]
async fn a_topic_finished_at_one_node_is_answered_with_204_at_all() {
    let server = RedisServer::start();
    let nodes = [start(&server).await, start(&server).await];
    let mut stream = Subscriber::new(nodes[1].address(), "/events?topic=a").await;
    stream.position().await;
    nodes[0].publish("/events?topic=a", "0").await;
    nodes[0].finish("/events?topic=a").await;
    assert_eq!(read(&mut stream, 1).await, ["0"]);
    while stream.block().await.is_some() {}
    assert_eq!(nodes[1].post("/events?topic=a", "1").await.status(), StatusCode::CONFLICT);
    let last = stream.last_event_id().to_owned();
    let refused = Subscriber::resume(nodes[1].address(), "/events?topic=a", &last).await;
    assert_eq!(refused.head().status, StatusCode::NO_CONTENT);
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test]
async fn while_redis_is_away_publishing_is_answered_with_503() {
    let mut server = RedisServer::start();
    let node = start(&server).await;
    let mut stream = Subscriber::new(node.address(), "/events?topic=a").await;
    stream.position().await;
    server.kill();
    // What was under way when the connection broke may have been published or not.
    while node.post("/events?topic=a", "x").await.status() != StatusCode::SERVICE_UNAVAILABLE {}
    node.stop().await;
}
