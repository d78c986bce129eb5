//! Steps shared by the checks. Each fails with a sentence.

use std::{error::Error, time::Duration};

use tokio::time::timeout;

use crate::{
    event::{id::EventId, value::Event},
    history::ids::IdOrder,
    relay::{
        log::{AppendError, Entry, Limit, Log, Page},
        record::Record,
    },
};

/// Fails with a sentence unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($reason:tt)+) => {
        if !$condition {
            return Err(format!($($reason)+));
        }
    };
}
pub(super) use ensure;

pub(super) fn event(topic: &str, data: impl ToString) -> Record {
    Record::Event { topic: topic.into(), event: Event::new(data.to_string()) }
}

pub(super) fn finish(topic: &str) -> Record {
    Record::Finish { topic: topic.into() }
}

/// Returns a record's fields as text, or the reason why it is not valid.
pub(super) fn says(entry: &Entry) -> String {
    match &entry.record {
        Ok(record) => format!("{:?}", record.fields()),
        Err(error) => error.to_string(),
    }
}

pub(super) async fn within<T>(what: &str, step: impl Future<Output = T>) -> Result<T, String> {
    timeout(PATIENCE, step).await.map_err(|_| format!("{what} took more than {PATIENCE:?}"))
}

pub(super) async fn append<L: Log>(log: &L, record: Record, key: Option<&str>) -> Result<EventId, String> {
    within("appending", log.append(record, key)).await?.map_err(|error| in_full(&error))
}

pub(super) async fn append_all<L: Log>(log: &L, count: usize) -> Result<Vec<EventId>, String> {
    let mut ids = Vec::with_capacity(count);
    for number in 0..count {
        ids.push(append(log, event("topic", number), None).await?);
    }
    Ok(ids)
}

/// Appends to a finished topic, which must be refused for that reason.
pub(super) async fn ensure_finished<L: Log>(log: &L, topic: &str, when: &str) -> Result<(), String> {
    for record in [event(topic, "late"), finish(topic)] {
        let appended = within("appending", log.append(record, None)).await?;
        ensure!(
            matches!(appended, Err(AppendError::Finished)),
            "{when}, appending to a finished topic gave {appended:?}"
        );
    }
    Ok(())
}

pub(super) async fn read<L: Log>(log: &L, after: Option<&EventId>, limit: Limit) -> Result<Page, String> {
    within("reading", log.read(after, limit)).await?.map_err(|error| in_full(&error))
}

pub(super) async fn follow<L: Log>(log: &L, after: &EventId, limit: Limit) -> Result<Page, String> {
    within("following", log.follow(after, limit)).await?.map_err(|error| in_full(&error))
}

pub(super) async fn holds<L: Log>(log: &L, id: &EventId) -> Result<bool, String> {
    within("looking up", log.holds(id)).await?.map_err(|error| in_full(&error))
}

/// Reads everything that comes after an ID, but for the marks with which a log begins by itself.
pub(super) async fn read_all<L: Log>(
    log: &L,
    after: Option<&EventId>,
    limit: Limit,
) -> Result<Vec<Entry>, String> {
    let mut entries = read_with_marks(log, after, limit).await?;
    entries.retain(|entry| !matches!(entry.record, Ok(Record::Begin)));
    Ok(entries)
}

/// Reads all entries after an ID, page by page, and checks each page.
pub(super) async fn read_with_marks<L: Log>(
    log: &L,
    after: Option<&EventId>,
    limit: Limit,
) -> Result<Vec<Entry>, String> {
    let (order, mut after) = (log.order(), after.cloned());
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let page = read(log, after.as_ref(), limit).await?;
        ensure!(
            after.is_none() || page.held,
            "a page after {after:?}, which the log has just given, is not held"
        );
        ensure!(page.entries.len() <= limit.entries, "{} entries came for {limit:?}", page.entries.len());
        ensure!(page.at_end || !page.entries.is_empty(), "an empty page is not at the end, for {limit:?}");
        for entry in &page.entries {
            let (last, at) =
                (after.as_ref().map(|id| order.position(id.as_str())), order.position(entry.id.as_str()));
            ensure!(at.is_some(), "the ID {} has no position", entry.id);
            ensure!(last < Some(at), "{} comes after {after:?}", entry.id);
            ensure!(
                at.map(|at| order.id(at)).as_ref() == Some(&entry.id),
                "the ID {} changes on its way",
                entry.id
            );
            after = Some(entry.id.clone());
        }
        all.extend(page.entries);
        if page.at_end {
            return Ok(all);
        }
    }
}

pub(super) fn ids(entries: &[Entry]) -> Vec<EventId> {
    entries.iter().map(|entry| entry.id.clone()).collect()
}

/// Returns the text of an error with all of its causes.
fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

const PATIENCE: Duration = Duration::from_secs(10);
/// More entries than any check appends.
pub(super) const ALL: Limit = Limit::entries(10_000);
