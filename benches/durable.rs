//! Acknowledged appends a second through a log on disk and through one on a Redis that syncs each append, on the same
//! disk in one run, and how long a restart takes. What counts is how they compare within one run.
//!
//! `cargo bench --features disk,redis --bench durable`, and with `-- restart` only the restart

#[path = "../tests/support/redis_server.rs"]
mod redis_server;
#[path = "../tests/support/temporary_folder.rs"]
mod temporary_folder;

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use redis_server::RedisServer;
use ssekit::{
    Bounds, Event, Hub,
    relay::{DiskLog, Limit, Log, Record, RedisLog, Relay},
};
use temporary_folder::TemporaryFolder;
use tokio::task::JoinSet;

const PUBLISHERS: [usize; 3] = [1, 8, 64];
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(1);
const HELD: usize = 1_000_000;

#[tokio::main]
async fn main() {
    // With the argument `restart`, only that.
    let publishers = if std::env::args().any(|arg| arg == "restart") { &[][..] } else { &PUBLISHERS };
    for publishers in publishers.iter().copied() {
        let (mut disk, mut redis) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let folder = TemporaryFolder::new();
            let appended = appends(Arc::new(DiskLog::open(folder.path()).await.unwrap()), publishers).await;
            disk.push((appended, appended as f64 / syncs(folder.path()).await as f64));
            let server = RedisServer::start_durable();
            redis.push(appends(Arc::new(RedisLog::open(&server.url(), "log").unwrap()), publishers).await);
        }
        disk.sort_by_key(|(appended, _)| *appended);
        redis.sort();
        let ((disk, each), redis) = (disk[ROUNDS / 2], redis[ROUNDS / 2]);
        println!(
            "{publishers:>2} publishers: disk {disk:>6} appends/s, {each:>4.1} each sync; \
             redis {redis:>6} appends/s; {:.2} x",
            disk as f64 / redis as f64
        );
    }
    restart().await;
}

/// Lets publishers append one event after the other, and returns how many were acknowledged in a second.
async fn appends<L: Log>(log: Arc<L>, publishers: usize) -> u64 {
    let (count, mut tasks) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
    let until = Instant::now() + ROUND;
    for _ in 0..publishers {
        let (log, count) = (Arc::clone(&log), Arc::clone(&count));
        tasks.spawn(async move {
            while Instant::now() < until {
                log.append(record(), None).await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    tasks.join_all().await;
    let count = count.load(Ordering::Relaxed);
    let mut held = log.read(None, Limit::entries(1)).await.unwrap().entries.len() as u64;
    assert_eq!(held, 1);
    let mut after = None;
    while let Some(last) =
        log.read(after.as_ref(), Limit::entries(512)).await.unwrap().entries.last().cloned()
    {
        after = Some(last.id);
        held += 1;
    }
    assert!(held > count / 512, "{held} pages for {count} events");
    count
}

fn record() -> Record {
    Record::Event { topic: "orders".into(), event: Event::new("x".repeat(200)) }
}

/// Returns how many batches a folder has, each of which was synced once.
async fn syncs(folder: &Path) -> usize {
    // The log has let go of it once it can be opened again.
    drop(DiskLog::open(folder).await.unwrap());
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "log"));
    files.map(|path| batches(&fs::read(path).unwrap())).sum()
}

fn batches(file: &[u8]) -> usize {
    let (mut at, mut batches) = (28, 0);
    while let Some(header) = file.get(at..at + 12) {
        batches += usize::from(header[8..] == [0; 4]);
        at += 36 + u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
    }
    batches
}

/// Times from opening a folder with many events to the first block of the first client.
async fn restart() {
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
