//! Acknowledged appends a second through a log on disk, in PostgreSQL, on a Redis that syncs each append, and on
//! JetStream, on the same disk in one run, and how many events share a sync. What counts is how they compare within one
//! run.
//!
//! `cargo bench -p ssekit-postgres`
//!
//! The syncs are counted: on disk by the batches in the log's files, each of which is synced once; in PostgreSQL by
//! `pg_stat_wal`; in Redis by a library that counts its calls of `fdatasync` and `fsync`. JetStream's are not. It syncs
//! each message if it is version 2.10 or later; older ones cannot, and the report says so.

#[path = "../../jetstream/tests/support/mod.rs"]
mod nats_server;
#[path = "../../../tests/support/redis_server.rs"]
mod redis_server;
#[allow(dead_code, reason = "it uses a part of it")]
#[path = "../tests/support/server.rs"]
mod server;
#[path = "../../../tests/support/temporary_folder.rs"]
mod temporary_folder;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use nats_server::NatsServer;
use redis_server::RedisServer;
use server::Server;
use ssekit::{
    Event,
    relay::{DiskLog, Limit, Log, Record, RedisLog},
};
use ssekit_jetstream::JetStreamLog;
use temporary_folder::TemporaryFolder;
use tokio::task::JoinSet;
use tokio_postgres::Client;

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
    let tools = TemporaryFolder::new();
    let counting = compile_counter(tools.path());
    let syncs = nats_syncs();
    println!("JetStream {}", if syncs { "syncs each message" } else { "syncs every two minutes" });
    for publishers in PUBLISHERS {
        let mut rounds = [const { Vec::new() }; 4];
        // In turn, so that what else the machine does meets all of them.
        for _ in 0..ROUNDS {
            rounds[0].push(on_disk(publishers).await);
            rounds[1].push(in_postgresql(publishers).await);
            rounds[2].push(on_redis(publishers, &counting).await);
            rounds[3].push(on_jetstream(publishers, syncs).await);
        }
        let [disk, postgres, redis, jetstream] = rounds.map(median);
        println!(
            "{publishers:>2} publishers: {}",
            [
                report("disk", disk),
                report("PostgreSQL", postgres),
                report("Redis", redis),
                report("JetStream", jetstream),
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

/// With the server's defaults: `synchronous_commit` is on.
async fn in_postgresql(publishers: usize) -> Done {
    let server = Server::start().await;
    let client = server.client().await;
    drop(server.open("log").await);
    let before = wal_syncs(&client).await;
    let appended = appends(Arc::new(server.open("log").await), publishers).await;
    Done { appended, syncs: Some(wal_syncs(&client).await - before) }
}

/// Returns how often PostgreSQL has synced its log, once all other connections have ended: that is when they tell.
async fn wal_syncs(client: &Client) -> u64 {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
    while client.query_one(others, &[]).await.unwrap().get::<_, i64>(0) > 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let version = client.query_one("SELECT current_setting('server_version_num')::int", &[]).await.unwrap();
    let syncs = match version.get::<_, i32>(0) {
        ..180_000 => "SELECT wal_sync::int8 FROM pg_stat_wal",
        _ => "SELECT sum(fsyncs)::int8 FROM pg_stat_io WHERE object = 'wal'",
    };
    client.query_one(syncs, &[]).await.unwrap().get::<_, i64>(0) as u64
}

async fn on_redis(publishers: usize, counting: &Path) -> Done {
    let folder = TemporaryFolder::new();
    let count = folder.path().join("syncs");
    fs::write(&count, [0; 8]).unwrap();
    let server = RedisServer::start_durable_with(&[("LD_PRELOAD", counting), ("SSEKIT_SYNCS", &count)]);
    let log = Arc::new(RedisLog::open(&server.url(), "log").unwrap());
    let syncs = || u64::from_ne_bytes(fs::read(&count).unwrap().try_into().unwrap());
    let before = syncs();
    let appended = appends(log, publishers).await;
    Done { appended, syncs: Some(syncs() - before) }
}

async fn on_jetstream(publishers: usize, syncs: bool) -> Done {
    let server = if syncs { NatsServer::start_durable() } else { NatsServer::start() };
    let client = server.client().await;
    // A server that has just been started is not ready for JetStream at once.
    let log = loop {
        match JetStreamLog::open(client.clone(), "log").await {
            Ok(log) => break Arc::new(log),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    Done { appended: appends(log, publishers).await, syncs: None }
}

/// Returns whether JetStream can sync before it acknowledges: whether it is version 2.10 or later.
fn nats_syncs() -> bool {
    let said = Command::new("nats-server").arg("--version").output();
    let said = said.expect("nats-server is not to be found: install it (apt-get install nats-server)").stdout;
    let said = String::from_utf8_lossy(&said);
    let (_, version) = said.trim().split_once(": v").expect("nats-server tells its version");
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(2), Some(10))
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
    let first = log.read(None, Limit::entries(100)).await.unwrap();
    assert!(!first.entries.is_empty(), "nothing of {count} events is there");
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

/// Returns a library that counts the syncs of the process that it is loaded into.
fn compile_counter(folder: &Path) -> PathBuf {
    let library = folder.join("counted_syncs.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/counted_syncs.c");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
    assert!(compiled.expect("cc is not to be found: install it (apt-get install gcc)").success());
    library
}
