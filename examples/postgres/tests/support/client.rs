use std::time::Duration;

use futures_util::StreamExt;
use ssekit::{Bounds, Hub, LastEventId, Subscribe, Subscription, relay::Relay};
use ssekit_postgres::PostgresLog;
use tokio::time::timeout;

/// Starts a node on a log.
pub(crate) fn node(log: PostgresLog, events: usize) -> Relay<PostgresLog> {
    let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(events)));
    tokio::spawn(tail.run());
    relay
}

/// A client, which may go from one node to another.
#[derive(Default)]
pub(crate) struct Client {
    last: Option<LastEventId>,
    /// The data of the events that it has seen.
    pub(crate) seen: Vec<String>,
    /// How many gaps it was told of.
    pub(crate) gaps: usize,
}

impl Client {
    /// Connects to a node with its last event ID.
    pub(crate) async fn connect(&self, relay: &Relay<PostgresLog>) -> Subscription {
        loop {
            // While the node cannot reach the log, clients are sent away.
            match relay.subscribe(Subscribe::to("a").after(self.last.clone())).await {
                Ok(events) => return events,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Reads one piece of a stream. Returns `false` at its end.
    pub(crate) async fn read(&mut self, events: &mut Subscription) -> bool {
        let piece = timeout(PATIENCE, events.next()).await.expect("nothing comes, nor the end");
        let Some(piece) = piece else { return false };
        let mut is_notice = false;
        for line in std::str::from_utf8(&piece).unwrap().lines() {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("", _) => is_notice = false,
                ("id", id) => self.last = LastEventId::from_bytes(id.as_bytes()),
                ("event", name) => {
                    is_notice = matches!(name, "position" | "reset");
                    self.gaps += usize::from(name == "reset");
                }
                ("data", data) if !is_notice => self.seen.push(data.to_owned()),
                _ => {}
            }
        }
        true
    }

    /// Reads until it has seen a number of events.
    pub(crate) async fn read_to(&mut self, events: &mut Subscription, count: usize) {
        while self.seen.len() < count {
            assert!(self.read(events).await, "the stream ends after {:?}", self.seen);
        }
    }
}

/// A test fails rather than to hang for ever.
const PATIENCE: Duration = Duration::from_secs(60);
