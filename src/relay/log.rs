use std::{error::Error, future::Future};

use crate::{
    event::id::EventId,
    history::ids::IdOrder,
    relay::record::{InvalidRecord, Record},
};

/// An ordered log outside this process, which many processes append to and read.
///
/// The crate has one in a folder, with the feature `disk`, and one on Redis Streams, with the feature
/// `redis`. The feature `test-util` adds tests that any log must pass. Other logs take a few dozen lines. The
/// log must give each entry an ID greater than all before it, show entries to all readers in the order of
/// their IDs, and be able to tell whether it holds an entry with a given ID. All processes must see the same
/// log.
///
/// # IDs
///
/// An entry's ID is its event's ID. If the log is emptied and filled again, or restored in an older state, an
/// ID must not be reused for another entry. A plain counter from 1 is not enough; combine it with a time or
/// something random.
///
/// # Examples
///
/// A log in memory, which lasts as long as its process:
///
/// ```
/// use std::{convert::Infallible, sync::Mutex};
///
/// use ssekit::{
///     EventId,
///     relay::{AppendError, Entry, Limit, Log, Page, Record},
///     replay::IdOrder,
/// };
///
/// #[derive(Debug, Default)]
/// struct Memory {
///     entries: Mutex<Vec<Entry>>,
///     appended: tokio::sync::Notify,
/// }
///
/// #[derive(Debug)]
/// struct Numbers;
///
/// impl IdOrder for Numbers {
///     fn position(&self, id: &str) -> Option<u128> {
///         id.parse::<u64>().ok().map(u128::from)
///     }
///     fn id(&self, position: u128) -> EventId {
///         position.into()
///     }
/// }
///
/// impl Log for Memory {
///     type Order = Numbers;
///     type Error = Infallible;
///
///     fn order(&self) -> Numbers {
///         Numbers
///     }
///
///     async fn append(&self, record: Record, _: Option<&str>) -> Result<EventId, AppendError<Infallible>> {
///         let mut entries = self.entries.lock().unwrap();
///         let id = EventId::from(entries.len() + 1);
///         entries.push(Entry { id: id.clone(), record: Ok(record) });
///         self.appended.notify_waiters();
///         Ok(id)
///     }
///
///     async fn read(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, Infallible> {
///         let after = after.and_then(|id| Numbers.position(id.as_str())).unwrap_or(0) as usize;
///         let entries = self.entries.lock().unwrap();
///         let page: Vec<_> = entries.iter().skip(after).take(limit.entries).cloned().collect();
///         // Nothing is ever removed.
///         Ok(Page { held: after <= entries.len(), at_end: after + page.len() >= entries.len(), entries: page })
///     }
///
///     async fn follow(&self, after: &EventId, limit: Limit) -> Result<Page, Infallible> {
///         let appended = self.appended.notified();
///         let page = self.read(Some(after), limit).await?;
///         if page.held && page.entries.is_empty() {
///             appended.await;
///             return self.read(Some(after), limit).await;
///         }
///         Ok(page)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use futures_util::StreamExt;
/// use ssekit::{Bounds, Event, Hub, relay::Relay};
///
/// let (relay, tail) = Relay::new(Memory::default(), Hub::builder(Bounds::events(100)));
/// tokio::spawn(tail.run());
///
/// let mut orders = relay.subscribe(["orders"]).await?;
/// let id = relay.publish("orders", Event::new("first")).await?;
/// let _position = orders.next().await;
/// assert_eq!(orders.next().await.unwrap(), format!("id: {id}\ndata: first\n\n"));
/// # Ok(())
/// # }
/// ```
pub trait Log: Send + Sync + 'static {
    /// The order of the IDs.
    type Order: IdOrder;

    /// The error of reading from or appending to the log.
    type Error: Error + Send + Sync + 'static;

    /// Returns the order of the IDs.
    fn order(&self) -> Self::Order;

    /// Returns whether [`read`](Self::read) and [`follow`](Self::follow) keep within [`Limit::bytes`].
    ///
    /// If so, a node asks for thousands of entries at a time when it starts. If not, which is the default,
    /// for at most 64, because large entries may follow small ones.
    fn counts_bytes(&self) -> bool {
        false
    }

    /// Appends a record and returns its ID.
    ///
    /// If a `key` is given, and a record was appended with the same key within a time that the log states,
    /// appends nothing and returns the ID of that record. A log that cannot do this returns an error for
    /// keys.
    ///
    /// If the topic of the record is finished, and the log still holds the mark, nothing is appended either.
    /// A log that cannot detect this may skip the check. An event published while another node finishes the
    /// topic may then follow the mark, and the topic begins again with it.
    ///
    /// # Errors
    ///
    /// The error distinguishes a record that was certainly not appended from one that may have been. If the
    /// future is dropped before it is ready, the record may have been appended.
    fn append(
        &self,
        record: Record,
        key: Option<&str>,
    ) -> impl Future<Output = Result<EventId, AppendError<Self::Error>>> + Send;

    /// Returns whether the log holds an entry with exactly this ID.
    ///
    /// It is called once for each client that resumes with an ID that the node does not know, so it should
    /// read at most one entry, whatever the ID. The default reads a page of one entry.
    ///
    /// # Errors
    ///
    /// Returns an error if the log cannot be reached.
    fn holds(&self, id: &EventId) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        async { Ok(self.read(Some(id), Limit::entries(1)).await?.held) }
    }

    /// Reads the entries after an ID, or the oldest ones, within a limit.
    ///
    /// # Errors
    ///
    /// Returns an error if the log cannot be reached. The caller retries after a while.
    fn read(
        &self,
        after: Option<&EventId>,
        limit: Limit,
    ) -> impl Future<Output = Result<Page, Self::Error>> + Send;

    /// Like [`read`](Self::read), but waits if nothing follows the ID.
    ///
    /// Returns as soon as there is an entry, at once if the ID is no longer held, and otherwise after a few
    /// seconds. Each [`Tail`](super::Tail) has one such call at a time, so you may keep a connection for it.
    ///
    /// # Errors
    ///
    /// Returns an error if the log cannot be reached, even if that happens while it waits. The caller retries
    /// after a while.
    fn follow(&self, after: &EventId, limit: Limit)
    -> impl Future<Output = Result<Page, Self::Error>> + Send;
}

/// The amount to read from a [`Log`] at a time.
///
/// If there is an entry, at least one is read, whatever its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The maximum number of entries. At least one.
    pub entries: usize,
    /// The maximum number of bytes of all entries together.
    ///
    /// A log that cannot count bytes before it reads may ignore it: `entries` is chosen from the sizes of
    /// earlier entries, so that the page should fit.
    pub bytes: usize,
}

impl Limit {
    /// Limits only the number of entries.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::relay::Limit;
    ///
    /// assert_eq!(Limit::entries(100).entries, 100);
    /// ```
    pub const fn entries(entries: usize) -> Self {
        Self { entries, bytes: usize::MAX }
    }
}

/// Consecutive entries of a [`Log`].
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Nothing is missing before the first entry of this page.
    ///
    /// For a page after an ID: the log holds an entry with exactly that ID. For a page from the oldest entry:
    /// the log has removed nothing since it began. If a log cannot tell, set `false`; a new client that
    /// [starts at the oldest event](crate::hub::Start::Oldest) then gets a gap.
    pub held: bool,
    /// Nothing followed the last entry of this page when it was read.
    pub at_end: bool,
    /// The entries in order.
    pub entries: Vec<Entry>,
}

/// One entry of a [`Log`].
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its ID, greater than that of the previous entry.
    pub id: EventId,
    /// Its content. An entry without a valid record is skipped and counted.
    pub record: Result<Record, InvalidRecord>,
}

/// A record was not appended to a [`Log`], or it is not known whether it was.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError<E> {
    /// The topic is finished. Nothing was appended.
    #[error("the topic is finished")]
    Finished,
    /// Nothing was appended.
    #[error("the log refused it or could not be reached")]
    Refused(#[source] E),
    /// The record may or may not have been appended.
    #[error("the log did not acknowledge it")]
    Unacknowledged(#[source] E),
}
