//! Acknowledged appends a second through a log on disk, on a Redis that syncs each append, and in PostgreSQL, on the same
//! disk in one run. What counts is how they compare within one run.
//!
//! `cargo bench -p ssekit-postgres`

#[path = "../../../tests/support/redis_server.rs"]
mod redis_server;
#[allow(dead_code, reason = "it uses a part of it")]
#[path = "../tests/support/server.rs"]
mod server;
#[path = "../../../tests/support/temporary_folder.rs"]
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

use redis_server::RedisServer;
use server::Server;
use ssekit::{
    Event,
    relay::{DiskLog, Limit, Log, Record, RedisLog},
};
use temporary_folder::TemporaryFolder;
use tokio::task::JoinSet;

const PUBLISHERS: [usize; 3] = [1, 8, 64];
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(1);

/// What a log did in a round.
#[derive(Clone, Copy)]
struct Done {
    appended: u64,
    syncs: Option<u64>,
}

#[tokio::main]
async fn main() {
    for publishers in PUBLISHERS {
        let (mut disk, mut redis, mut postgres) = (Vec::new(), Vec::new(), Vec::new());
        // In turn, so that what else the machine does meets all of them.
        for _ in 0..ROUNDS {
            disk.push(on_disk(publishers).await);
            redis.push(on_redis(publishers).await);
            postgres.push(in_postgresql(publishers).await);
        }
        let (disk, redis, postgres) = (median(disk), median(redis), median(postgres));
        println!(
            "{publishers:>2} publishers: {}",
            [
                report("disk", disk),
                report("Redis", redis),
                report("PostgreSQL", postgres),
                format!("disk is {:.2} x Redis", disk.appended as f64 / redis.appended as f64),
            ]
            .join("; ")
        );
    }
}

fn median(mut rounds: Vec<Done>) -> Done {
    rounds.sort_by_key(|done| done.appended);
    rounds[ROUNDS / 2]
}

fn report(name: &str, done: Done) -> String {
    let each = |syncs| format!(", {:.1} each sync", done.appended as f64 / syncs as f64);
    format!("{name} {} appends/s{}", done.appended, done.syncs.map(each).unwrap_or_default())
}

async fn on_disk(publishers: usize) -> Done {
    let folder = TemporaryFolder::new();
    let appended = appends(Arc::new(DiskLog::open(folder.path()).await.unwrap()), publishers).await;
    // The log has let go of it once it can be opened again.
    drop(DiskLog::open(folder.path()).await.unwrap());
    Done { appended, syncs: Some(batches(folder.path())) }
}

/// It does not count its syncs.
async fn on_redis(publishers: usize) -> Done {
    let server = RedisServer::start_durable();
    let log = Arc::new(RedisLog::open(&server.url(), "log").unwrap());
    Done { appended: appends(log, publishers).await, syncs: None }
}

/// With the server's defaults: `synchronous_commit` is on.
async fn in_postgresql(publishers: usize) -> Done {
    let server = Server::start().await;
    let log = Arc::new(server.open("log").await);
    let client = server.client().await;
    let commits = async || {
        // Each transaction has left its number in the rows that it inserted.
        let count = "SELECT count(DISTINCT xmin::text) FROM log.entries";
        client.query_one(count, &[]).await.unwrap().get::<_, i64>(0) as u64
    };
    let before = commits().await;
    let appended = appends(log, publishers).await;
    Done { appended, syncs: Some(commits().await - before) }
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
    let newest = log.read(None, Limit::entries(usize::MAX >> 1)).await.unwrap().entries.len() as u64;
    assert!(newest > 0, "nothing of {count} events is there");
    count
}

fn record() -> Record {
    Record::Event { topic: "orders".into(), event: Event::new("x".repeat(200)) }
}

/// Returns how many batches a folder has, each of which was synced once.
fn batches(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "log"));
    files.map(|path| batches_in(&fs::read(path).unwrap())).sum()
}

fn batches_in(file: &[u8]) -> u64 {
    let (mut at, mut batches) = (28, 0);
    while let Some(header) = file.get(at..at + 12) {
        batches += u64::from(header[8..] == [0; 4]);
        at += 36 + u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
    }
    batches
}
