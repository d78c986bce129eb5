//! Logs on a Redis whose old master is still up after a failover.
#![cfg(feature = "redis")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ssekit::{
    Event, EventId,
    relay::{AppendError, Limit, Log, Record, RedisLog, RedisLogError},
};
use tokio::time::timeout;

use crate::support::{
    fake_redis::{FakeRedis, well},
    redis_sentinel::Group,
    redis_server::RedisServer,
};

/// A Sentinel that answers what a test wants.
struct Sentinel {
    server: FakeRedis,
    answer: Arc<Mutex<Answer>>,
}

/// The master's epoch and port among all that a Sentinel knows of it, and the port that it gives for its name.
#[derive(Clone, Copy)]
struct Answer {
    epoch: u64,
    port: u16,
    by_name: u16,
}

impl Sentinel {
    async fn start(master: &RedisServer) -> Self {
        let port = master.address().port();
        let answer = Arc::new(Mutex::new(Answer { epoch: 1, port, by_name: port }));
        let answered = Arc::clone(&answer);
        let server = FakeRedis::start(move |_, words| {
            let Answer { epoch, port, by_name } = *answered.lock().unwrap();
            Some(match words.get(1).map(String::as_str) {
                Some("MASTER") => {
                    let (port, epoch) = (port.to_string(), epoch.to_string());
                    strings(&["ip", "127.0.0.1", "port", &port, "config-epoch", &epoch])
                }
                Some("GET-MASTER-ADDR-BY-NAME") => strings(&["127.0.0.1", &by_name.to_string()]),
                _ => well(words),
            })
        })
        .await;
        Self { server, answer }
    }

    fn log(&self) -> RedisLog {
        open(&format!("{}main", self.server.url().replace("redis://", "redis+sentinel://")))
    }

    /// Makes another server the master. The old one is not told.
    fn promote(&self, master: &RedisServer) {
        let port = master.address().port();
        *self.answer.lock().unwrap() = Answer { epoch: 2, port, by_name: port };
    }
}

fn strings(words: &[&str]) -> String {
    let words: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{words}", words.matches('$').count())
}

/// Opens a log that waits for a reply for longer than any failover takes.
fn open(url: &str) -> RedisLog {
    RedisLog::open(url, "log").unwrap().timeout(PATIENCE)
}

async fn append(log: &RedisLog) -> Result<EventId, AppendError<RedisLogError>> {
    log.append(Record::Event { topic: "a".into(), event: Event::new("x") }, None).await
}

async fn is_in(server: &RedisServer, id: &EventId) -> bool {
    RedisLog::open(&server.url(), "log").unwrap().holds(id).await.unwrap()
}

#[tokio::test]
async fn no_connection_stays_at_the_old_master_once_another_one_found_the_new_one() {
    let (old, new) = (RedisServer::start(), RedisServer::start());
    let sentinel = Sentinel::start(&old).await;
    let log = sentinel.log();
    let first = append(&log).await.unwrap();
    assert!(is_in(&old, &first).await);
    sentinel.promote(&new);
    // The first connection that reads leads to the new master. The one that appends leads to the old one, which is up.
    log.read(None, Limit::entries(1)).await.unwrap();
    let second = append(&log).await.unwrap();
    assert!(is_in(&new, &second).await);
}

#[tokio::test]
async fn an_old_master_that_is_up_is_left_by_itself() {
    let (old, new) = (RedisServer::start(), RedisServer::start());
    let sentinel = Sentinel::start(&old).await;
    let log = sentinel.log();
    append(&log).await.unwrap();
    sentinel.promote(&new);
    let left = async {
        loop {
            match append(&log).await {
                Ok(id) if is_in(&new, &id).await => break,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    timeout(PATIENCE, left).await.expect("it stays at the old master");
}

/// While the replicas are told of the new master, its epoch is known by its predecessor's address.
#[tokio::test]
async fn the_master_is_the_new_one_from_when_its_epoch_is_known() {
    let (old, new) = (RedisServer::start(), RedisServer::start());
    let sentinel = Sentinel::start(&old).await;
    let (old_port, new_port) = (old.address().port(), new.address().port());
    *sentinel.answer.lock().unwrap() = Answer { epoch: 2, port: old_port, by_name: new_port };
    let log = sentinel.log();
    let id = append(&log).await.unwrap();
    assert!(is_in(&new, &id).await);
    sentinel.promote(&new);
    log.read(None, Limit::entries(1)).await.unwrap();
    let id = append(&log).await.unwrap();
    assert!(is_in(&new, &id).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_master_that_wakes_after_a_failover_acknowledges_nothing() {
    let group = Group::start();
    let log = Arc::new(open(&group.url()));
    append(&log).await.unwrap();
    let old = group.master().unwrap();
    // It takes what it gets without a replica, too.
    group.servers[old].command::<()>(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    let others: Vec<_> = (0..3).filter(|server| *server != old).collect();
    group.servers[old].signal("STOP");
    let appending = Arc::clone(&log);
    let waits = tokio::spawn(async move { append(&appending).await });
    let group = tokio::task::spawn_blocking(move || {
        group.until("there is another master", |group| group.master().is_some_and(|new| new != old));
        group
    });
    let group = group.await.unwrap();

    // Publishing goes on at the new master before the old one is back.
    let next = async {
        loop {
            match append(&log).await {
                Ok(id) => break id,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let next = timeout(PATIENCE, next).await.expect("publishing does not go on");
    let new = others.into_iter().find(|server| Some(*server) == group.master()).unwrap();
    assert!(is_in(&group.servers[new], &next).await);
    group.servers[old].signal("CONT");
    let answer = timeout(PATIENCE, waits).await.expect("the append gets no answer").unwrap();
    let Err(AppendError::Unacknowledged(error)) = answer else { panic!("{answer:?}") };
    assert!(error.to_string().starts_with("Redis failed over: the master is now "), "{error}");
}

const PATIENCE: Duration = Duration::from_secs(60);
