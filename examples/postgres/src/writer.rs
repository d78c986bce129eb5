//! Appending outside of the caller's transactions: those that append at the same time share a commit.

use std::sync::Arc;

use ssekit::{EventId, relay::AppendError};
use tokio::sync::{mpsc, oneshot};

use crate::{error::PostgresError, ids::TaggedNumbers, log::Inner, record::Row, session::Session};

pub(crate) type Appended = Result<EventId, AppendError<PostgresError>>;

pub(crate) struct Append {
    pub(crate) row: Row,
    pub(crate) key: Option<String>,
    pub(crate) answer: oneshot::Sender<Appended>,
}

/// Appends what is queued, in one transaction after another, until the last sender is gone.
pub(crate) async fn run(inner: Arc<Inner>, mut queue: mpsc::Receiver<Append>) {
    let mut batch = Vec::new();
    loop {
        let queued = queue.recv_many(&mut batch, MAX_BATCH).await;
        if queued == 0 {
            return;
        }
        append(&inner, &mut batch).await;
        inner.trim_if_due(queued).await;
    }
}

async fn append(inner: &Inner, batch: &mut Vec<Append>) {
    let session = match inner.append.acquire().await {
        Ok(session) => session,
        Err(error) => {
            for append in batch.drain(..) {
                let _ = append.answer.send(Err(AppendError::Refused(error.clone())));
            }
            return;
        }
    };
    let found = transact(inner, &session, batch).await;
    if let (true, Err(AppendError::Refused(_))) = (batch.len() > 1, &found) {
        // One of them may be the reason, and must not fail the others.
        for append in batch.drain(..) {
            let one = [append];
            let found = transact(inner, &session, &one).await;
            let [append] = one;
            let _ = append.answer.send(found.and_then(|mut ids| ids.remove(0)));
        }
        return;
    }
    match found {
        Ok(ids) => {
            for (append, id) in batch.drain(..).zip(ids) {
                let _ = append.answer.send(id);
            }
        }
        Err(error) => {
            for append in batch.drain(..) {
                let _ = append.answer.send(Err(error.clone()));
            }
        }
    }
}

/// Appends records in one statement, and so in one transaction.
async fn transact(
    inner: &Inner,
    session: &Arc<Session>,
    batch: &[Append],
) -> Result<Vec<Appended>, AppendError<PostgresError>> {
    let topics: Vec<_> = batch.iter().map(|append| append.row.topic.as_deref()).collect();
    let marks: Vec<_> = batch.iter().map(|append| append.row.mark.as_deref()).collect();
    let fields: Vec<_> = batch.iter().map(|append| append.row.fields.as_str()).collect();
    let keys: Vec<_> = batch.iter().map(|append| append.key.as_deref()).collect();
    let rows = session.query(&inner.statements.append, &[&topics, &marks, &fields, &keys]).await;
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            inner.append.judge(session, &error).await;
            // After anything but a refusal, the commit may have been on its way.
            let is_refusal = error.is_refusal();
            return Err(if is_refusal { AppendError::Refused } else { AppendError::Unacknowledged }(error));
        }
    };
    let appended = rows.iter().map(|row| match (row.get(0), row.get(1)) {
        (Some(number), Some(tag)) => Ok(TaggedNumbers::id_of(number, tag)),
        _ => Err(AppendError::Finished),
    });
    Ok(appended.collect())
}

/// How many records may share a transaction.
const MAX_BATCH: usize = 256;
