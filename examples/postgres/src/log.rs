use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ssekit::{
    Event, EventId,
    relay::{AppendError, Entry, Limit, Log, Page, Record},
    replay::IdOrder,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_postgres::{Config, Transaction};

use crate::{
    error::PostgresError,
    ids::TaggedNumbers,
    options::PostgresLogOptions,
    record::Row,
    session::{Session, Slot},
    statements::Statements,
    writer::{self, Append},
};

/// A [`Log`] in PostgreSQL, 13 or later.
///
/// Clones share their three connections: one follows, one appends, and one reads history.
#[derive(Clone)]
pub struct PostgresLog {
    inner: Arc<Inner>,
    queue: mpsc::Sender<Append>,
}

pub(crate) struct Inner {
    pub(crate) statements: Statements,
    options: PostgresLogOptions,
    pub(crate) append: Slot,
    read: Slot,
    follow: Slot,
    /// How many entries came since the log was trimmed.
    untrimmed: AtomicUsize,
}

impl PostgresLog {
    /// Opens a log with the default options, as [`PostgresLogOptions::open`] does.
    ///
    /// # Errors
    ///
    /// Returns an error as [`PostgresLogOptions::open`] does.
    pub async fn open(config: Config, name: &str) -> Result<Self, PostgresError> {
        Self::options().open(config, name).await
    }

    /// Returns the default options.
    pub fn options() -> PostgresLogOptions {
        PostgresLogOptions::default()
    }

    pub(crate) async fn create(
        config: &Config,
        name: &str,
        options: PostgresLogOptions,
    ) -> Result<Self, PostgresError> {
        let statements = Statements::new(name)?;
        Session::open(config, options.timeout).await?.batch(&statements.create).await?;
        let inner = Arc::new(Inner {
            append: Slot::new(config, "", options.timeout),
            read: Slot::new(config, "", options.timeout),
            follow: Slot::new(config, &*statements.listen, options.timeout),
            untrimmed: AtomicUsize::new(0),
            statements,
            options,
        });
        let (queue, queued) = mpsc::channel(QUEUE);
        tokio::spawn(writer::run(Arc::clone(&inner), queued));
        Ok(Self { inner, queue })
    }

    /// Publishes an event in your transaction: it exists exactly if your changes do.
    ///
    /// The event gets its ID when the transaction commits, so there is none to return. Events of one transaction keep
    /// their order. The commit fails if the topic is finished by then.
    ///
    /// # Errors
    ///
    /// Returns PostgreSQL's error. The transaction can only be rolled back then.
    pub async fn publish_in(
        &self,
        transaction: &Transaction<'_>,
        topic: &str,
        event: impl Into<Event>,
    ) -> Result<(), PostgresError> {
        self.append_in(transaction, &Record::Event { topic: topic.to_owned(), event: event.into() }).await
    }

    /// Appends a record in your transaction, such as the finish of a topic. [`publish_in`](Self::publish_in) says how.
    ///
    /// # Errors
    ///
    /// Returns PostgreSQL's error. The transaction can only be rolled back then.
    pub async fn append_in(
        &self,
        transaction: &Transaction<'_>,
        record: &Record,
    ) -> Result<(), PostgresError> {
        let Row { topic, mark, fields } = Row::new(record);
        let inserted = transaction.execute(&self.inner.statements.insert, &[&topic, &mark, &fields]).await;
        inserted.map(drop).map_err(|error| PostgresError::statement(&error))
    }
}

impl Log for PostgresLog {
    type Order = TaggedNumbers;
    type Error = PostgresError;

    fn order(&self) -> TaggedNumbers {
        TaggedNumbers
    }

    async fn append(&self, record: Record, key: Option<&str>) -> Result<EventId, AppendError<PostgresError>> {
        let (answer, answered) = oneshot::channel();
        let append = Append { row: Row::new(&record), key: key.map(str::to_owned), answer };
        self.queue.send(append).await.map_err(|_| AppendError::Refused(PostgresError::ended()))?;
        answered.await.unwrap_or_else(|_| Err(AppendError::Unacknowledged(PostgresError::ended())))
    }

    async fn holds(&self, id: &EventId) -> Result<bool, PostgresError> {
        let Some((number, tag)) = TaggedNumbers::parts(id) else { return Ok(false) };
        let rows = self.inner.read.read(&self.inner.statements.holds, &[&number, &tag]).await?;
        Ok(!rows.is_empty())
    }

    async fn read(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, PostgresError> {
        let rows = self.inner.read.read(&self.inner.statements.read, &[&first(after), &count(limit)]).await?;
        Ok(page(&rows, after, limit))
    }

    async fn follow(&self, after: &EventId, limit: Limit) -> Result<Page, PostgresError> {
        let session = self.inner.follow.acquire().await?;
        // What is notified from here on is not missed.
        let mut notified = session.notified.clone();
        notified.mark_unchanged();
        let mut page = self.inner.read_on(&session, after, limit).await?;
        if page.held && page.entries.is_empty() {
            if let Ok(Err(_)) = timeout(WAIT, notified.changed()).await {
                return Err(PostgresError::ended());
            }
            page = self.inner.read_on(&session, after, limit).await?;
        }
        self.inner.trim_if_due(page.entries.len()).await;
        Ok(page)
    }
}

impl Inner {
    async fn read_on(
        &self,
        session: &Arc<Session>,
        after: &EventId,
        limit: Limit,
    ) -> Result<Page, PostgresError> {
        match session.query(&self.statements.read, &[&first(Some(after)), &count(limit)]).await {
            Ok(rows) => Ok(page(&rows, Some(after), limit)),
            Err(error) => {
                self.follow.judge(session, &error).await;
                Err(error)
            }
        }
    }

    /// Removes the oldest entries, each time that a sixteenth of the bound has come in.
    pub(crate) async fn trim_if_due(&self, entries: usize) {
        let step = (self.options.max_events / 16).clamp(1, 1_000) as usize;
        if entries == 0 || self.untrimmed.fetch_add(entries, Ordering::Relaxed) + entries < step {
            return;
        }
        self.untrimmed.store(0, Ordering::Relaxed);
        let max_entries = self.options.max_events as i64;
        let max_seconds = self.options.max_age.map(|age| age.as_secs_f64());
        if let Ok(session) = self.append.acquire().await {
            // If it fails, the next one removes more.
            let _ = session.query(&self.statements.trim, &[&max_entries, &max_seconds]).await;
        }
    }
}

impl std::fmt::Debug for PostgresLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresLog").field("name", &self.inner.statements.name).finish_non_exhaustive()
    }
}

/// Reading starts at the entry itself, whose presence shows that nothing after it is missing.
fn first(after: Option<&EventId>) -> i64 {
    after.and_then(TaggedNumbers::parts).map_or(0, |(number, _)| number)
}

fn count(limit: Limit) -> i64 {
    i64::try_from(limit.entries).unwrap_or(i64::MAX).saturating_add(1)
}

/// Makes a page of the rows that a statement has seen at one moment.
fn page(rows: &[tokio_postgres::Row], after: Option<&EventId>, limit: Limit) -> Page {
    let entries = rows.iter().map(|row| Entry {
        id: TaggedNumbers::id_of(row.get(0), row.get(1)),
        record: Row { topic: row.get(2), mark: row.get(3), fields: row.get(4) }.into_record(),
    });
    let mut entries: Vec<_> = entries.collect();
    let held = match (after, entries.first()) {
        (Some(after), Some(first)) => first.id == *after,
        // Every log begins with this mark, which goes first when the log is trimmed.
        (None, Some(first)) => matches!(first.record, Ok(Record::Begin)),
        (_, None) => false,
    };
    let last = after.and_then(|after| TaggedNumbers.position(after.as_str()));
    entries.retain(|entry| TaggedNumbers.position(entry.id.as_str()) > last);
    let at_end = (rows.len() as i64) < count(limit);
    entries.truncate(limit.entries);
    Page { held, at_end, entries }
}

/// How many records may wait for a transaction before publishers wait.
const QUEUE: usize = 1_024;
/// How long following waits for a notification. Without one, the table is read all the same.
const WAIT: Duration = Duration::from_secs(1);
