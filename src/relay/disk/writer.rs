//! The writing thread: collects records from publishers, writes them, syncs once, and acknowledges them all.

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};

use crate::relay::{
    disk::{
        bounds::Bounds,
        error::DiskLogError,
        frame,
        frame::{HEADER, Header, MAX_FIELDS},
        index::Shared,
        keys::Keys,
        segment,
        segment::START,
    },
    log::AppendError,
    record::Record,
};

pub(super) type Answer = Result<u128, AppendError<DiskLogError>>;

pub(super) struct Request {
    pub(super) record: Record,
    pub(super) key: Option<Box<str>>,
    pub(super) answer: oneshot::Sender<Answer>,
}

pub(super) struct Writer {
    pub(super) folder: PathBuf,
    pub(super) shared: Arc<Shared>,
    pub(super) bounds: Bounds,
    pub(super) secret: u64,
    pub(super) epoch: u64,
    pub(super) keys: Keys,
    pub(super) finished: HashMap<String, u64>,
    pub(super) file: File,
    /// The file may have bytes after the durable ones, left by a failed write or sync.
    pub(super) in_doubt: bool,
    /// The first number of a file that could not be created, but may be there.
    pub(super) stray: Option<u64>,
    /// Files that the bounds have evicted, oldest first, until they are removed.
    pub(super) gone: VecDeque<Arc<Path>>,
    pub(super) newest_time: u64,
    /// Released when the thread ends.
    pub(super) _lock: File,
}

/// The records written and synced together.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    headers: Vec<Header>,
    keys: HashMap<(u64, u64), u128>,
    finished: HashMap<String, u64>,
    /// The acknowledgements to send once the batch is durable.
    answers: Vec<(oneshot::Sender<Answer>, u128)>,
}

/// How many publishers to expect, and how long to wait for them.
#[derive(Default)]
struct Pace {
    /// How many records were in the last batch.
    expected: usize,
    /// How long it took to make it durable.
    took: Duration,
}

impl Pace {
    /// Returns the end of the wait: it may add a quarter to what a publisher waits anyway.
    fn until(&self) -> Instant {
        Instant::now() + (self.took / 4).min(LONGEST_WAIT)
    }
}

impl Writer {
    /// Writes until all senders are dropped and nothing is left.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let (mut batch, mut pace) = (Batch::default(), Pace::default());
        while let Some(first) = requests.blocking_recv() {
            self.stage(first, &mut batch);
            let until = pace.until();
            // Records that arrived while the previous batch was synced share the next sync.
            while batch.bytes.len() < BATCH_BYTES && batch.answers.len() < BATCH_ANSWERS {
                match requests.try_recv() {
                    Ok(request) => self.stage(request, &mut batch),
                    // Those that were just acknowledged are about to publish again. Without a short wait, a sync for
                    // the first few of them would make all others wait for the one after it.
                    Err(TryRecvError::Empty)
                        if batch.answers.len() < pace.expected && Instant::now() < until =>
                    {
                        thread::sleep(GLANCE);
                    }
                    Err(_) => break,
                }
            }
            pace.expected = batch.answers.len();
            let start = Instant::now();
            self.commit(&mut batch);
            pace.took = start.elapsed();
        }
    }

    /// Adds a record to the batch, or answers with the reason why not.
    fn stage(&mut self, request: Request, batch: &mut Batch) {
        let Request { record, key, answer } = request;
        let key_hash = key.as_deref().map(|key| self.keys.hash(key.as_bytes()));
        // A key of this batch is not in `self.keys` until the batch is on the disk. Its second
        // record is answered with the batch, so that it is acknowledged only if the first one is.
        let known = key_hash.and_then(|hash| batch.keys.get(&hash).copied().or_else(|| self.keys.get(hash)));
        if let Some(position) = known {
            batch.answers.push((answer, position));
            return;
        }
        let is_finished =
            |topic: &str| batch.finished.contains_key(topic) || self.finished.contains_key(topic);
        if record.topic().is_some_and(is_finished) {
            let _ = answer.send(Err(AppendError::Finished));
            return;
        }
        let fields = record.fields();
        let len = frame::fields_len(&fields, key.as_deref());
        let max = MAX_FIELDS.min(self.bounds.max_bytes.saturating_sub(START + HEADER as u64));
        if len > max {
            let _ = answer.send(Err(AppendError::Refused(DiskLogError::TooLarge { bytes: len, max })));
            return;
        }
        // The index counts what is on the disk. If a batch fails, its numbers are given out again,
        // which is right as nothing of it is left in the file when the next one is written.
        let number = self.shared.index().next() + batch.headers.len() as u64;
        let back = batch.bytes.len() as u32;
        // Times never go back, even if the clock does: segments are evicted by age in their order.
        self.newest_time = self.newest_time.max(now());
        let header =
            Header { crc: 0, len: len as u32, back, number, epoch: self.epoch, time: self.newest_time };
        frame::write(&mut batch.bytes, self.secret, header, &fields, key.as_deref());
        batch.headers.push(header);
        batch.keys.extend(key_hash.map(|hash| (hash, header.position())));
        if let Record::Finish { topic } = record {
            batch.finished.insert(topic, number);
        }
        batch.answers.push((answer, header.position()));
    }

    /// Makes the batch durable and acknowledges it, or answers that nothing was appended.
    fn commit(&mut self, batch: &mut Batch) {
        let batch = std::mem::take(batch);
        if let Err(error) = self.write(&batch) {
            for (answer, _) in batch.answers {
                let _ = answer.send(Err(error.clone()));
            }
            return;
        }
        // In this order: a publisher that has its answer can read the entry, and followers find it in
        // the index.
        self.keys.extend(batch.keys);
        self.finished.extend(batch.finished);
        let next = {
            let mut index = self.shared.index();
            if let Some(segment) = index.segments.back_mut() {
                batch.headers.into_iter().for_each(|header| segment.push(header));
            }
            index.next()
        };
        for (answer, position) in batch.answers {
            let _ = answer.send(Ok(position));
        }
        self.shared.next.send_replace(next);
    }

    fn write(&mut self, batch: &Batch) -> Result<(), Failed> {
        if batch.headers.is_empty() {
            return Ok(());
        }
        self.clear_doubt().map_err(AppendError::Refused)?;
        self.make_room(batch.bytes.len() as u64).map_err(AppendError::Refused)?;
        let (path, written) = (self.path(), self.file.write_all(&batch.bytes));
        let synced = written
            .map_err(DiskLogError::io("write to", &path))
            .and_then(|()| self.file.sync_data().map_err(DiskLogError::io("sync", &path)));
        let Err(error) = synced else { return Ok(()) };
        // After a failed write or sync nobody knows which of the bytes are on the disk.
        self.in_doubt = true;
        // If the write can be undone, it is certain that nothing was appended.
        Err(match self.clear_doubt() {
            Ok(()) => AppendError::Refused(error),
            Err(_) => AppendError::Unacknowledged(error),
        })
    }

    /// Removes the bytes after the last acknowledged entry, and a file for entries that go into this one.
    fn clear_doubt(&mut self) -> Result<(), DiskLogError> {
        if let Some(first) = self.stray {
            // Recovery would miss the entries before it.
            segment::remove(&self.folder, first)?;
            self.stray = None;
        }
        if self.in_doubt {
            let (path, bytes) =
                (self.path(), self.shared.index().segments.back().map_or(START, |last| last.bytes));
            // The length must be on the disk as well, or a power failure could bring back entries
            // whose numbers have been given out again.
            let cut = self.file.set_len(bytes).and_then(|()| self.file.sync_all());
            cut.map_err(DiskLogError::io("shorten", &path))?;
            self.in_doubt = false;
        }
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.shared
            .index()
            .segments
            .back()
            .map_or_else(|| self.folder.clone(), |last| last.path.to_path_buf())
    }

    /// Begins a new file if the current one is full, and removes old ones.
    fn make_room(&mut self, coming: u64) -> Result<(), DiskLogError> {
        let (is_full, next) = {
            let index = self.shared.index();
            (index.segments.back().is_some_and(|last| self.bounds.is_full(last, coming, now())), index.next())
        };
        if is_full {
            // The full segment is synced to its last byte. So only the newest file can end in the
            // middle of a batch, which recovery relies on.
            self.stray = Some(next);
            let (path, file) = segment::create(&self.folder, next, self.secret)?;
            (self.file, self.stray) = (file, None);
            self.shared.index().segments.push_back(segment::Segment::new(path, next));
        }
        self.evict(coming)
    }

    /// Removes the oldest files while the bounds require it.
    pub(super) fn evict(&mut self, coming: u64) -> Result<(), DiskLogError> {
        let first = {
            let mut index = self.shared.index();
            // Out of the index before out of the folder: a reader that then misses the file finds
            // the reason in the index.
            while self.bounds.lets_go_of_oldest(&index, coming, now()) {
                self.gone.extend(index.segments.pop_front().map(|segment| segment.path));
            }
            index.first()
        };
        if self.gone.is_empty() {
            return Ok(());
        }
        while let Some(path) = self.gone.front() {
            // The oldest first, and no other before it is gone, so that neither a crash nor an error
            // leaves a hole.
            segment::remove_file(path)?;
            self.gone.pop_front();
        }
        self.keys.forget_before(first);
        self.finished.retain(|_, number| *number >= first);
        Ok(())
    }
}

type Failed = AppendError<DiskLogError>;

/// Returns the time in milliseconds since 1970.
pub(super) fn now() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A batch ends once it has this many bytes. A larger entry is a batch of its own.
pub(super) const BATCH_BYTES: usize = 1 << 20;
/// The most publishers that are acknowledged together.
const BATCH_ANSWERS: usize = 4096;
/// How often to look for more records while waiting for some.
const GLANCE: Duration = Duration::from_micros(50);
const LONGEST_WAIT: Duration = Duration::from_millis(5);
