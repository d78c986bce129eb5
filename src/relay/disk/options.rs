use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::{sync::mpsc, task};

use crate::{
    base::random,
    relay::disk::{
        bounds::Bounds, error::DiskLogError, index::Shared, log::DiskLog, recovery, recovery::Recovered,
        segment, writer, writer::Writer,
    },
};

/// The bounds of a [`DiskLog`], and its handling of damage.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use ssekit::relay::DiskLog;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ssekit::relay::DiskLogError> {
/// # let folder = std::env::temp_dir().join(format!("ssekit-options-{}", std::process::id()));
/// let options = DiskLog::options().max_bytes(64 << 20).max_age(Duration::from_secs(86_400));
/// let log = options.open(&folder).await?;
/// # drop(log);
/// # std::fs::remove_dir_all(folder).unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until a folder is opened"]
pub struct DiskLogOptions {
    bounds: Bounds,
    repair: bool,
}

impl DiskLogOptions {
    pub(super) const fn new() -> Self {
        Self { bounds: Bounds { max_events: u64::MAX, max_bytes: MAX_BYTES, max_age: None }, repair: false }
    }

    /// Limits the number of entries: the log keeps this many, and up to an eighth more. By default there is
    /// no limit.
    pub const fn max_events(mut self, events: u64) -> Self {
        self.bounds.max_events = if events == 0 { 1 } else { events };
        self
    }

    /// Limits the size of the folder's files in bytes (default: 1 GiB). The log keeps at least three quarters
    /// of it.
    ///
    /// An event takes about 60 bytes in addition to its text. The limit is at least 64 KiB. The log keeps
    /// less if an event takes more than an eighth of it.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.bounds.max_bytes = if bytes < MIN_BYTES { MIN_BYTES } else { bytes };
        self
    }

    /// Limits the age of entries: older ones are removed a little later, when something is published. By
    /// default there is no limit.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.bounds.max_age = Some(age);
        self
    }

    /// Opens a damaged folder without the lost entries. By default damage is an error.
    ///
    /// The log then begins after the last damage, or ends before it if nothing sound follows. A client whose
    /// last event is no longer there gets a gap. Damaged files stay in the folder under names that end in
    /// `.damaged`; remove them when you no longer need them. A sound folder is opened as usual.
    ///
    /// Turn it on only after you have seen the error; otherwise it hides a fault of the disk.
    pub const fn repair(mut self, repair: bool) -> Self {
        self.repair = repair;
        self
    }

    /// Opens a folder, or creates it, and reads all of its entries.
    ///
    /// It takes as long as the disk needs to read the folder once.
    ///
    /// # Errors
    ///
    /// Returns [`DiskLogError::InUse`] if a process has the folder open, and [`DiskLogError::Damaged`], with
    /// the file and the offset, if its contents differ from what was acknowledged. In both cases the folder
    /// is unchanged.
    pub async fn open(self, folder: impl AsRef<Path>) -> Result<DiskLog, DiskLogError> {
        let folder = folder.as_ref().to_owned();
        let opened = task::spawn_blocking(move || self.open_blocking(folder)).await;
        opened.unwrap_or(Err(DiskLogError::Closed))
    }

    fn open_blocking(self, folder: PathBuf) -> Result<DiskLog, DiskLogError> {
        std::fs::create_dir_all(&folder).map_err(DiskLogError::io("create", &folder))?;
        let lock = recovery::lock(&folder)?;
        let Recovered { index, keys, finished, secret } = recovery::recover(&folder, self.repair)?;
        // The names that were found may not be durable either.
        segment::sync_folder(&folder)?;
        let newest = index.segments.back().map(segment::Segment::settle);
        let file = newest.unwrap_or_else(|| segment::append(&folder))?;
        let newest_time =
            index.segments.iter().filter_map(|segment| segment.times).map(|times| times.1).max();
        let shared = Arc::new(Shared::new(index));
        let mut writer = Writer {
            file,
            folder,
            shared: Arc::clone(&shared),
            bounds: self.bounds,
            secret,
            epoch: random::seed(),
            keys,
            finished,
            in_doubt: false,
            stray: None,
            gone: VecDeque::new(),
            newest_time: newest_time.unwrap_or(0),
            _lock: lock,
        };
        writer.evict(0)?;
        let (requests, received) = mpsc::channel(QUEUE);
        let folder = writer.folder.clone();
        let spawned = thread::Builder::new().name("ssekit-disk".into()).spawn(move || writer.run(received));
        spawned.map_err(DiskLogError::io("start a thread for", &folder))?;
        Ok(DiskLog { folder, shared, requests })
    }
}

const MAX_BYTES: u64 = 1 << 30;
const MIN_BYTES: u64 = 64 << 10;
/// The number of publishers that may be queued before others wait.
const QUEUE: usize = 1024;

const _: () = assert!(writer::BATCH_BYTES < u32::MAX as usize / 2);
