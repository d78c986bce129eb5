//! A server that is killed, connections that end, an older copy, and what PostgreSQL refuses.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use ssekit::{
    Event, EventId,
    relay::{AppendError, Limit, Log, PublishError, Record},
};
use ssekit_postgres::PostgresLog;
use support::{
    client::{Client, node},
    server::Server,
};
use tokio::task::JoinSet;

const ALL: Limit = Limit::entries(100_000);

fn event(data: impl ToString) -> Record {
    Record::Event { topic: "a".into(), event: Event::new(data.to_string()) }
}

async fn ids(log: &PostgresLog) -> Vec<EventId> {
    log.read(None, ALL).await.unwrap().entries.into_iter().map(|entry| entry.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_nothing_that_was_acknowledged_and_clients_stay() {
    let mut server = Server::start().await;
    let relay = Arc::new(node(server.open("events").await, 10_000));
    let mut client = Client::default();
    let mut events = client.connect(&relay).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut publishers = JoinSet::new();
    for publisher in 0..8 {
        let (relay, stop) = (Arc::clone(&relay), Arc::clone(&stop));
        publishers.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let name = format!("{publisher}-{number}");
                // It is tried again with its key until it is acknowledged, and so is published once.
                while let Err(error) = relay.publish_once("a", &name, Event::new(name.clone())).await {
                    assert!(!matches!(error, PublishError::Refused(_)), "{error}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                acknowledged.push(name);
            }
            acknowledged
        });
    }
    for kill in 1..=3 {
        client.read_to(&mut events, 40 * kill).await;
        server.restart().await;
    }
    client.read_to(&mut events, 160).await;
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged: Vec<String> = publishers.join_all().await.into_iter().flatten().collect();
    client.read_to(&mut events, acknowledged.len()).await;
    assert_eq!(client.gaps, 0);
    client.seen.sort();
    acknowledged.sort();
    assert_eq!(client.seen, acknowledged);
    assert!(relay.stats().reconnects >= 1);
}

#[tokio::test]
async fn connections_that_were_ended_while_idle_are_replaced_without_an_error() {
    let server = Server::start().await;
    let log = server.open("events").await;
    let first = log.append(event(0), None).await.unwrap();
    assert!(log.holds(&first).await.unwrap());
    let admin = server.client().await;
    admin
        .batch_execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
        .await
        .unwrap();
    assert!(log.holds(&first).await.unwrap());
    // Long enough to count as idle.
    tokio::time::sleep(Duration::from_millis(600)).await;
    log.append(event(1), None).await.unwrap();
}

#[tokio::test]
async fn the_table_is_read_even_if_a_notification_is_lost() {
    let server = Server::start().await;
    let log = server.open("events").await;
    let first = log.append(event(0), None).await.unwrap();
    let following = {
        let (log, first) = (log.clone(), first.clone());
        tokio::spawn(async move {
            loop {
                let page = log.follow(&first, ALL).await.unwrap();
                if !page.entries.is_empty() {
                    return page;
                }
            }
        })
    };
    let silent = "INSERT INTO events.entries (number, tag, topic, fields) VALUES (nextval('events.numbers'), 1, 'a', '{}')";
    server.client().await.batch_execute(silent).await.unwrap();
    let page = tokio::time::timeout(Duration::from_secs(20), following).await.unwrap().unwrap();
    assert!(page.held);
    assert_eq!(page.entries.len(), 1);
}

#[tokio::test]
async fn after_an_older_copy_was_put_back_no_id_comes_to_mean_another_event() {
    let server = Server::start().await;
    let log = server.open("events").await;
    log.append(event(0), None).await.unwrap();
    let lost = log.append(event(1), None).await.unwrap();
    let (number, _) = lost.as_str().split_once('-').unwrap();
    let restore = format!(
        "DELETE FROM events.entries WHERE number = {number}; SELECT setval('events.numbers', {number}, false)"
    );
    server.client().await.batch_execute(&restore).await.unwrap();
    let new = log.append(event(2), None).await.unwrap();
    assert!(new.as_str().starts_with(&format!("{number}-")) && new != lost, "{new} {lost}");
    assert!(!log.holds(&lost).await.unwrap());
    assert!(!log.read(Some(&lost), ALL).await.unwrap().held);
    assert!(!log.follow(&lost, ALL).await.unwrap().held);
}

#[tokio::test]
async fn the_log_is_bounded_by_count_and_age() {
    let server = Server::start().await;
    let log = server.open_with(PostgresLog::options().max_events(160), "counted").await;
    for number in 0..400 {
        log.append(event(number), None).await.unwrap();
    }
    let held = ids(&log).await.len();
    assert!((160..=170).contains(&held), "{held}");
    // As old as what was appended long ago.
    server
        .client()
        .await
        .batch_execute("UPDATE counted.entries SET at = at - interval '1 day'")
        .await
        .unwrap();
    let log = server
        .open_with(PostgresLog::options().max_events(16).max_age(Duration::from_secs(3600)), "counted")
        .await;
    let new = log.append(event("new"), None).await.unwrap();
    let last = log.append(event("last"), None).await.unwrap();
    assert_eq!(ids(&log).await, [new, last]);
}

#[tokio::test]
async fn what_postgresql_refuses_fails_alone() {
    let server = Server::start().await;
    let log = server.open("events").await;
    let refused = Record::Event { topic: "with\0nul".into(), event: Event::new("x") };
    let records = (0..50).map(|number| if number == 25 { refused.clone() } else { event(number) });
    let appended = join_all(records.map(|record| log.append(record, None))).await;
    for (number, appended) in appended.iter().enumerate() {
        match appended {
            Err(AppendError::Refused(error)) if number == 25 => {
                assert_eq!(
                    error.to_string(),
                    "PostgreSQL refused a statement: invalid byte sequence for encoding \"UTF8\": 0x00"
                );
            }
            appended => assert!(appended.is_ok() && number != 25, "{number}: {appended:?}"),
        }
    }
    let id = log.append(event("data with\0nul"), None).await.unwrap();
    let page = log.read(None, ALL).await.unwrap();
    let last = page.entries.last().unwrap();
    assert_eq!((&last.id, page.entries.len()), (&id, 51));
    assert_eq!(last.record.as_ref().unwrap().fields(), event("data with\0nul").fields());
}

#[tokio::test]
async fn publishers_share_commits() {
    let server = Server::start().await;
    let log = server.open("events").await;
    let client = server.client().await;
    let commits = "SELECT xmin::text, count(*) FROM events.entries GROUP BY 1";
    let before = client.query(commits, &[]).await.unwrap().len();
    join_all((0..512).map(|number| log.append(event(number), None))).await;
    let commits = client.query(commits, &[]).await.unwrap().len() - before;
    assert!(commits <= 32, "{commits} commits for 512 events");
}

#[tokio::test]
async fn errors_say_what_is_wrong() {
    let mut server = Server::start().await;
    for name in ["", "Events", "1st", "a-b", "a b", "pg_events"] {
        let error = PostgresLog::open(server.config(), name).await.unwrap_err();
        assert_eq!(error.to_string(), format!("not the name of a log: {name}"));
    }
    let log = server.open("events").await;
    server.kill();
    let error = PostgresLog::open(server.config(), "events").await.unwrap_err();
    assert!(error.to_string().starts_with("cannot connect to PostgreSQL: "), "{error}");
    // The first may find out only by writing.
    let _ = log.append(event(0), None).await;
    let error = log.append(event(0), None).await.unwrap_err();
    let AppendError::Refused(error) = error else { panic!("{error}") };
    assert!(error.to_string().starts_with("cannot connect to PostgreSQL: "), "{error}");
}
