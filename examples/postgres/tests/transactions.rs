//! Events that are published in transactions.

mod support;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ssekit::{
    Event,
    relay::{Limit, Log, Record, Relay},
};
use ssekit_postgres::PostgresLog;
use support::{
    client::{Client, node},
    server::Server,
};
use tokio::task::JoinSet;

const ALL: Limit = Limit::entries(100_000);

/// Returns the data of all events of a log, in its order.
async fn data(log: &PostgresLog) -> Vec<String> {
    let page = log.read(None, ALL).await.unwrap();
    let events = page.entries.into_iter().filter_map(|entry| match entry.record.unwrap() {
        Record::Event { event, .. } => Some(String::from_utf8(event.encode().to_vec()).unwrap()),
        _ => None,
    });
    events.map(|block| block.trim().strip_prefix("data: ").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_event_exists_exactly_if_the_change_does() {
    let server = Server::start().await;
    let log = server.open("events").await;
    let mut client = server.client().await;
    client.batch_execute("CREATE TABLE orders (id int)").await.unwrap();
    for id in 0..4 {
        let mut transaction = client.transaction().await.unwrap();
        transaction.execute("INSERT INTO orders VALUES ($1)", &[&id]).await.unwrap();
        log.publish_in(&transaction, "a", format!("order {id}")).await.unwrap();
        let savepoint = transaction.transaction().await.unwrap();
        log.publish_in(&savepoint, "a", "not this one").await.unwrap();
        savepoint.rollback().await.unwrap();
        log.publish_in(&transaction, "a", format!("order {id} again")).await.unwrap();
        assert!(!data(&log).await.contains(&format!("order {id}")), "it is there before the commit");
        if id % 2 == 0 {
            transaction.commit().await.unwrap();
        }
    }
    assert_eq!(data(&log).await, ["order 0", "order 0 again", "order 2", "order 2 again"]);
    let left: i64 = client.query_one("SELECT count(*) FROM events.outbox", &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}

#[tokio::test]
async fn what_commits_late_comes_after_what_committed_before() {
    let server = Server::start().await;
    let log = server.open("events").await;
    let relay = node(log.clone(), 100);
    let mut client = Client::default();
    let mut events = client.connect(&relay).await;
    let (mut slow, mut quick) = (server.client().await, server.client().await);
    for isolation in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        client.seen.clear();
        let late = slow.transaction().await.unwrap();
        late.batch_execute(&format!("SET TRANSACTION ISOLATION LEVEL {isolation}")).await.unwrap();
        log.publish_in(&late, "a", "late").await.unwrap();
        // Neither a transaction nor a node waits for one that is still open.
        let transaction = quick.transaction().await.unwrap();
        log.publish_in(&transaction, "a", "in a transaction").await.unwrap();
        transaction.commit().await.unwrap();
        relay.publish("a", Event::new("outside of one")).await.unwrap();
        client.read_to(&mut events, 2).await;
        late.commit().await.unwrap();
        client.read_to(&mut events, 3).await;
        assert_eq!(client.seen, ["in a transaction", "outside of one", "late"], "{isolation}");
    }
}

#[tokio::test]
async fn sql_publishes_too() {
    let server = Server::start().await;
    let log = server.open("events").await;
    let client = server.client().await;
    let sql = "INSERT INTO events.outbox (topic, fields) VALUES ('a', json_build_object('data', 'from SQL', 'retry', 7))";
    client.batch_execute(sql).await.unwrap();
    let page = log.read(None, ALL).await.unwrap();
    let Ok(Record::Event { topic, event }) = &page.entries[1].record else { panic!("{page:?}") };
    assert_eq!((&**topic, event.retry()), ("a", Some(Duration::from_millis(7))));
    assert_eq!(event.encode(), "retry: 7\ndata: from SQL\n\n");
}

#[tokio::test]
async fn a_transaction_that_publishes_to_a_finished_topic_does_not_commit() {
    let server = Server::start().await;
    let log = server.open("events").await;
    let mut client = server.client().await;
    client.batch_execute("CREATE TABLE orders (id int)").await.unwrap();
    let transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO orders VALUES (1)", &[]).await.unwrap();
    log.publish_in(&transaction, "a", "too late").await.unwrap();
    log.append(Record::Finish { topic: "a".into() }, None).await.unwrap();
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.as_db_error().unwrap().message(), "the topic a is finished");
    let orders: i64 = client.query_one("SELECT count(*) FROM orders", &[]).await.unwrap().get(0);
    assert_eq!(orders, 0);
    assert_eq!(data(&log).await, [""; 0]);

    // To finish it again is no error, as for a relay.
    let transaction = client.transaction().await.unwrap();
    log.append_in(&transaction, &Record::Finish { topic: "a".into() }).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Random numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const WRITERS: u64 = 16;
const TRANSACTIONS: u64 = 40;
const CLIENTS: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hop_between_nodes_get_each_committed_event_once_and_in_order() {
    let server = Server::start().await;
    server.client().await.batch_execute("CREATE TABLE orders (what text)").await.unwrap();
    let nodes = [server.open("events").await, server.open("events").await];
    let log = nodes[0].clone();
    // One of the nodes holds so few events that most are read back from the log.
    let [one, two] = nodes;
    let relays = Arc::new([node(one, 2_000), node(two, 5)]);

    let (done, is_done) = tokio::sync::watch::channel(None);
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let (relays, is_done) = (Arc::clone(&relays), is_done.clone());
        // All of them are connected before the first event.
        let client = Client::default();
        let events = client.connect(&relays[0]).await;
        clients.spawn(hop(client, events, relays, is_done, Random(number)));
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(log.clone(), server.client().await, writer));
    }
    let committed: Vec<String> = writers.join_all().await.into_iter().flatten().collect();
    let held = data(&log).await;
    let orders = server.client().await.query("SELECT what FROM orders", &[]).await.unwrap();
    assert_eq!(sorted(held.iter().cloned()), sorted(orders.iter().map(|row| row.get(0))));
    assert_eq!(sorted(held.iter().cloned()), sorted(committed));
    assert!(held.len() as u64 > WRITERS * TRANSACTIONS / 2, "{}", held.len());
    done.send_replace(Some(held.len()));
    for client in clients.join_all().await {
        assert_eq!((client.gaps, &client.seen), (0, &held));
    }
}

fn sorted(data: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    data.into_iter().for_each(|data| *counts.entry(data).or_default() += 1);
    counts
}

/// Commits and rolls back transactions, some of which are open for long, and returns the data of those that committed.
async fn write(log: PostgresLog, mut client: tokio_postgres::Client, writer: u64) -> Vec<String> {
    let (mut random, mut committed) = (Random(writer << 20), Vec::new());
    for number in 0..TRANSACTIONS {
        let transaction = client.transaction().await.unwrap();
        let mut data = Vec::new();
        for event in 0..=random.below(2) {
            let event = format!("{writer} {number} {event}");
            transaction.execute("INSERT INTO orders VALUES ($1)", &[&event]).await.unwrap();
            log.publish_in(&transaction, "a", event.clone()).await.unwrap();
            data.push(event);
            // The order of the commits is to be another one than that of the inserts.
            tokio::time::sleep(Duration::from_millis(random.below(20))).await;
        }
        match random.below(4) {
            0 => transaction.rollback().await.unwrap(),
            _ => {
                transaction.commit().await.unwrap();
                committed.append(&mut data);
            }
        }
    }
    committed
}

/// Reads some pieces from one node, and goes on at a node drawn at random, until it has as many events as there are.
async fn hop(
    mut client: Client,
    mut events: ssekit::Subscription,
    relays: Arc<[Relay<PostgresLog>; 2]>,
    mut is_done: tokio::sync::watch::Receiver<Option<usize>>,
    mut random: Random,
) -> Client {
    loop {
        for _ in 0..=random.below(8) {
            if is_done.borrow().is_some_and(|count| client.seen.len() >= count) {
                return client;
            }
            tokio::select! {
                read = client.read(&mut events) => if !read { break },
                _ = is_done.changed() => {}
            }
        }
        events = client.connect(&relays[random.below(2) as usize]).await;
    }
}
