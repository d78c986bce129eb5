use std::{
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

/// How much a [`DiskLog`] keeps, and what it does about damage.
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

    /// Bounds the number of entries: the log keeps so many, and up to an eighth more. Unbounded by default.
    pub const fn max_events(mut self, events: u64) -> Self {
        self.bounds.max_events = if events == 0 { 1 } else { events };
        self
    }

    /// Bounds the bytes of the folder's files, by default to 1 GiB. The log keeps at least three quarters of it.
    ///
    /// An event takes about 60 bytes beside its text. At least 64 KiB. An event that takes more than an eighth of the
    /// bound makes the log keep less.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.bounds.max_bytes = if bytes < MIN_BYTES { MIN_BYTES } else { bytes };
        self
    }

    /// Bounds the age of entries: the log keeps what is younger, and lets go of the rest a little later, when
    /// something is published. Unbounded by default.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.bounds.max_age = Some(age);
        self
    }

    /// Opens a damaged folder, without what is lost. By default that is an error.
    ///
    /// The log then begins behind the last damage, or ends before it if nothing sound follows. A client whose last
    /// event is not among what is left learns of the gap. Damaged files stay in the folder under names that end in
    /// `.damaged`; remove them when you need them no more. A sound folder is opened as usual.
    ///
    /// Turn it on after you have seen the error. A fault of the disk is otherwise hidden from you.
    pub const fn repair(mut self, repair: bool) -> Self {
        self.repair = repair;
        self
    }

    /// Opens a folder, or creates it, and reads all that it holds.
    ///
    /// This takes as long as the disk needs to read the folder once.
    ///
    /// # Errors
    ///
    /// Returns [`DiskLogError::InUse`] if a process has the folder open, and [`DiskLogError::Damaged`] with the file
    /// and the place if something in it is not what was acknowledged. Both have changed nothing.
    pub async fn open(self, folder: impl AsRef<Path>) -> Result<DiskLog, DiskLogError> {
        let folder = folder.as_ref().to_owned();
        let opened = task::spawn_blocking(move || self.open_blocking(folder)).await;
        opened.unwrap_or(Err(DiskLogError::Closed))
    }

    fn open_blocking(self, folder: PathBuf) -> Result<DiskLog, DiskLogError> {
        std::fs::create_dir_all(&folder).map_err(DiskLogError::io("create", &folder))?;
        let lock = recovery::lock(&folder)?;
        let Recovered { index, keys, finished, secret } = recovery::recover(&folder, self.repair)?;
        let last = index.segments.back();
        let path = last.map_or_else(|| Arc::from(folder.as_path()), |last| Arc::clone(&last.path));
        let newest_time =
            index.segments.iter().filter_map(|segment| segment.times).map(|times| times.1).max();
        let shared = Arc::new(Shared::new(index));
        let mut writer = Writer {
            file: segment::append(&path)?,
            folder,
            shared: Arc::clone(&shared),
            bounds: self.bounds,
            secret,
            epoch: random::seed(),
            keys,
            finished,
            in_doubt: false,
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
/// How many publishers can wait for their turn before more wait for a place.
const QUEUE: usize = 1024;

const _: () = assert!(writer::BATCH_BYTES < u32::MAX as usize / 2);
