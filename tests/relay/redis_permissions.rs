//! The log in a Redis stream under a user with few permissions: nothing is written that is not told of.
#![cfg(feature = "redis")]

use crate::support::redis_server::RedisServer;
use ssekit::{
    Event,
    relay::{AppendError, Limit, Log, Record, RedisLog},
};

/// The permissions that the documentation of `RedisLog` lists.
const DOCUMENTED: [&str; 12] = [
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
];

/// Opens a log named `log` as a user with these permissions.
fn open(server: &RedisServer, permissions: &[&str]) -> RedisLog {
    allow(server, &["reset", "on", ">secret"]);
    allow(server, permissions);
    RedisLog::open(&format!("redis://events:secret@{}/", server.address()), "log").unwrap()
}

fn allow(server: &RedisServer, permissions: &[&str]) {
    server.command::<()>(&[&["ACL", "SETUSER", "events"], permissions].concat());
}

fn documented() -> Vec<&'static str> {
    [&DOCUMENTED[..], &["~log", "~{log}:*"]].concat()
}

fn event() -> Record {
    Record::Event { topic: "a".into(), event: Event::new("x") }
}

fn finish() -> Record {
    Record::Finish { topic: "a".into() }
}

fn entries(server: &RedisServer) -> usize {
    server.command(&["XLEN", "log"])
}

#[tokio::test]
async fn the_documented_permissions_suffice() {
    let server = RedisServer::start();
    let log = open(&server, &documented()).max_age(std::time::Duration::from_secs(60));
    log.check().await.unwrap();
    assert_eq!(entries(&server), 0);
    let first = log.append(event(), Some("key")).await.unwrap();
    assert_eq!(log.append(event(), Some("key")).await.unwrap(), first);
    log.append(finish(), None).await.unwrap();
    assert!(matches!(log.append(event(), None).await, Err(AppendError::Finished)));
    assert_eq!(log.read(None, Limit::entries(10)).await.unwrap().entries.len(), 3);
    assert_eq!(log.follow(&first, Limit::entries(10)).await.unwrap().entries.len(), 1);
    // Every command was one that is allowed.
    assert!(server.command::<Vec<redis::Value>>(&["ACL", "LOG"]).iter().all(is_ping));
}

/// A connection is asked whether it works: any answer will do.
fn is_ping(entry: &redis::Value) -> bool {
    format!("{entry:?}").contains("ping")
}

#[tokio::test]
async fn a_command_that_is_missing_is_named_before_anything_is_written() {
    let server = RedisServer::start();
    for missing in
        ["exists", "xadd", "xrange", "set", "get", "zadd", "zscore", "zremrangebyscore", "time", "evalsha"]
    {
        let taken = format!("-{missing}");
        let log = open(&server, &[&documented()[..], &[&*taken]].concat());
        for record in [event(), finish(), event()] {
            let error = log.append(record, Some("key")).await.unwrap_err();
            let AppendError::Refused(error) = error else { panic!("{missing}: {error:?}") };
            assert!(error.to_string().to_lowercase().contains(missing), "{missing}: {error}");
        }
        assert_eq!(server.command::<usize>(&["DBSIZE"]), 0, "{missing}");
    }
}

#[tokio::test]
async fn checking_names_what_is_missing() {
    let server = RedisServer::start();
    let log = open(&server, &[&documented()[..], &["-set", "-zadd"]].concat());
    assert_eq!(
        log.check().await.unwrap_err().to_string(),
        "this Redis user lacks permissions: it may not run ZADD on {log}:finished, SET on {log}:once:"
    );
    let log = open(&server, &[&documented()[..], &["-xread"]].concat());
    assert!(log.check().await.unwrap_err().to_string().contains("xread"));
    // To publish, nothing is missing.
    log.append(event(), None).await.unwrap();
    let log = open(&server, &[&DOCUMENTED[..], &["~log"]].concat());
    assert!(log.check().await.unwrap_err().to_string().contains("access"));
}

#[tokio::test]
async fn a_permission_that_is_taken_away_later_leaves_nothing_appended() {
    let server = RedisServer::start();
    let log = open(&server, &documented());
    log.append(event(), Some("first")).await.unwrap();
    for missing in ["-set", "-zadd", "-xadd", "-zremrangebyscore"] {
        allow(&server, &[missing]);
        for attempt in 0..3 {
            for (record, key) in [(finish(), Some("key")), (finish(), None)] {
                // What needs nothing of it would be appended, as it should.
                if (missing, key) == ("-set", None) {
                    continue;
                }
                let error = log.append(record, key).await.unwrap_err();
                assert!(matches!(error, AppendError::Refused(_)), "{missing}, {attempt}: {error:?}");
                assert_eq!(entries(&server), 2, "{missing}, {attempt}");
            }
        }
        allow(&server, &[&missing.replace('-', "+")]);
    }
    // And nothing is left that would keep it from being appended.
    log.append(event(), Some("key")).await.unwrap();
    log.append(finish(), None).await.unwrap();
    assert_eq!(entries(&server), 4);
}
