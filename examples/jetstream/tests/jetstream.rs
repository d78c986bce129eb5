//! Nodes on a real NATS server.

mod support;

use futures_util::StreamExt;
use ssekit::{
    Event, LastEventId, Subscribe, Subscription,
    hub::GapReason,
    relay::{Limit, Log, Record, Relay},
};
use ssekit_jetstream::{JetStreamLog, JetStreamLogOptions};
use support::NatsServer;

/// Reads the data of the next events.
async fn read(client: &mut Subscription, events: usize) -> Vec<String> {
    let mut data = Vec::new();
    while data.len() < events {
        let piece = client.next().await.expect("the stream does not end");
        let text = String::from_utf8(piece.to_vec()).unwrap();
        data.extend(text.lines().filter_map(|line| line.strip_prefix("data: number ")).map(str::to_owned));
    }
    data
}

async fn publish(relay: &Relay<JetStreamLog>, numbers: std::ops::Range<usize>) -> Vec<LastEventId> {
    let mut ids = Vec::new();
    for number in numbers {
        let id = relay.publish("a", Event::new(format!("number {number}"))).await.unwrap();
        ids.push(id.into());
    }
    ids
}

fn texts(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn a_client_goes_on_at_another_node() {
    let server = NatsServer::start();
    let (one, two) = (server.node(100).await, server.node(5).await);
    let mut client = one.subscribe(["a"]).await.unwrap();
    let ids = publish(&two, 0..40).await;
    assert_eq!(read(&mut client, 40).await, texts(0..40));
    let mut client = two.subscribe(Subscribe::to("a").after(Some(ids[3].clone()))).await.unwrap();
    assert_eq!(read(&mut client, 36).await, texts(4..40));
    publish(&one, 40..42).await;
    assert_eq!(read(&mut client, 2).await, texts(40..42));
}

#[tokio::test]
async fn a_key_is_published_once() {
    let server = NatsServer::start();
    let relay = server.node(100).await;
    let first = relay.publish_once("a", "key", Event::new("number 0")).await.unwrap();
    assert_eq!(relay.publish_once("a", "key", Event::new("number 1")).await.unwrap(), first);
}

#[tokio::test]
async fn a_stream_that_was_made_anew_is_told_though_its_numbers_are_the_same() {
    let server = NatsServer::start();
    let relay = server.node(100).await;
    let ids = publish(&relay, 0..5).await;
    let jetstream = async_nats::jetstream::new(server.client().await);
    jetstream.delete_stream("log").await.unwrap();
    let other = server.node(100).await;
    publish(&other, 5..15).await;
    let mut client = other.subscribe(Subscribe::to("a").after(Some(ids[3].clone()))).await.unwrap();
    assert_eq!(client.gap().unwrap().reason(), GapReason::Unknown);
    assert!(client.next().await.unwrap().starts_with(b"id: "));
}

#[tokio::test]
async fn a_lost_consumer_is_an_error_and_no_gap() {
    let server = NatsServer::start();
    let log = JetStreamLog::open(server.client().await, "log").await.unwrap();
    let record = Record::Event { topic: "a".into(), event: Event::new("x") };
    let first = log.append(record.clone(), None).await.unwrap();
    let client = server.client().await;
    let deleting = tokio::spawn(async move {
        let stream = async_nats::jetstream::new(client).get_stream("log").await.unwrap();
        let mut deleted = 0;
        while deleted < 5 {
            for name in stream.consumer_names().collect::<Vec<_>>().await.into_iter().flatten() {
                deleted += usize::from(stream.delete_consumer(&name).await.is_ok());
            }
        }
    });
    while !deleting.is_finished() {
        // It waits for a message when its consumer goes.
        if let Ok(page) = log.follow(&first, Limit::entries(10)).await {
            assert!(page.held, "{page:?}");
        }
        if let Ok(page) = log.read(None, Limit::entries(10)).await {
            assert!(page.held && page.entries.len() == 1, "{page:?}");
        }
    }
    deleting.await.unwrap();
}

#[tokio::test]
async fn a_stream_that_was_trimmed_past_a_client_is_a_gap() {
    let server = NatsServer::start();
    let options = JetStreamLogOptions { max_messages: 5, ..JetStreamLogOptions::default() };
    let log = JetStreamLog::open_with(server.client().await, "log", options).await.unwrap();
    let record = |number: usize| Record::Event { topic: "a".into(), event: Event::new(number.to_string()) };
    let first = log.append(record(0), None).await.unwrap();
    for number in 1..10 {
        log.append(record(number), None).await.unwrap();
    }
    assert!(!log.holds(&first).await.unwrap());
    let page = log.read(Some(&first), Limit::entries(10)).await.unwrap();
    assert_eq!((page.held, page.entries.len()), (false, 5));
}
