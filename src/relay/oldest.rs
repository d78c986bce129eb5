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

/// The oldest entry of a log, read once for all that wait for it.
///
/// Clients with IDs that nobody was given cost such a look-up each, and the entry may be large. So there is one at a
/// time, and everyone that had asked before it began takes what it finds, as if they had all looked at that moment.
#[derive(Debug, Default)]
pub(super) struct Oldest {
    /// How many look-ups have begun. It changes only while `latest` is locked.
    begun: AtomicU64,
    latest: Mutex<Found>,
}

/// What a look-up has found.
#[derive(Clone, Debug, Default)]
struct Found {
    /// Which look-up it was.
    number: u64,
    whole: bool,
    entry: Option<Entry>,
}

impl Oldest {
    /// Returns whether the log has let go of nothing, and its oldest entry without the texts of its event.
    pub(super) async fn get<E>(
        &self,
        read: impl Future<Output = Result<Page, E>>,
    ) -> Result<(bool, Option<Entry>), E> {
        // One that is under way may have read what has gone since.
        let next = self.begun.load(Ordering::Acquire) + 1;
        let mut latest = self.latest.lock().await;
        if latest.number < next {
            let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
            let page = read.await?;
            let entry = page.entries.into_iter().next().map(without_texts);
            *latest = Found { number, whole: page.held, entry };
        }
        Ok((latest.whole, latest.entry.clone()))
    }
}

/// Leaves what says whom an entry concerns, so that nothing large is kept.
fn without_texts(entry: Entry) -> Entry {
    let Entry { id, record } = entry;
    let record = record.map(|record| match record {
        Record::Event { topic, event } => {
            let event_type = event.event_type().cloned();
            let event = event_type.map_or_else(Event::default, |typed| Event::default().with_type(typed));
            Record::Event { topic, event }
        }
        other => other,
    });
    Entry { id, record }
}
