//! Relays on a Redis that fails over.
#![cfg(feature = "redis")]

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use ssekit::{
    Bounds, Event, Hub, Subscribe,
    hub::GapReason,
    relay::{Limit, Log, PublishError, Record, RedisLog, Relay},
};
use tokio::{sync::watch, task::JoinSet, time::timeout};

use crate::support::{
    blocks::blocks,
    hub_client::{is_notice, last_event_id},
    redis_sentinel::{FailOver, Group},
    redis_server::{RedisServer, free_port},
};

const NODES: usize = 3;
const CLIENTS: usize = 60;
const PUBLISHERS: usize = 6;
const FAILOVERS: [FailOver; 3] = [FailOver::Killed, FailOver::KilledWithOperator, FailOver::Stopped];
/// How many events are published before each failover, and after the last.
const EACH: u64 = 300;

/// The bounds of each node's hub. The first holds hardly anything of what its clients come back for.
const HELD: [usize; NODES] = [50, 1_000, 100_000];

fn open(url: &str) -> RedisLog {
    RedisLog::open(url, "log").unwrap().max_entries(1_000_000).timeout(Duration::from_secs(2))
}

/// What a client has got.
#[derive(Debug)]
enum Got {
    Event { id: String, data: String },
    Gap,
}

/// Publishes until it is to stop. Each event is tried again, with its key, until it is acknowledged.
async fn publish(
    relay: Relay<RedisLog>,
    publisher: usize,
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> Vec<(String, String)> {
    let mut events = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let data = format!("{publisher}-{number}");
        let id = loop {
            match relay.publish_once("a", &data, Event::new(data.clone())).await {
                Ok(id) => break id,
                Err(PublishError::NotPublished(_) | PublishError::Unacknowledged(_)) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("{error}"),
            }
        };
        acknowledged.fetch_add(1, Ordering::Relaxed);
        events.push((id.to_string(), data));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    events
}

/// Reads, and goes to another node now and then, until it has got the last event.
async fn read(
    number: usize,
    nodes: Vec<Relay<RedisLog>>,
    begin: String,
    end: watch::Receiver<String>,
) -> Vec<Got> {
    let (mut got, mut last, mut hops) = (Vec::new(), begin, 0);
    loop {
        hops += 1;
        let after = Subscribe::to("a").after(last_event_id(&last));
        let Ok(mut stream) = nodes[(number + hops) % NODES].subscribe(after).await else {
            // Redis is away, and this node does not know the ID.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        for _ in 0..5 + (number + hops) % 40 {
            if *end.borrow() == last {
                return got;
            }
            let piece = match timeout(Duration::from_millis(500), stream.next()).await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(_) => continue,
            };
            for block in blocks(&piece) {
                if block.event.as_deref() == Some("reset") {
                    got.push(Got::Gap);
                } else if !is_notice(&block) {
                    let data = block.data.clone().unwrap();
                    got.push(Got::Event { id: block.id.clone().unwrap(), data });
                }
                last = block.id.unwrap_or(last);
            }
        }
    }
}

/// What the log holds at the end: by its ID, at which place each event is, and its data.
type Held = HashMap<String, (usize, String)>;

/// Checks that a client got all that is held between its gaps, once and in order, and that a gap follows what is lost.
///
/// Returns how many events it got that it had had before a gap.
fn check(got: &[Got], held: &Held) -> usize {
    let (mut seen, mut last, mut lost) = (HashSet::new(), None::<usize>, false);
    let (mut before_gap, mut again) = (HashSet::new(), 0);
    for (at, event) in got.iter().enumerate() {
        match event {
            // It begins like a new client: at a node that is behind, with events that it has had from another one.
            Got::Gap => {
                (last, lost) = (None, false);
                before_gap.extend(seen.drain());
            }
            Got::Event { id, data } => {
                let around = &got[at.saturating_sub(8)..(at + 3).min(got.len())];
                let held = held.get(id);
                assert!(held.is_none_or(|(_, held)| held == data), "{id} has another meaning, {around:?}");
                assert!(seen.insert(id.clone()), "{id} came twice, held at the end: {held:?}, {around:?}");
                again += usize::from(before_gap.contains(id));
                match (held, last) {
                    (None, _) => lost = true,
                    (Some((at, _)), before) => {
                        assert!(!lost, "{id} came after a lost event without a gap");
                        assert!(before.is_none_or(|before| *at == before + 1), "{before:?} {at}");
                        last = Some(*at);
                    }
                }
            }
        }
    }
    assert!(!lost);
    again
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_failovers_under_load_lose_nothing_in_silence() {
    let mut group = Group::start();
    let faults = Arc::new(AtomicU64::new(0));
    let nodes: Vec<Relay<RedisLog>> = HELD
        .iter()
        .map(|held| {
            let (relay, tail) = Relay::new(open(&group.url()), Hub::builder(Bounds::events(*held)));
            let faults = Arc::clone(&faults);
            tokio::spawn(
                tail.on_fault(move |_| {
                    let _ = faults.fetch_add(1, Ordering::Relaxed);
                })
                .run(),
            );
            relay
        })
        .collect();
    let begin = nodes[0].subscribe("a").await.unwrap().next().await.unwrap();
    let begin = blocks(&begin)[0].id.clone().unwrap();

    let (end, is_end) = watch::channel(String::new());
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(read(number, nodes.clone(), begin.clone(), is_end.clone()));
    }
    let (count, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let relay = nodes[publisher % NODES].clone();
        publishers.spawn(publish(relay, publisher, Arc::clone(&count), Arc::clone(&stop)));
    }
    for how in FAILOVERS {
        some_more(&count).await;
        group = tokio::task::spawn_blocking(move || {
            group.fail_over(how);
            group
        })
        .await
        .unwrap();
    }
    some_more(&count).await;
    stop.store(true, Ordering::Relaxed);
    let acknowledged: Vec<_> = publishers.join_all().await.into_iter().flatten().collect();
    let last = nodes[0].publish("a", Event::new("end")).await.unwrap().to_string();
    end.send_replace(last.clone());

    let log = RedisLog::open(&group.url(), "log").unwrap();
    let entries = log.read(None, Limit::entries(1_000_000)).await.unwrap().entries;
    let events = entries.iter().filter_map(|entry| match &entry.record {
        Ok(Record::Event { event, .. }) => Some((entry.id.to_string(), event.data().unwrap().into_owned())),
        _ => None,
    });
    let held: Held = events.enumerate().map(|(at, (id, data))| (id, (at, data))).collect();
    let is_lost = |(id, data): &&(String, String)| held.get(id).is_none_or(|(_, held)| held != data);
    let lost = acknowledged.iter().filter(is_lost).count();
    // What the new masters had is what was replicated, and each key is there once.
    assert_eq!(held.len(), acknowledged.len() - lost + 1);
    assert!(lost < acknowledged.len() / 4, "{lost} of {} are lost", acknowledged.len());
    let clients = timeout(Duration::from_secs(60), clients.join_all()).await.expect("a client gets no end");
    let (mut gaps, mut complete, mut again) = (0, 0, 0);
    for got in &clients {
        again += check(got, &held);
        let of_client = got.iter().filter(|got| matches!(got, Got::Gap)).count();
        gaps += of_client;
        if of_client == 0 {
            complete += 1;
            assert_eq!(got.len(), held.len(), "a client without a gap has all");
        }
    }
    println!(
        "{} acknowledged, {lost} lost in {} failovers; {complete} of {CLIENTS} clients without a gap, {gaps} gaps, \
         {again} events again after one",
        acknowledged.len(),
        FAILOVERS.len()
    );
    assert!(faults.load(Ordering::Relaxed) > 0);
    for node in &nodes {
        assert!(node.stats().connected && node.stats().reconnects > 0, "{:?}", node.stats());
    }
    assert!(nodes.iter().map(|node| node.stats().failed_publishes).sum::<u64>() > 0);
}

/// Waits until some more events are acknowledged: publishing goes on by itself.
async fn some_more(count: &AtomicU64) {
    let goal = count.load(Ordering::Relaxed) + EACH;
    let more = async {
        while count.load(Ordering::Relaxed) < goal {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), more).await.expect("publishing does not go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_failover_lost_is_told() {
    let mut group = Group::start();
    let node = || {
        let (relay, tail) = Relay::new(open(&group.url()), Hub::builder(Bounds::events(1_000)));
        tokio::spawn(tail.run());
        relay
    };
    let (relay, other) = (node(), node());
    let mut client = relay.subscribe("a").await.unwrap();
    let kept = relay.publish("a", Event::new("kept")).await.unwrap();
    let master = group.master().unwrap();
    group.servers[master].command::<usize>(&["WAIT", "2", "5000"]);

    // The replicas hear nothing any more, and the master acknowledges all the same.
    let replicas: Vec<_> = (0..3).filter(|server| *server != master).collect();
    replicas.iter().for_each(|replica| group.servers[*replica].signal("STOP"));
    group.servers[master].command::<()>(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    group.servers[master].command::<usize>(&["CLIENT", "KILL", "TYPE", "replica"]);
    let lost = relay.publish("a", Event::new("lost")).await.unwrap();
    let mut last = String::new();
    while last != lost.as_str() {
        let piece = timeout(Duration::from_secs(10), client.next()).await.unwrap().unwrap();
        last = blocks(&piece).pop().unwrap().id.unwrap();
    }
    group.servers[master].kill();
    replicas.iter().for_each(|replica| group.servers[*replica].signal("CONT"));
    let failed_over = tokio::task::spawn_blocking(move || {
        group.until("there is another master", |group| group.master().is_some_and(|new| new != master));
        group
    });
    let _group = failed_over.await.unwrap();

    // The stream that had the lost event ends, and its client is told at any node.
    while timeout(Duration::from_secs(60), client.next()).await.expect("the stream goes on").is_some() {}
    let new = loop {
        match relay.publish("a", Event::new("new")).await {
            Ok(id) => break id,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    for relay in [&relay, &other] {
        // A node that has not yet reached the new master takes the client, and ends its stream when it has.
        let gap = loop {
            let after = Subscribe::to("a").after(last_event_id(&last));
            let Ok(mut client) = relay.subscribe(after).await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            if let Some(gap) = client.gap() {
                break gap.reason();
            }
            while let Some(piece) = timeout(Duration::from_secs(60), client.next()).await.unwrap() {
                assert!(blocks(&piece).iter().all(is_notice), "an event comes, and no gap before it");
            }
        };
        assert_eq!(gap, GapReason::Unknown);
        // One that had not seen it misses nothing.
        let mut client =
            relay.subscribe(Subscribe::to("a").after(last_event_id(kept.as_str()))).await.unwrap();
        assert_eq!(client.gap(), None);
        let mut ids = Vec::new();
        while ids.last() != Some(&new.to_string()) {
            let piece = timeout(Duration::from_secs(10), client.next()).await.unwrap().unwrap();
            ids.extend(
                blocks(&piece).into_iter().filter(|block| !is_notice(block)).filter_map(|block| block.id),
            );
        }
        assert_eq!(ids, [new.to_string()]);
    }
}

#[tokio::test]
async fn errors_name_the_sentinel_and_the_master() {
    let port = free_port();
    let away =
        open(&format!("redis+sentinel://127.0.0.1:{port}/main")).check().await.unwrap_err().to_string();
    let start = format!("cannot connect to Redis: Sentinel 127.0.0.1:{port}: ");
    assert!(away.starts_with(&start) && away.contains("refused"), "{away}");

    // A Redis server is no Sentinel.
    let server = RedisServer::start();
    let no_sentinel = open(&format!("redis+sentinel://{}/main", server.address()));
    let error = no_sentinel.check().await.unwrap_err().to_string();
    assert!(error.contains("unknown command 'SENTINEL'"), "{error}");

    let error = RedisLog::open("redis+sentinel://127.0.0.1/", "log").unwrap_err().to_string();
    assert!(error.contains("the name of the master is missing"), "{error}");
}

#[tokio::test]
async fn users_and_sentinels_that_do_not_answer_are_no_trouble() {
    let group = Group::start();
    let master = &group.servers[group.master().unwrap()];
    master.command::<()>(&[
        "ACL",
        "SETUSER",
        "events",
        "on",
        ">p@ss/word",
        "~log",
        "~{log}:*",
        "+evalsha",
        "+script|load",
        "+exists",
        "+xadd",
        "+xrange",
        "+xread",
        "+get",
        "+set",
        "+zadd",
        "+zscore",
        "+zremrangebyscore",
        "+time",
        "+ping",
    ]);
    // Nothing answers at the first address, and the user may not ask for the role.
    let away = free_port();
    let sentinels = group.url().replace("redis+sentinel://", "");
    let url = format!("redis+sentinel://events:p%40ss%2Fword@127.0.0.1:{away},{sentinels}");
    let log = open(&url);
    log.check().await.unwrap();
    log.append(Record::Event { topic: "a".into(), event: Event::new("x") }, None).await.unwrap();
    let wrong = open(&url.replace("word", "wrong")).check().await.unwrap_err().to_string();
    assert_eq!(wrong, "cannot connect to Redis: Password authentication failed");
    let other = open(&group.url().replace("/main", "/other")).check().await.unwrap_err().to_string();
    assert!(other.contains("No such master with that name"), "{other}");
}
