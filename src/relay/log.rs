use std::{error::Error, future::Future};

use crate::{
    event::id::EventId,
    history::ids::IdOrder,
    relay::record::{InvalidRecord, Record},
};

/// An ordered log outside this process, which many processes append to and read.
///
/// The crate has one in a folder, with the feature `disk`, and one on Redis Streams, with the feature `redis`. The
/// feature `test-util` brings tests that any log must pass. Others are a few dozen lines: what is needed is that
/// each entry gets an ID that is greater than all before it, that what is appended is seen by all readers in the order
/// of the IDs, and that it can be told whether an entry with a given ID is there. Every process must see the same
/// log.
///
/// # IDs
///
/// An entry's ID is its event's ID. Should the log be emptied and filled again, or come back in an older state, an ID
/// must not come to mean another entry: a bare number that is counted again from 1 is not enough, a number with a
/// time or something random beside it is.
///
/// # Examples
///
/// A log in memory, which is as good as its process:
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

    /// Why the log cannot be read or appended to.
    type Error: Error + Send + Sync + 'static;

    /// Returns the order of the IDs.
    fn order(&self) -> Self::Order;

    /// Appends a record and returns the ID that it got.
    ///
    /// If a `key` is given, and a record was appended with the same key within a time that the log states, nothing is
    /// appended, and the ID of that one is returned. A log that cannot do this refuses keys.
    ///
    /// If the topic of the record has been finished, and the mark that says so is still held, nothing is appended
    /// either. A log that cannot tell leaves that out: then an event that was published at the same time as the topic
    /// was finished on another node may come after the mark, and the topic begins anew with it.
    ///
    /// # Errors
    ///
    /// Tells apart what has certainly not been appended from what may have been. When the future is dropped before it
    /// is ready, it may have been.
    fn append(
        &self,
        record: Record,
        key: Option<&str>,
    ) -> impl Future<Output = Result<EventId, AppendError<Self::Error>>> + Send;

    /// Returns whether the log holds an entry with this very ID.
    ///
    /// Each client that comes back with an ID that the node does not know causes one such call. It should cost no
    /// more than one entry, whatever the ID. The default reads a page of one entry.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be reached.
    fn holds(&self, id: &EventId) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        async { Ok(self.read(Some(id), Limit::entries(1)).await?.held) }
    }

    /// Reads entries that come after an ID, or the oldest ones, within a limit.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be reached. It is tried again, after a while.
    fn read(
        &self,
        after: Option<&EventId>,
        limit: Limit,
    ) -> impl Future<Output = Result<Page, Self::Error>> + Send;

    /// As [`read`](Self::read), but waits if nothing comes after the ID.
    ///
    /// It returns as soon as there is an entry, if the ID is no longer held, and after some seconds in any case. There is one such
    /// call at a time for each [`Tail`](super::Tail), so a connection may be kept for it.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be reached, also if that comes about while it waits. It is tried again, after a
    /// while.
    fn follow(&self, after: &EventId, limit: Limit)
    -> impl Future<Output = Result<Page, Self::Error>> + Send;
}

/// How much of a [`Log`] to read at a time.
///
/// One entry is read whatever its size, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The greatest number of entries. At least one.
    pub entries: usize,
    /// The greatest number of bytes of all entries together.
    ///
    /// A log that cannot count bytes before it reads ignores it: the number of entries is chosen so that they should
    /// fit, by the size of the entries that were read before.
    pub bytes: usize,
}

impl Limit {
    /// Limits the number of entries alone.
    pub const fn entries(entries: usize) -> Self {
        Self { entries, bytes: usize::MAX }
    }
}

/// Entries of a [`Log`] that follow each other.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Whether nothing is missing before the first entry here.
    ///
    /// If the page was read after an ID: whether the log holds an entry with that very ID. If it was read from the
    /// oldest entry: whether the log has let go of nothing since it began. A log that cannot tell says `false`, and
    /// a new client that [starts at the oldest event](crate::hub::Start::Oldest) is then told of a gap.
    pub held: bool,
    /// Whether nothing came after the last entry here when it was read.
    pub at_end: bool,
    /// The entries in order.
    pub entries: Vec<Entry>,
}

/// One entry of a [`Log`].
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its ID, greater than that of the one before.
    pub id: EventId,
    /// What it says. One that says nothing is passed over, and counted.
    pub record: Result<Record, InvalidRecord>,
}

/// A record was not appended to a [`Log`], or it is not known to have been.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError<E> {
    /// The topic is finished. Nothing was appended.
    #[error("the topic is finished")]
    Finished,
    /// Nothing was appended.
    #[error("the log refused it or could not be reached")]
    Refused(#[source] E),
    /// It may have been appended or not.
    #[error("the log did not acknowledge it")]
    Unacknowledged(#[source] E),
}
