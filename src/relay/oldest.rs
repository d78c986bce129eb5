use std::{
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::sync::Mutex;

use crate::{
    event::value::Event,
    relay::{
        log::{Entry, Page},
        record::Record,
    },
};

/// The oldest entry of a log, read once for all waiting callers.
///
/// Each client with an invented ID costs such a look-up, and the entry may be large. So one look-up runs at a
/// time, and its result serves all callers that asked before it began.
#[derive(Debug, Default)]
pub(super) struct Oldest {
    /// The number of look-ups begun. Changes only while `latest` is locked.
    begun: AtomicU64,
    latest: Mutex<Found>,
}

/// The result of a look-up.
#[derive(Clone, Debug, Default)]
struct Found {
    /// The number of the look-up.
    number: u64,
    whole: bool,
    entry: Option<Entry>,
}

impl Oldest {
    /// Returns whether the log has removed nothing, and its oldest entry without the text of its event.
    pub(super) async fn get<E>(
        &self,
        read: impl Future<Output = Result<Page, E>>,
    ) -> Result<(bool, Option<Entry>), E> {
        // A look-up under way may have read an entry that was removed since, so wait for the next one.
        let next = self.begun.load(Ordering::Acquire) + 1;
        let mut latest = self.latest.lock().await;
        if latest.number < next {
            // Only the holder of the lock begins a look-up, so nobody else raises `begun` in
            // between. If the read fails or is dropped, its number is spent and the next caller
            // begins another.
            let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
            let page = read.await?;
            let entry = page.entries.into_iter().next().map(without_texts);
            *latest = Found { number, whole: page.held, entry };
        }
        Ok((latest.whole, latest.entry.clone()))
    }
}

/// Keeps only the topic and the type of an entry's event, so that nothing large is held.
fn without_texts(entry: Entry) -> Entry {
    let Entry { id, record } = entry;
    let record = record.map(|record| match record {
        Record::Event { topic, event } => {
            // The type stays, because an event of a reserved type concerns no client.
            let event_type = event.event_type().cloned();
            let event = event_type.map_or_else(Event::default, |typed| Event::default().with_type(typed));
            Record::Event { topic, event }
        }
        other => other,
    });
    Entry { id, record }
}
