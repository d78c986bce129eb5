//! Who is here: the names of the open streams, as keys of a topic that all nodes share.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, future, stream};
use serde_json::json;
use ssekit::{
    Event, EventType, Subscribe,
    hub::{Lag, Start},
};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::interval,
};

use crate::source::Source;

/// Counts the streams of each name, and publishes when the first one opens and when the last one has ended.
///
/// A node knows its own streams only, so its keys have a name of the node, too: a client that goes from one node to
/// another is still here when the first one notices that it has left. A node that dies removes nothing. So each
/// repeats from time to time who is here, and a page takes a name of which it has not heard for long to be gone.
#[derive(Clone, Debug)]
pub(crate) struct Presence(UnboundedSender<Change>);

#[derive(Debug)]
enum Change {
    Opened(String),
    Ended(String),
}

impl Presence {
    pub(crate) fn new(source: Source, node: String) -> Self {
        let (changes, receiver) = mpsc::unbounded_channel();
        tokio::spawn(publish_changes(source, node, receiver));
        Self(changes)
    }

    /// Returns the subscription of those who want to know.
    pub(crate) fn subscribe() -> Subscribe {
        Subscribe::to(TOPIC).start(Start::Oldest).lag(Lag::Skip)
    }

    /// Counts a stream. Returns what to call when it has ended.
    pub(crate) fn open(&self, name: String) -> impl FnOnce() + Send + use<> {
        let changes = self.0.clone();
        let _ = changes.send(Change::Opened(name.clone()));
        move || drop(changes.send(Change::Ended(name)))
    }
}

/// Adds to a client's stream who is here: at first all, then who comes and goes. It ends when either stream does.
///
/// These events go out without IDs, because the client's last event ID is about the topics that it asked for. It needs
/// none for this: each stream begins with all names.
pub(crate) fn beside<E>(
    events: impl Stream<Item = Result<Bytes, E>>,
    present: impl Stream<Item = Bytes>,
) -> impl Stream<Item = Result<Bytes, E>> {
    let end = || stream::once(future::ready(None));
    let present = present.map(without_ids).filter(|blocks| future::ready(!blocks.is_empty()));
    stream::select(events.map(Some).chain(end()), present.map(|blocks| Some(Ok(blocks))).chain(end()))
        .take_while(|next| future::ready(next.is_some()))
        .filter_map(future::ready)
}

/// Leaves out the IDs, and blocks that are not about a name.
fn without_ids(blocks: Bytes) -> Bytes {
    let blocks = str::from_utf8(&blocks).unwrap_or_default().split_inclusive("\n\n");
    let events = blocks.filter_map(|block| block.split_once('\n').map(|(_id, rest)| rest));
    let events = events.filter(|rest| rest.starts_with("event: here\n") || rest.starts_with("event: gone\n"));
    events.collect::<String>().into()
}

/// Publishes one change after the other, so that the events come in the order of the changes.
async fn publish_changes(source: Source, node: String, mut changes: UnboundedReceiver<Change>) {
    let mut streams = HashMap::<String, usize>::new();
    let mut repeat = interval(REPEAT);
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Some(Change::Opened(name)) => {
                    let count = streams.entry(name.clone()).or_default();
                    *count += 1;
                    if *count == 1 {
                        publish(&source, &node, &name, HERE).await;
                    }
                }
                Some(Change::Ended(name)) => {
                    let Some(count) = streams.get_mut(&name) else { continue };
                    *count -= 1;
                    if *count == 0 {
                        streams.remove(&name);
                        publish(&source, &node, &name, GONE).await;
                    }
                }
                None => return,
            },
            _ = repeat.tick() => for name in streams.keys() {
                publish(&source, &node, name, HERE).await;
            },
        }
    }
}

async fn publish(source: &Source, node: &str, name: &str, event_type: EventType) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let key = format!("{node} {name}");
    let data = json!({ "key": key, "name": name, "at": u64::try_from(now).unwrap_or(u64::MAX) }).to_string();
    let event = Event::new(data).with_type(event_type.clone());
    let event = if event_type == GONE { event.with_removed_key(key) } else { event.with_key(key) };
    // If it fails, the next repetition says who is here, and a page forgets who is gone.
    let _ = source.publish(TOPIC, event).await;
}

const TOPIC: &str = "here";
const HERE: EventType = EventType::from_static("here");
const GONE: EventType = EventType::from_static("gone");
/// A page forgets a name after three times as long.
const REPEAT: Duration = Duration::from_secs(20);
