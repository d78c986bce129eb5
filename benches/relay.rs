//! Events a second to 1,000 subscribers of one process: from a hub alone, through a relay on Redis, and through
//! `PUBLISH` and `SUBSCRIBE`, which keep no history. What counts is how they compare within one run.
//!
//! `cargo bench --features redis --bench relay`

#[path = "../tests/support/redis_server.rs"]
mod redis_server;

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use redis_server::RedisServer;
use ssekit::{
    Bounds, Event, Hub,
    relay::{RedisLog, Relay},
};
use tokio::{
    sync::{broadcast, oneshot},
    task::JoinSet,
};

const SUBSCRIBERS: usize = 1_000;
const EVENTS: usize = 20_000;
const ROUNDS: usize = 5;
/// How many are published at once.
const AT_ONCE: usize = 256;
/// Lines of an event: its ID, its data, and the blank one.
const LINES: usize = 3;

#[tokio::main]
async fn main() {
    let server = RedisServer::start();
    let (mut alone, mut relay, mut channel) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        alone.push(hub_alone().await);
        relay.push(through_relay(&server, round).await);
        channel.push(through_channel(&server).await);
    }
    let [alone, relay, channel] = [alone, relay, channel].map(median);
    println!("{EVENTS} events to {SUBSCRIBERS} subscribers, median of {ROUNDS}");
    for (name, time) in [("hub alone", alone), ("PUBLISH and SUBSCRIBE", channel), ("relay", relay)] {
        let rate = EVENTS as f64 / time.as_secs_f64();
        let ratio = time.as_secs_f64() / alone.as_secs_f64();
        println!("{name:<22} {rate:>9.0} events/s  {ratio:>5.2} x the time of the hub alone");
    }
}

fn data(number: usize) -> String {
    format!("{number:0100}")
}

async fn hub_alone() -> Duration {
    let hub = Hub::new(Bounds::events(EVENTS));
    let streams = (0..SUBSCRIBERS).map(|_| hub.subscribe(["a"]).unwrap()).collect();
    measure(streams, async {
        for number in 0..EVENTS {
            hub.publish("a", Event::new(data(number))).unwrap();
            if number % AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
    })
    .await
}

async fn through_relay(server: &RedisServer, round: usize) -> Duration {
    let log = RedisLog::open(&server.url(), format!("log{round}")).unwrap();
    let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(EVENTS)));
    let tail = tokio::spawn(tail.run());
    let mut streams = Vec::new();
    for _ in 0..SUBSCRIBERS {
        streams.push(relay.subscribe(["a"]).await.unwrap());
    }
    let time = measure(streams, async {
        let publish = async |number: usize| relay.publish("a", Event::new(data(number))).await.unwrap();
        let mut published = stream::iter((0..EVENTS).map(publish)).buffered(AT_ONCE);
        while published.next().await.is_some() {}
    })
    .await;
    tail.abort();
    server.command::<()>(&["FLUSHALL"]);
    time
}

/// What one would write by hand: a connection that listens to a channel and hands what comes to all.
async fn through_channel(server: &RedisServer) -> Duration {
    let client = redis::Client::open(server.url()).unwrap();
    let mut listener = client.get_async_pubsub().await.unwrap();
    listener.subscribe("a").await.unwrap();
    let (sender, _) = broadcast::channel::<Bytes>(EVENTS.next_power_of_two());
    let streams = (0..SUBSCRIBERS)
        .map(|_| {
            let receiver = sender.subscribe();
            stream::unfold(receiver, |mut receiver| async {
                Some((receiver.recv().await.unwrap(), receiver))
            })
            .boxed()
        })
        .collect();
    let fan_out = tokio::spawn(async move {
        let mut messages = listener.on_message();
        let mut number = 0_u64;
        while let Some(message) = messages.next().await {
            number += 1;
            let event = Event::new(message.get_payload::<String>().unwrap()).with_id(number);
            sender.send(event.encode()).unwrap();
        }
    });
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    let time = measure(streams, async {
        let publish = async |number: usize| {
            let mut connection = connection.clone();
            let mut publish = redis::cmd("PUBLISH");
            publish.arg("a").arg(data(number));
            publish.query_async::<()>(&mut connection).await.unwrap();
        };
        let mut published = stream::iter((0..EVENTS).map(publish)).buffered(AT_ONCE);
        while published.next().await.is_some() {}
    })
    .await;
    fan_out.abort();
    time
}

/// Times from the first event published to the last one received by the last subscriber, each of which must get all.
async fn measure<S>(streams: Vec<S>, publish: impl Future<Output = ()>) -> Duration
where
    S: Stream<Item = Bytes> + Send + Unpin + 'static,
{
    let mut subscribers = JoinSet::new();
    let mut ready = Vec::new();
    for mut stream in streams {
        let (begun, has_begun) = oneshot::channel();
        ready.push(has_begun);
        subscribers.spawn(async move {
            begun.send(()).unwrap();
            let mut lines = 0;
            while lines < EVENTS * LINES {
                let piece = stream.next().await.expect("the stream does not end");
                // The block that tells the position is not counted.
                if !piece.windows(8).take(64).any(|bytes| bytes == b"position") {
                    lines += piece.iter().filter(|byte| **byte == b'\n').count();
                }
            }
            assert_eq!(lines, EVENTS * LINES);
        });
    }
    for has_begun in ready {
        has_begun.await.unwrap();
    }
    let start = Instant::now();
    publish.await;
    while let Some(subscriber) = subscribers.join_next().await {
        subscriber.unwrap();
    }
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
