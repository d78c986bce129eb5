//! The log in a Redis stream: what it appends, what it reads, and what other programs see of it.
#![cfg(feature = "redis")]

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::support::redis_server::RedisServer;
use futures_util::future::join_all;
use ssekit::{
    Event, EventId, EventType,
    relay::{AppendError, Entry, InvalidRecord, Limit, Log, Record, RedisLog, StreamIds},
    replay::IdOrder,
};

fn open(server: &RedisServer) -> RedisLog {
    RedisLog::open(&server.url(), "log").unwrap()
}

fn event(data: &str) -> Record {
    Record::Event { topic: "a".into(), event: Event::new(data.to_owned()) }
}

fn finish() -> Record {
    Record::Finish { topic: "a".into() }
}

fn entries(server: &RedisServer) -> usize {
    server.command(&["XLEN", "log"])
}

/// Returns what an entry says, as text.
fn says(entry: &Entry) -> String {
    match &entry.record {
        Ok(Record::Event { topic, event }) => {
            format!("{topic}: {}", String::from_utf8_lossy(&event.encode()).trim_end_matches('\n'))
        }
        Ok(Record::Finish { topic }) => format!("{topic} finished"),
        Ok(record) => format!("{record:?}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn what_is_appended_is_read_in_order_by_all() {
    let server = RedisServer::start();
    let (one, two) = (open(&server), open(&server));
    let full = Event::new("two\nlines")
        .with_type(EventType::from_static("t"))
        .with_comment("c")
        .with_retry(Duration::from_millis(7));
    let mut ids = vec![one.append(Record::Begin, None).await.unwrap()];
    ids.push(two.append(Record::Event { topic: "b".into(), event: full.clone() }, None).await.unwrap());
    ids.push(one.append(event(""), None).await.unwrap());
    ids.push(two.append(finish(), None).await.unwrap());
    assert!(ids.is_sorted_by_key(|id| StreamIds.position(id.as_str())));

    let page = two.read(None, Limit::entries(10)).await.unwrap();
    assert!(page.held);
    assert_eq!(page.entries.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>(), ids);
    let said: Vec<String> = page.entries.iter().map(says).collect();
    let encoded = String::from_utf8(full.encode().to_vec()).unwrap();
    assert_eq!(said, ["Begin", &format!("b: {}", encoded.trim_end()), "a: data: ", "a finished"]);

    let page = one.read(Some(&ids[1]), Limit::entries(1)).await.unwrap();
    assert_eq!((page.held, page.entries.len(), &page.entries[0].id), (true, 1, &ids[2]));
    let page = one.read(Some(&ids[3]), Limit::entries(5)).await.unwrap();
    assert_eq!((page.held, page.entries.len()), (true, 0));
}

#[tokio::test]
async fn a_log_begins_with_its_mark_whoever_appends_first() {
    let server = RedisServer::start();
    let log = open(&server);
    for record in [event("1"), finish()] {
        server.command::<()>(&["DEL", "log", "{log}:finished"]);
        let id = log.append(record, None).await.unwrap();
        let page = log.read(None, Limit::entries(10)).await.unwrap();
        assert!(page.held);
        assert!(matches!(page.entries[0].record, Ok(Record::Begin)));
        assert_eq!((page.entries.len(), &page.entries[1].id), (2, &id));
    }
}

#[tokio::test]
async fn a_log_that_has_begun_does_not_begin_again() {
    let server = RedisServer::start();
    let (one, two) = (open(&server), open(&server));
    // Both nodes have found it empty. As an oldest entry, a second mark would hide that the event is gone.
    one.append(Record::Begin, None).await.unwrap();
    one.append(event("1"), None).await.unwrap();
    assert!(matches!(two.append(Record::Begin, None).await, Err(AppendError::Finished)));
    assert_eq!(one.read(None, Limit::entries(10)).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn reading_after_an_id_says_whether_it_is_there() {
    let server = RedisServer::start();
    let log = open(&server);
    let first = log.append(event("1"), None).await.unwrap();
    let second = log.append(event("2"), None).await.unwrap();
    let between = StreamIds.id(StreamIds.position(first.as_str()).unwrap() + 1);
    let gone = EventId::from_static("1-1");
    let ahead = EventId::from_static("9999999999999-0");
    for (id, held) in [
        (&first, true),
        (&second, true),
        (&between, *between.as_str() == *second.as_str()),
        (&gone, false),
        (&ahead, false),
    ] {
        assert_eq!(log.read(Some(id), Limit::entries(10)).await.unwrap().held, held, "{id}");
        assert_eq!(log.follow(id, Limit::entries(10)).await.unwrap().held, held, "{id}");
    }
}

#[tokio::test]
async fn following_waits_for_the_next_entry() {
    let server = RedisServer::start();
    let (log, other) = (open(&server), open(&server));
    let first = log.append(event("1"), None).await.unwrap();
    // Nothing comes for as long as Redis waits.
    let page = log.follow(&first, Limit::entries(10)).await.unwrap();
    assert_eq!((page.held, page.entries.len()), (true, 0));
    let (page, second) = tokio::join!(log.follow(&first, Limit::entries(10)), other.append(event("2"), None));
    let page = page.unwrap();
    assert_eq!((page.held, &page.entries[0].id), (true, &second.unwrap()));
}

#[tokio::test]
async fn what_is_taken_away_while_one_waits_is_noticed() {
    let server = RedisServer::start();
    let log = open(&server);
    let first = log.append(event("1"), None).await.unwrap();
    server.command::<()>(&["DEL", "log"]);
    assert!(!log.follow(&first, Limit::entries(10)).await.unwrap().held);
    let (page, second) = tokio::join!(log.follow(&first, Limit::entries(10)), log.append(event("2"), None));
    let page = page.unwrap();
    // The new log begins with its mark.
    assert_eq!((page.held, page.entries.len()), (false, 2));
    assert!(log.follow(&second.unwrap(), Limit::entries(10)).await.unwrap().held);
}

#[tokio::test]
async fn of_many_appends_at_once_each_gets_its_own_id() {
    let server = RedisServer::start();
    let log = open(&server);
    let appended = join_all((0..500).map(|number| {
        let log = &log;
        async move { log.append(event(&number.to_string()), None).await.unwrap() }
    }))
    .await;
    let page = log.read(None, Limit::entries(1000)).await.unwrap();
    let said: HashMap<&EventId, String> = page.entries.iter().map(|entry| (&entry.id, says(entry))).collect();
    // And the mark with which the log begins.
    assert_eq!((page.entries.len(), said.len()), (501, 501));
    for (number, id) in appended.iter().enumerate() {
        assert_eq!(said[id], format!("a: data: {number}"));
    }
    assert_eq!(server.clients(), 2);
}

#[tokio::test]
async fn a_key_is_appended_once() {
    let server = RedisServer::start();
    let (one, two) = (open(&server), open(&server));
    let first = one.append(event("1"), Some("key")).await.unwrap();
    assert_eq!(two.append(event("2"), Some("key")).await.unwrap(), first);
    assert_ne!(two.append(event("3"), Some("other key")).await.unwrap(), first);
    assert_eq!(entries(&server), 3, "two, and the mark with which the log begins");

    let short = open(&server).key_lifetime(Duration::ZERO);
    let third = short.append(event("4"), Some("short")).await.unwrap();
    while server.command(&["EXISTS", "{log}:once:short"]) {
        tokio::task::yield_now().await;
    }
    assert_ne!(short.append(event("5"), Some("short")).await.unwrap(), third);
}

#[tokio::test]
async fn a_finished_topic_takes_no_more_until_its_mark_has_left_the_log() {
    let server = RedisServer::start();
    let log = open(&server);
    log.append(event("1"), None).await.unwrap();
    log.append(finish(), None).await.unwrap();
    for record in [event("2"), finish()] {
        assert!(matches!(log.append(record, None).await, Err(AppendError::Finished)));
    }
    log.append(Record::Event { topic: "b".into(), event: Event::new("3") }, None).await.unwrap();
    assert_eq!(entries(&server), 4);
    // The mark and what is left may be of one millisecond, in which case it counts as being there.
    while entries(&server) > 0 {
        server.command::<()>(&["XTRIM", "log", "MAXLEN", "=", "0"]);
    }
    log.append(event("4"), None).await.unwrap();
    assert_eq!(server.command::<usize>(&["ZCARD", "{log}:finished"]), 0);
}

#[tokio::test]
async fn finished_topics_do_not_add_up() {
    let server = RedisServer::start();
    let log = open(&server).max_entries(100);
    for number in 0..1_000 {
        log.append(Record::Finish { topic: number.to_string() }, None).await.unwrap();
    }
    let entries = entries(&server);
    let finished: usize = server.command(&["ZCARD", "{log}:finished"]);
    assert!((100..400).contains(&entries), "{entries}");
    // As many as there are marks, and those of one more millisecond.
    assert!((entries..entries + 150).contains(&finished), "{finished} for {entries}");
}

#[tokio::test]
async fn the_log_is_bounded_by_count_or_by_age() {
    let server = RedisServer::start();
    let log = open(&server).max_entries(200);
    join_all((0..1_000).map(|_| log.append(event("x"), None))).await;
    let entries = entries(&server);
    assert!((200..400).contains(&entries), "{entries}");

    server.command::<()>(&["DEL", "log"]);
    // Entries of long ago, as another program might have left them.
    for number in 1..1_000 {
        server.command::<()>(&["XADD", "log", &format!("{number}-0"), "topic", "a", "data", "old"]);
    }
    let aged = open(&server).max_age(Duration::from_secs(3600));
    let newest = aged.append(event("new"), None).await.unwrap();
    let page = aged.read(None, Limit::entries(1_000)).await.unwrap();
    assert!(page.entries.len() < 200, "{}", page.entries.len());
    assert_eq!(page.entries.last().unwrap().id, newest);
}

#[tokio::test]
async fn other_programs_read_and_write_plain_fields() {
    let server = RedisServer::start();
    let log = open(&server);
    let record =
        Record::Event { topic: "a".into(), event: Event::new("x").with_type(EventType::from_static("t")) };
    log.append(record, None).await.unwrap();
    let stream: Vec<(String, Vec<String>)> = server.command(&["XRANGE", "log", "-", "+"]);
    assert_eq!(stream[0].1, ["mark", "begin"]);
    let fields: BTreeMap<&str, &str> =
        stream[1].1.chunks(2).map(|field| (field[0].as_str(), field[1].as_str())).collect();
    assert_eq!(fields, BTreeMap::from([("topic", "a"), ("type", "t"), ("data", "x")]));

    server.command::<()>(&["XADD", "log", "*", "trace", "7", "data", "y", "topic", "a"]);
    server.command::<()>(&["XADD", "log", "*", "data", "no topic"]);
    server.command::<()>(&["XADD", "log", "*", "topic", "a", "type", "in\nvalid"]);
    server.command::<()>(&["XADD", "log", "*", "topic", "a", "retry", "+5"]);
    server.command::<()>(&["XADD", "log", "*", "topic", "a", "mark", "other"]);
    let page = log.read(None, Limit::entries(10)).await.unwrap();
    assert_eq!(says(&page.entries[2]), "a: data: y");
    let errors: Vec<InvalidRecord> =
        page.entries[3..].iter().map(|entry| *entry.record.as_ref().unwrap_err()).collect();
    assert!(matches!(
        errors[..],
        [
            InvalidRecord::NoTopic,
            InvalidRecord::EventType(_),
            InvalidRecord::Retry,
            InvalidRecord::UnknownMark
        ]
    ));
}

#[tokio::test]
async fn what_redis_refuses_was_not_appended() {
    let server = RedisServer::start();
    let log = open(&server);
    server.command::<()>(&["SET", "log", "no stream"]);
    let Err(AppendError::Refused(error)) = log.append(event("x"), None).await else { panic!("not refused") };
    assert!(error.to_string().starts_with("Redis refused a command: WRONGTYPE Operation against"), "{error}");
    assert!(log.read(None, Limit::entries(1)).await.is_err());
    server.command::<()>(&["DEL", "log"]);
    log.append(event("x"), None).await.unwrap();
    assert_eq!(server.clients(), 2);
}

#[tokio::test]
async fn a_server_that_has_lost_the_script_is_given_it_again() {
    let server = RedisServer::start();
    let log = open(&server);
    log.append(event("1"), None).await.unwrap();
    server.command::<()>(&["SCRIPT", "FLUSH"]);
    log.append(event("2"), None).await.unwrap();
    assert_eq!(entries(&server), 3);
}

#[tokio::test]
async fn an_append_says_whether_it_was_sent() {
    let mut server = RedisServer::start();
    let log = open(&server).timeout(Duration::from_millis(300));
    log.append(event("1"), None).await.unwrap();
    server.signal("STOP");
    assert!(matches!(log.append(event("2"), None).await, Err(AppendError::Unacknowledged(_))));
    server.signal("CONT");
    // It was slow, and had got it.
    while log.read(None, Limit::entries(10)).await.map_or(0, |page| page.entries.len()) < 3 {}
    server.kill();
    let _ = log.append(event("3"), None).await;
    let error = log.append(event("4"), None).await.unwrap_err();
    let AppendError::Refused(error) = error else { panic!("{error:?}") };
    assert_eq!(error.to_string(), "cannot connect to Redis: Connection refused (os error 111)");
}

#[tokio::test]
async fn the_greatest_and_the_least_settings_work() {
    let server = RedisServer::start();
    for log in [
        open(&server).key_lifetime(Duration::MAX),
        open(&server).max_entries(u64::MAX),
        open(&server).max_entries(0),
        open(&server).max_age(Duration::MAX),
        open(&server).max_age(Duration::ZERO),
        open(&server).timeout(Duration::MAX),
    ] {
        server.command::<()>(&["DEL", "log", "{log}:once:key"]);
        let id = log.append(event("x"), Some("key")).await.unwrap();
        assert_eq!(log.append(event("x"), Some("key")).await.unwrap(), id, "{log:?}");
        assert!(log.follow(&EventId::from_static("0-1"), Limit::entries(10)).await.is_ok(), "{log:?}");
        assert_eq!(entries(&server), 2, "{log:?}");
    }
}

#[tokio::test]
async fn an_error_says_the_reason() {
    let server = RedisServer::start();
    server.command::<()>(&["ACL", "SETUSER", "events", "on", ">secret", "~*", "+@all"]);
    let address = server.address();
    for (url, reason) in [
        (
            format!("redis://events:wrong@{address}/"),
            "cannot connect to Redis: Password authentication failed",
        ),
        (
            format!("redis://{address}/99"),
            "cannot connect to Redis: Redis server refused to switch database: DB index is out of range",
        ),
        (format!("redis://events:secret@{address}/nonsense"), "Invalid database number"),
    ] {
        let failed = match RedisLog::open(&url, "log") {
            Ok(log) => log.read(None, Limit::entries(1)).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(failed.to_string().ends_with(reason), "{failed}");
        assert!(!format!("{failed} {failed:?}").contains("secret"));
    }
}

#[test]
fn an_address_that_is_none_is_refused() {
    let error = RedisLog::open("nonsense", "log").unwrap_err();
    assert_eq!(error.to_string(), "not the address of a Redis server: it has no scheme, such as `redis://`");
    let log = RedisLog::open("redis://:secret@127.0.0.1/", "log").unwrap();
    assert!(!format!("{log:?}").contains("secret"));
}
