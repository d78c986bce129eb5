use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task,
    time::{Instant, timeout_at},
};

use crate::{
    event::id::EventId,
    history::ids::IdOrder,
    relay::{
        disk::{
            error::DiskLogError,
            ids::DiskIds,
            index::Shared,
            options::DiskLogOptions,
            reader,
            writer::{Answer, Request},
        },
        log::{AppendError, Limit, Log, Page},
        record::Record,
    },
};

/// A log in a folder, for one process that restarts.
///
/// Events, finished topics and the keys of [`publish_once`](crate::relay::Relay::publish_once) survive a
/// restart of the process, so clients can resume after it.
///
/// # Guarantees
///
/// - Publishing returns once the event is durable: written, and synced to the disk. Concurrent publishers
///   share one sync. Clients receive an event only once it is durable.
/// - A single process has the folder open. Others get [`DiskLogError::InUse`], with the ID of that process.
/// - After a crash or a power failure, all acknowledged events are there, in order. Events that were being
///   written may or may not be there. If the disk has lost its newest acknowledged writes, the clients that
///   had received them get the gap *unknown*.
/// - Damage before that is an error when the folder is opened; see [`DiskLogOptions::repair`].
/// - An ID is never reused for another event, even if you restore an older copy of the folder: IDs given out
///   after the copy was made are *unknown*. Copy the folder only while no process has it open.
/// - A key is remembered, and a topic stays finished, for as long as the log holds the record.
/// - On a full disk publishing fails with [`DiskLogError::NoRoom`], and nothing is appended. Publishing works
///   again once there is room.
///
/// # Costs
///
/// One thread writes. Reading uses the runtime's threads for blocking work. Memory holds half a byte per
/// entry, 40 bytes per key in the log, the names of finished topics, and one batch of up to 1 MiB or one
/// event. Opening reads the whole folder once.
///
/// Needs Rust 1.89.
///
/// # Format
///
/// The folder has a file `lock` and files of entries, each with a checksum. It is the crate's own format,
/// since none of the embedded engines that were tried can do what an ordered log needs. `redb` keeps
/// everything in one tree: one damaged byte, or a file that is one byte short, makes all of it unreadable,
/// and its error does not say where. `fjall` cannot tell a damaged journal from one whose end was never
/// acknowledged, does not say where either, and brings two versions of one dependency. Each has more than
/// 40,000 lines. They are not faster: commits are bound by the sync. In one run with batches of 64 events on
/// a busy machine, `redb` 4 committed 148 times a second, `fjall` 3 189 times, and a plain file took 137 to
/// 196 syncs a second.
///
/// # Examples
///
/// ```
/// use futures_util::StreamExt;
/// use ssekit::{
///     Bounds, Event, Hub, Subscribe,
///     relay::{DiskLog, Relay},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("ssekit-disk-{}", std::process::id()));
/// let (relay, tail) = Relay::new(DiskLog::open(&folder).await?, Hub::builder(Bounds::events(100)));
/// let running = tokio::spawn(tail.run());
/// let first = relay.publish("orders", Event::new("first")).await?;
/// relay.publish("orders", Event::new("second")).await?;
/// drop(relay);
/// running.await?;
///
/// // The process restarts, and a client comes back.
/// let (relay, tail) = Relay::new(DiskLog::open(&folder).await?, Hub::builder(Bounds::events(100)));
/// tokio::spawn(tail.run());
/// let mut orders = relay.subscribe(Subscribe::to(["orders"]).after(first)).await?;
/// assert!(orders.gap().is_none());
/// let _position = orders.next().await;
/// assert!(orders.next().await.unwrap().ends_with(b"data: second\n\n"));
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(())
/// # }
/// ```
pub struct DiskLog {
    pub(super) folder: PathBuf,
    pub(super) shared: Arc<Shared>,
    pub(super) requests: mpsc::Sender<Request>,
}

impl DiskLog {
    /// Opens a folder with the default bounds: 1 GiB, whatever the number and age of entries.
    ///
    /// # Errors
    ///
    /// As [`DiskLogOptions::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-open-{}", std::process::id()));
    /// use ssekit::{Bounds, Hub, relay::{DiskLog, Relay}};
    ///
    /// let (relay, tail) = Relay::new(DiskLog::open(&folder).await?, Hub::builder(Bounds::events(100)));
    /// tokio::spawn(tail.run());
    /// assert!(relay.publish("orders", "two coffees").await.is_ok());
    /// # relay.close(ssekit::hub::Close::new());
    /// # drop(relay);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, DiskLogError> {
        Self::options().open(folder).await
    }

    /// Returns the options with which to open a folder.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-options-{}", std::process::id()));
    /// use ssekit::relay::DiskLog;
    ///
    /// let log = DiskLog::options().max_events(1_000_000).open(&folder).await?;
    /// assert!(DiskLog::open(&folder).await.is_err(), "one process uses a folder, once");
    /// # drop(log);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub const fn options() -> DiskLogOptions {
        DiskLogOptions::new()
    }

    /// Runs a function that reads files, on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, DiskLogError> + Send + 'static,
    ) -> Result<T, DiskLogError> {
        let shared = Arc::clone(&self.shared);
        task::spawn_blocking(move || read(&shared)).await.unwrap_or(Err(DiskLogError::Closed))
    }
}

impl Log for DiskLog {
    type Order = DiskIds;
    type Error = DiskLogError;

    fn order(&self) -> DiskIds {
        DiskIds
    }

    fn counts_bytes(&self) -> bool {
        true
    }

    async fn append(&self, record: Record, key: Option<&str>) -> Result<EventId, AppendError<DiskLogError>> {
        let (answer, answered) = oneshot::channel::<Answer>();
        let request = Request { record, key: key.map(Into::into), answer };
        let sent = self.requests.send(request).await;
        // The writer is gone and gives the request back, so that nothing was written.
        sent.map_err(|_| AppendError::Refused(DiskLogError::Closed))?;
        // The writer had the request and ended without an answer. The record may be on the disk.
        let answer = answered.await.unwrap_or(Err(AppendError::Unacknowledged(DiskLogError::Closed)));
        answer.map(|position| DiskIds.id(position))
    }

    async fn holds(&self, id: &EventId) -> Result<bool, DiskLogError> {
        let Some(position) = DiskIds.position(id.as_str()) else { return Ok(false) };
        self.blocking(move |shared| reader::holds(shared, position)).await
    }

    async fn read(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, DiskLogError> {
        let after = after.map(|id| DiskIds.position(id.as_str()));
        // This log gave out no such ID, so that it does not hold it.
        if after == Some(None) {
            return Ok(Page::default());
        }
        self.blocking(move |shared| reader::page(shared, after.flatten(), limit)).await
    }

    async fn follow(&self, after: &EventId, limit: Limit) -> Result<Page, DiskLogError> {
        let mut next = self.shared.next.subscribe();
        let until = Instant::now() + PATIENCE;
        loop {
            // Before the read, so that an append between the read and the wait counts as a change.
            next.mark_unchanged();
            let page = self.read(Some(after), limit).await?;
            let is_over = !page.held || !page.entries.is_empty();
            if is_over || timeout_at(until, next.changed()).await.is_err() {
                return Ok(page);
            }
        }
    }
}

impl fmt::Debug for DiskLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskLog").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The time for which following waits for an entry.
const PATIENCE: Duration = Duration::from_secs(1);
