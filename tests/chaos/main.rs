//! Hundreds of clients behind a network that cuts, stalls, splits and delays, and a hub that is stopped and killed:
//! each client gets each event once and in order, or is told of a gap.
//!
//! `SSEKIT_CHAOS_SECONDS` sets for how long, 10 s by default, and `SSEKIT_CHAOS_SEED` what is drawn by lot: what is
//! published, whom a fault hits, which topics a client reads. What the clock and the scheduler add is their own.
#![cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]

mod clients;
#[path = "../support/hub_process.rs"]
mod hub_process;
mod ledger;
#[path = "../support/proxy.rs"]
mod proxy;
mod publish;
#[path = "../support/publisher.rs"]
mod publisher;
#[path = "../support/random.rs"]
mod random;
mod record;
#[path = "../support/twin.rs"]
mod twin;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clients::{LONG_ABSENCE, SHORT_ABSENCE};
use futures_util::future::join_all;
use hub_process::HubProcess;
use ledger::Ledger;
use proxy::{Fault, Proxy};
use publish::{Job, TOPICS};
use random::Random;
use record::{Id, Reason, Record};
use tokio::{
    spawn,
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

const EVENT_SOURCES: usize = 192;
const RAW: usize = 48;
/// Clients that stay away for long between their streams.
const ABSENT: usize = 24;
/// Clients that read a byte a second.
const SLOW: usize = 16;
/// Jobs at the same time, and who follows each.
const LANES: usize = 4;
const FOLLOWERS: usize = 6;
/// Publishers of short bursts.
const PUBLISHERS: usize = 4;
/// How many events of a topic the hub holds.
const HISTORY: usize = 200;
const OPTIONS: &[&str] = &["--replay-events", "200", "--heartbeat", "0.3"];
/// Between two faults, each at one of the connections.
const PAUSE: Duration = Duration::from_millis(10);
/// From the last fault on, until every client must have every event.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all that goes on has in common.
pub(crate) struct Stage {
    hub_address: SocketAddr,
    proxy: Proxy,
    ledger: Mutex<Ledger>,
    ends_at: Instant,
    /// How many hubs there have been.
    hubs: AtomicUsize,
    topics: AtomicU32,
    sequences: AtomicU32,
    /// The job of each lane, and how often one was followed to its end. No job is the end of all.
    jobs: [watch::Sender<Option<Job>>; LANES],
    followed: [watch::Sender<usize>; LANES],
    /// What was published last, once it is the last.
    end: watch::Sender<Option<End>>,
}

/// The last events of the last hub.
pub(crate) struct End {
    epoch: u64,
    /// By topic.
    numbers: Vec<u64>,
}

impl Stage {
    fn is_over(&self) -> bool {
        Instant::now() >= self.ends_at
    }

    fn next_topic(&self) -> u32 {
        self.topics.fetch_add(1, Ordering::Relaxed)
    }

    fn next_sequence(&self) -> u32 {
        self.sequences.fetch_add(1, Ordering::Relaxed)
    }
}

impl End {
    fn is_reached_by(&self, record: &Record) -> bool {
        let last = record.topics.iter().map(|topic| self.numbers[*topic as usize]).max();
        record.position().is_some_and(|id| id.epoch == self.epoch && Some(id.number) >= last)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_comes_once_and_in_order_or_a_gap_is_told() {
    let number = |name, default| std::env::var(name).map_or(default, |number| number.parse().unwrap());
    let (seconds, seed) = (number("SSEKIT_CHAOS_SECONDS", 10), number("SSEKIT_CHAOS_SEED", 1));
    println!("SSEKIT_CHAOS_SECONDS={seconds} SSEKIT_CHAOS_SEED={seed}");
    let hub = HubProcess::start(OPTIONS).await;
    let stage = Arc::new(Stage {
        hub_address: hub.address(),
        proxy: Proxy::start(hub.address()).await,
        ledger: Mutex::default(),
        ends_at: Instant::now() + Duration::from_secs(seconds),
        hubs: AtomicUsize::new(1),
        topics: TOPICS.into(),
        sequences: AtomicU32::new(0),
        jobs: Default::default(),
        followed: Default::default(),
        end: watch::Sender::default(),
    });
    let mut random = Random::new(seed);

    let clients: Vec<_> =
        (0..EVENT_SOURCES + RAW + ABSENT + SLOW).map(|n| client(&stage, n, &mut random)).collect();
    let followers: Vec<_> = (0..LANES * FOLLOWERS)
        .map(|n| spawn(clients::follower(Arc::clone(&stage), n % LANES, seed ^ n as u64)))
        .collect();
    let seeds = |count| (0..count as u64).map(move |n| seed.wrapping_mul(1_000_003) + n);
    let bursts = seeds(PUBLISHERS).map(|seed| spawn(publish::bursts(Arc::clone(&stage), seed)));
    let floods = spawn(publish::floods(Arc::clone(&stage)));
    let publishers: Vec<_> = bursts.chain([floods]).collect();
    let lanes: Vec<_> = (0..LANES)
        .zip(seeds(LANES))
        .map(|(lane, seed)| spawn(publish::jobs(Arc::clone(&stage), lane, seed, FOLLOWERS)))
        .collect();
    let faults = spawn(faults(Arc::clone(&stage), seed));
    let (hub, restarts) = restarts(&stage, hub, seconds, seed).await;

    let all = async {
        faults.await.unwrap();
        join(publishers).await;
        let jobs: usize = join(lanes).await.iter().sum();
        let mut records: Vec<_> = join(followers).await.into_iter().flatten().collect();
        stage.end.send_replace(Some(end(&stage, &hub).await));
        records.extend(join(clients).await);
        (jobs, records)
    };
    let (jobs, records) = timeout(PATIENCE, all).await.expect("an event does not come");

    let mut ledger = std::mem::take(&mut *stage.ledger.lock().unwrap());
    ledger.adopt(&records);
    let (mut deliveries, mut reconnections) = (0, 0);
    let (mut evicted, mut unknown, mut ends) = (0, 0, 0);
    for (number, record) in records.iter().enumerate() {
        ledger
            .check(record)
            .unwrap_or_else(|error| panic!("record {number} of topics {:?}: {error}", record.topics));
        deliveries += record.events();
        reconnections += record.reconnections;
        evicted += record.gaps(Reason::Evicted);
        unknown += record.gaps(Reason::Unknown);
        ends += record.ends();
    }
    let clients = EVENT_SOURCES + RAW + ABSENT + SLOW + LANES * FOLLOWERS;
    println!(
        "{clients} clients, of which {SLOW} read a byte a second; {} events, {jobs} topics finished",
        ledger.len()
    );
    println!("{deliveries} deliveries, {reconnections} reconnections, {restarts} restarts of the hub");
    println!("{evicted} gaps told as evicted, {unknown} as unknown, {ends} clients stopped with 204");
    for fault in Fault::ALL {
        println!("{fault:?}: {} times", stage.proxy.effects(fault));
        assert!(stage.proxy.effects(fault) > 0, "{fault:?} never happened");
    }
    assert!(restarts > 1 && evicted > 0 && unknown > 0 && jobs >= LANES);
    assert_eq!(ends, jobs * FOLLOWERS);
    hub.stats_when(PATIENCE, |stats| stats.subscribers == 0).await;
    hub.stop().await;
}

/// Starts a client of one topic or several.
fn client(stage: &Arc<Stage>, number: usize, random: &mut Random) -> JoinHandle<Record> {
    let count = if random.within(0..4) == 0 { 3 } else { 1 };
    let first = random.within(0..TOPICS as usize) as u32;
    let topics = (0..count).map(|n| (first + 3 * n) % TOPICS).collect();
    let record = Record::new(topics, false);
    let (stage, seed) = (Arc::clone(stage), number as u64);
    if number < EVENT_SOURCES {
        spawn(clients::event_source(stage, record, seed))
    } else if number < EVENT_SOURCES + RAW {
        spawn(clients::raw(stage, record, seed, SHORT_ABSENCE))
    } else if number < EVENT_SOURCES + RAW + ABSENT {
        spawn(clients::raw(stage, record, seed, LONG_ABSENCE))
    } else {
        let record = Record::new((0..TOPICS).collect(), false);
        spawn(clients::slow(stage, record, seed))
    }
}

/// Lets faults happen until the time is up.
async fn faults(stage: Arc<Stage>, seed: u64) {
    let mut random = Random::new(!seed);
    while !stage.is_over() {
        sleep(PAUSE).await;
        stage.proxy.strike(random.within(0..1 << 32), Fault::ALL[random.within(0..Fault::ALL.len())]);
    }
}

/// Stops or kills the hub now and then, and starts another one in its place, until the time is up.
async fn restarts(stage: &Stage, mut hub: HubProcess, seconds: u64, seed: u64) -> (HubProcess, usize) {
    let mut random = Random::new(seed ^ 0x5eed);
    let restarts = (seconds / 10).max(2);
    let pause = Duration::from_secs(seconds) / (restarts as u32 + 1);
    for restart in 0..restarts {
        sleep(pause).await;
        stage.hubs.fetch_add(1, Ordering::Relaxed);
        if restart % 2 == 0 {
            hub.kill().await;
        } else {
            hub.stop().await;
        }
        sleep(Duration::from_millis(random.within(0..300) as u64)).await;
        hub = HubProcess::start_at(stage.hub_address, OPTIONS).await;
    }
    sleep(stage.ends_at.saturating_duration_since(Instant::now())).await;
    (hub, restarts as usize)
}

/// Publishes a last event, and looks up what is the last on each topic.
async fn end(stage: &Stage, hub: &HubProcess) -> End {
    let sequence = stage.next_sequence();
    let last = Id::parse(&hub.publish("/events?topic=0", record::data(0, sequence)).await)
        .expect("one of the hub's IDs");
    let mut ledger = stage.ledger.lock().unwrap();
    ledger.add(last, 0, sequence);
    let numbers = (0..TOPICS).map(|topic| ledger.last(last.epoch, &[topic])).collect();
    End { epoch: last.epoch, numbers }
}

async fn join<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}
