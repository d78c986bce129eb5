//! How long a process with 1,000,000 events in a folder takes from opening it until a client is served.
//!
//! `cargo bench --features disk --bench restart`

#[path = "../tests/support/temporary_folder.rs"]
mod temporary_folder;

use std::{sync::Arc, time::Instant};

use futures_util::StreamExt;
use ssekit::{
    Bounds, Event, Hub,
    relay::{DiskLog, Log, Record, Relay},
};
use temporary_folder::TemporaryFolder;
use tokio::task::JoinSet;

const HELD: usize = 1_000_000;

#[tokio::main]
async fn main() {
    let folder = TemporaryFolder::new();
    let log = Arc::new(DiskLog::open(folder.path()).await.unwrap());
    let mut tasks = JoinSet::new();
    for _ in 0..500 {
        let log = Arc::clone(&log);
        tasks.spawn(async move {
            for _ in 0..HELD / 500 {
                log.append(record(), None).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    drop(log);
    drop(DiskLog::open(folder.path()).await.unwrap());
    let mut times = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        let log = DiskLog::open(folder.path()).await.unwrap();
        let opened = start.elapsed();
        let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(10_000)));
        let tail = tokio::spawn(tail.run());
        let mut client = loop {
            // After some seconds it is sent away.
            if let Ok(client) = relay.subscribe(["orders"]).await {
                break client;
            }
        };
        client.next().await.unwrap();
        times.push((start.elapsed(), opened));
        drop(relay);
        tail.await.unwrap();
    }
    times.sort();
    let (served, opened) = times[1];
    println!("restart with {HELD} events: opened after {opened:.2?}, a client is served after {served:.2?}");
}

fn record() -> Record {
    Record::Event { topic: "orders".into(), event: Event::new("x".repeat(200)) }
}
