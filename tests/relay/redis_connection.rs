//! The connections of the log in a Redis stream: which ends and answers mean that one is no good, and what is then
//! known about the command.
#![cfg(feature = "redis")]

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crate::support::fake_redis::{FakeRedis, is_append, well};
use crate::support::proxy::{Fault, Proxy};
use crate::support::redis_server::{RedisServer, url};
use futures_util::future::join_all;
use ssekit::{
    Event, EventId,
    relay::{AppendError, Limit, Log, Record, RedisLog, RedisLogError},
};

fn open(url: &str) -> RedisLog {
    RedisLog::open(url, "log").unwrap()
}

async fn append(log: &RedisLog) -> Result<EventId, AppendError<RedisLogError>> {
    log.append(Record::Event { topic: "a".into(), event: Event::new("x") }, None).await
}

#[tokio::test]
async fn a_connection_that_redis_closes_while_idle_fails_nothing() {
    let server = RedisServer::start_with_timeout("1");
    let log = open(&server.url());
    for round in 1..=2 {
        append(&log).await.unwrap();
        assert_eq!(log.read(None, Limit::entries(10)).await.unwrap().entries.len(), 1 + round);
        while server.clients() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    append(&log).await.unwrap();
}

#[tokio::test]
async fn many_appends_on_a_connection_that_was_closed_make_one_new_one() {
    let server = RedisServer::start();
    let log = open(&server.url());
    append(&log).await.unwrap();
    server.command::<()>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    // The runtime has no time to notice.
    while server.clients() > 0 {
        std::thread::yield_now();
    }
    for appended in join_all((0..64).map(|_| append(&log))).await {
        appended.unwrap();
    }
    assert_eq!(server.command::<usize>(&["XLEN", "log"]), 66);
    assert_eq!(server.clients(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_of_the_local_system_serves_and_is_renewed() {
    let server = RedisServer::start_with_local_socket();
    let log = open(&server.local_url());
    append(&log).await.unwrap();
    server.command::<()>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    while server.clients() > 0 {
        std::thread::yield_now();
    }
    append(&log).await.unwrap();
    assert_eq!(server.command::<usize>(&["XLEN", "log"]), 3);
}

#[tokio::test]
async fn a_connection_that_is_forgotten_in_silence_fails_nothing() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.address()).await;
    let log = open(&url(proxy.address()));
    append(&log).await.unwrap();
    log.read(None, Limit::entries(10)).await.unwrap();
    for connection in 0..2 {
        proxy.strike(connection, Fault::Forget);
    }
    pass(Duration::from_secs(1)).await;
    append(&log).await.unwrap();
    pass(Duration::from_secs(1)).await;
    assert_eq!(log.read(None, Limit::entries(10)).await.unwrap().entries.len(), 3);
}

#[tokio::test]
async fn a_connection_that_hangs_while_idle_fails_nothing() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.address()).await;
    let log = open(&url(proxy.address()));
    append(&log).await.unwrap();
    proxy.strike(0, Fault::Stall);
    pass(Duration::from_secs(1)).await;
    append(&log).await.unwrap();
    assert_eq!(server.command::<usize>(&["XLEN", "log"]), 3);
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_not_sent_again() {
    let server = FakeRedis::start(|_, words| (!is_append(words)).then(|| well(words))).await;
    let error = append(&open(&server.url())).await.unwrap_err();
    assert!(matches!(error, AppendError::Unacknowledged(_)), "{error:?}");
    assert_eq!(server.appends(), 1);
}

#[tokio::test]
async fn a_step_that_fails_behind_the_entry_is_no_refusal() {
    let server = FakeRedis::start(|_, words| {
        Some(if is_append(words) { "*2\r\n$3\r\n1-1\r\n$8\r\nERR full\r\n".into() } else { well(words) })
    })
    .await;
    let error = append(&open(&server.url())).await.unwrap_err();
    let AppendError::Unacknowledged(error) = error else { panic!("{error:?}") };
    assert!(error.to_string().ends_with(": ERR full"), "{error}");
}

/// Starts a server whose first connection answers what is to be appended with an error.
async fn first_answers(error: &'static str) -> FakeRedis {
    FakeRedis::start(move |connection, words| {
        let wrong = connection == 1 && is_append(words);
        Some(if wrong { format!("-{error}\r\n") } else { well(words) })
    })
    .await
}

#[tokio::test]
async fn an_answer_of_a_wrong_server_renews_the_connection_and_is_told() {
    for answer in [
        "READONLY You can't write against a read only replica.",
        "NOREPLICAS Not enough good replicas to write.",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "LOADING Redis is loading the dataset in memory",
        "MOVED 1234 127.0.0.1:7000",
        "ASK 1234 127.0.0.1:7000",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "CLUSTERDOWN Hash slot not served",
        "NOAUTH Authentication required.",
        "ERR Error running script (call to f_3d): @user_script:1: @user_script: 1: -READONLY You can't write.",
    ] {
        let server = first_answers(answer).await;
        let log = open(&server.url());
        append(&log).await.unwrap_or_else(|error| panic!("{answer}: {error:?}"));
        assert_eq!((server.accepted(), server.appends()), (2, 2), "{answer}");
        // The one that follows the log leaves that server, too.
        let error = log.follow(&EventId::from_static("1-1"), Limit::entries(10)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("Redis refused a command: {answer}"));
        log.follow(&EventId::from_static("1-1"), Limit::entries(10)).await.unwrap();
    }
}

#[tokio::test]
async fn any_other_refusal_keeps_the_connection() {
    for answer in [
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "NOPERM this user has no permissions to run the 'xadd' command",
        "BUSY Redis is busy running a script.",
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
        "ERR value is not an integer or out of range",
    ] {
        let server = first_answers(answer).await;
        let log = open(&server.url());
        let error = append(&log).await.unwrap_err();
        let AppendError::Refused(error) = error else { panic!("{error:?}") };
        assert_eq!(error.to_string(), format!("Redis refused a command: {answer}"));
        assert!(append(&log).await.is_err());
        assert_eq!((server.accepted(), server.appends()), (1, 2), "{answer}");
    }
}

#[tokio::test]
async fn what_waits_on_a_server_that_becomes_a_replica_is_told() {
    let server = FakeRedis::start(|connection, words| {
        let unblocked = connection == 1 && words[0] == "XREAD";
        Some(if unblocked { "-UNBLOCKED force unblock\r\n".into() } else { well(words) })
    })
    .await;
    let log = open(&server.url());
    let error = log.follow(&EventId::from_static("1-1"), Limit::entries(10)).await.unwrap_err();
    assert_eq!(error.to_string(), "Redis refused a command: UNBLOCKED force unblock");
    // The pause after a connection that has done nothing yet.
    while log.follow(&EventId::from_static("1-1"), Limit::entries(10)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn a_server_that_is_not_ready_is_no_connection() {
    for answer in ["LOADING Redis is loading", "ERR max number of clients reached"] {
        let server = FakeRedis::start(move |connection, words| {
            let refused = connection == 1 && words[0] == "PING";
            Some(if refused { format!("-{answer}\r\n") } else { well(words) })
        })
        .await;
        let log = open(&server.url());
        let AppendError::Refused(error) = append(&log).await.unwrap_err() else { panic!("{answer}") };
        assert_eq!(error.to_string(), format!("cannot connect to Redis: {answer}"));
        while append(&log).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!((server.accepted(), server.appends()), (2, 1), "{answer}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_only_to_be_asked_is_used() {
    for answer in
        ["MISCONF errors writing to the AOF file", "NOPERM no permissions to run the 'ping' command"]
    {
        let server = FakeRedis::start(move |_, words| {
            Some(if words[0] == "PING" { format!("-{answer}\r\n") } else { well(words) })
        })
        .await;
        let log = open(&server.url());
        append(&log).await.unwrap();
        pass(Duration::from_secs(1)).await;
        append(&log).await.unwrap();
        assert_eq!(server.accepted(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_server_that_closes_the_connection_is_said_to_do_so() {
    let server = FakeRedis::start(|_, words| (!is_append(words)).then(|| well(words))).await;
    let error = append(&open(&server.url())).await.unwrap_err();
    let AppendError::Unacknowledged(error) = error else { panic!("{error:?}") };
    assert_eq!(error.to_string(), "the connection to Redis broke: the server closed it");
    let server = FakeRedis::start(|_, _| None).await;
    let error = open(&server.url()).read(None, Limit::entries(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot connect to Redis: the server closed it");
}

#[tokio::test]
async fn publishers_that_retry_make_few_connections_to_a_dead_server() {
    // It takes connections and closes them, as a balancer does that has no server left.
    let dead = FakeRedis::start(|_, _| None).await;
    // It takes commands and refuses them.
    let replica = FakeRedis::start(|_, words| {
        Some(if is_append(words) { "-READONLY a replica\r\n".into() } else { well(words) })
    })
    .await;
    for server in [dead, replica] {
        let log = open(&server.url());
        let (began, refused) = (Instant::now(), AtomicUsize::new(0));
        join_all((0..64).map(|_| async {
            while refused.fetch_add(1, Ordering::Relaxed) < 10_000 {
                assert!(matches!(append(&log).await, Err(AppendError::Refused(_))));
                tokio::task::yield_now().await;
            }
        }))
        .await;
        let most = 4 + 8 * began.elapsed().as_secs() as usize;
        assert!(server.accepted() <= most, "{} connections, at most {most}", server.accepted());
    }
}

#[tokio::test]
async fn attempts_that_are_given_up_count_as_well() {
    // It never answers.
    let server = FakeRedis::start(|_, _| Some(String::new())).await;
    let log = open(&server.url());
    for _ in 0..1_000 {
        tokio::select! {
            biased;
            _ = append(&log) => {}
            () = tokio::task::yield_now() => {}
        }
    }
    assert!(server.accepted() <= 10, "{}", server.accepted());
}

/// Lets time pass on tokio's clock alone.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
