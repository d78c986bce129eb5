//! Topics with hostile names on a log that nodes share: no name reaches another topic's events, nor its end.
#![cfg(feature = "redis")]

use crate::support::hub_client::last_event_id;
use crate::support::redis_server::RedisServer;
use crate::support::relay_client::{first, read, read_to_end};
use crate::support::topic_names::hostile_names;
use ssekit::{
    Bounds, Event, Hub, Subscribe,
    hub::Start,
    relay::{PublishError, RedisLog, Relay},
};

fn node(server: &RedisServer, bounds: Bounds) -> Relay<RedisLog> {
    let log = RedisLog::open(&server.url(), "log").unwrap().max_entries(100_000);
    let (relay, tail) = Relay::new(log, Hub::builder(bounds));
    tokio::spawn(tail.run());
    relay
}

#[tokio::test]
async fn a_name_reaches_no_other_topics_events_whoever_reads_them() {
    let server = RedisServer::start();
    let names = hostile_names();
    // One holds all; the other has to read nearly all back from the log.
    let nodes = [node(&server, Bounds::events(10)), node(&server, Bounds::events(10).with_bytes(2_000))];
    let mut start = nodes[0].subscribe(Subscribe::to(["start"])).await.unwrap();
    let start = first(&mut start).await.id.unwrap();
    for (number, name) in names.iter().enumerate() {
        nodes[0].publish(name, Event::new(number.to_string())).await.unwrap();
    }
    for name in &names {
        nodes[1].publish(name, Event::new("the end")).await.unwrap();
    }
    for node in &nodes {
        for (number, name) in names.iter().enumerate() {
            let mut stream =
                node.subscribe(Subscribe::to([name]).after(last_event_id(&start))).await.unwrap();
            let seen = read(&mut stream, 2).await;
            assert_eq!(
                (seen.data(), seen.gaps()),
                (vec![&*number.to_string(), "the end"], vec![]),
                "{name:?}"
            );
        }
    }
}

#[tokio::test]
async fn finishing_a_topic_finishes_no_other_one() {
    let server = RedisServer::start();
    let node = node(&server, Bounds::events(10));
    let mut open = hostile_names();
    for name in &open {
        node.publish(name, Event::new("x")).await.unwrap();
    }
    while let Some(name) = open.pop() {
        node.finish(&name).await.unwrap();
        let again = node.publish(&name, Event::new("again")).await;
        assert!(matches!(again, Err(PublishError::Refused(ssekit::hub::PublishError::Finished))), "{name:?}");
        let from_oldest = Subscribe::to([&name]).start(Start::Oldest);
        read_to_end(&mut node.subscribe(from_oldest).await.unwrap()).await;
        if let Some(other) = open.first() {
            node.publish(other, Event::new("still open")).await.unwrap();
        }
    }
    for name in hostile_names() {
        let again = node.publish(&name, Event::new("again")).await;
        assert!(matches!(again, Err(PublishError::Refused(ssekit::hub::PublishError::Finished))), "{name:?}");
    }
}
