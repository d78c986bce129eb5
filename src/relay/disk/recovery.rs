//! Opening a folder: its lock, and recovering everything that was acknowledged.

use std::{
    collections::{HashMap, VecDeque},
    fs,
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    base::random,
    relay::disk::{
        error::DiskLogError,
        frame,
        frame::{HEADER, Header},
        index::Index,
        keys::Keys,
        segment,
        segment::{Entries, START, Segment},
    },
};

/// The contents of a folder.
pub(super) struct Recovered {
    pub(super) index: Index,
    pub(super) keys: Keys,
    /// The finished topics, with the numbers of their marks.
    pub(super) finished: HashMap<String, u64>,
    pub(super) secret: u64,
}

/// The result of reading one file.
enum Found {
    Whole,
    /// The bytes that follow were never acknowledged, as far as can be determined.
    Torn,
    Damaged(DiskLogError, u64),
}

/// Locks the folder for this process.
pub(super) fn lock(folder: &Path) -> Result<File, DiskLogError> {
    let path = folder.join(LOCK);
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = opened.map_err(DiskLogError::io("open", &path))?;
    let until = Instant::now() + HANDED_OVER;
    loop {
        #[expect(clippy::incompatible_msrv, reason = "the feature needs Rust 1.89")]
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(DiskLogError::io("lock", &path)(error)),
            Err(TryLockError::WouldBlock) => {}
        }
        let process = read_owner(&mut file);
        // A log of this process that was just dropped first ends its last batch.
        if process != Some(std::process::id()) || Instant::now() > until {
            return Err(DiskLogError::InUse { folder: folder.to_owned(), process });
        }
        thread::sleep(Duration::from_millis(1));
    }
    let written = file.set_len(0).and_then(|()| file.rewind());
    written
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(DiskLogError::io("write", &path))?;
    Ok(file)
}

fn read_owner(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Reads a folder, and removes bytes that were not acknowledged.
///
/// With `repair` it also drops the entries before the last damage, or those after it if none of them is
/// sound.
pub(super) fn recover(folder: &Path, repair: bool) -> Result<Recovered, DiskLogError> {
    loop {
        let files = segment::list(folder)?;
        match read_all(folder, &files)? {
            Ok(recovered) => return Ok(recovered),
            // Reading the rest shows whether there is more damage.
            Err((_, place)) if repair => mend(folder, &files, place)?,
            Err((damage, _)) => return Err(damage),
        }
    }
}

type Damage = (DiskLogError, (usize, u64, u64));

/// Reads files in order. The inner error has the damage, and the file, offset and entry number at which it
/// is.
fn read_all(folder: &Path, files: &[(u64, PathBuf)]) -> Result<Result<Recovered, Damage>, DiskLogError> {
    let secret = find_secret(files)?;
    let mut recovered = Recovered {
        index: Index { segments: VecDeque::new() },
        keys: Keys::default(),
        finished: HashMap::new(),
        secret: secret.unwrap_or_else(random::seed),
    };
    let mut next = files.first().map_or(1, |(first, _)| *first);
    for (at, (first, path)) in files.iter().enumerate() {
        // A file is named for its first number, so that a missing one shows as a hole between two.
        if *first != next {
            let (_, before) = &files[at - 1];
            let end = fs::metadata(before).map_or(0, |file| file.len());
            let damage = DiskLogError::damaged(before, end, "entries or a file are missing behind it");
            return Ok(Err((damage, (at - 1, end, next))));
        }
        let mut segment = Segment::new(Arc::from(path.as_path()), *first);
        let is_last = at + 1 == files.len();
        match read_file(&mut segment, &mut recovered, is_last)? {
            Found::Whole => {}
            // The end of a batch that was never acknowledged. It is cut off, so that the next entry
            // follows the last sound one.
            Found::Torn => cut(&segment)?,
            Found::Damaged(damage, byte) => return Ok(Err((damage, (at, byte, segment.next)))),
        }
        next = segment.next;
        recovered.index.segments.push_back(segment);
    }
    if recovered.index.segments.is_empty() {
        let (path, _) = segment::create(folder, next, recovered.secret)?;
        recovered.index.segments.push_back(Segment::new(path, next));
    }
    Ok(Ok(recovered))
}

/// Returns the secret of the folder, which each sound file contains.
fn find_secret(files: &[(u64, PathBuf)]) -> Result<Option<u64>, DiskLogError> {
    for (first, path) in files {
        if let Some(entries) = Entries::open(Arc::from(path.as_path()), *first)? {
            return Ok(Some(entries.secret));
        }
    }
    Ok(None)
}

/// Reads the entries of one file.
fn read_file(segment: &mut Segment, recovered: &mut Recovered, is_last: bool) -> Result<Found, DiskLogError> {
    let path = Arc::clone(&segment.path);
    let Some(mut entries) = Entries::open(Arc::clone(&path), segment.first)? else {
        return Ok(Found::Damaged(DiskLogError::damaged(&path, 0, "its header is not sound"), 0));
    };
    if entries.secret != recovered.secret {
        let damage = DiskLogError::damaged(&path, 0, "it belongs to another folder");
        return Ok(Found::Damaged(damage, START));
    }
    let mut fields = Vec::new();
    while !entries.is_at_end() {
        let header = entries.header()?.filter(|header| header.number == segment.next);
        // The checksum covers the number and the length as well, so that a sound entry with the
        // expected number is the next one for certain.
        let is_sound =
            header.map(|header| entries.read_fields(header, &mut fields)).transpose()?.unwrap_or(false);
        let Some(header) = header.filter(|_| is_sound) else {
            let damage = entries.damaged("no sound entry begins there");
            let (at, secret) = (entries.at, entries.secret);
            // A batch is synced before the next one is written. So if an entry of a later batch is
            // there, this one was acknowledged, and its loss is damage.
            let torn = is_last && !acknowledged_behind(&entries.rest()?, at, segment.next, secret);
            return Ok(if torn { Found::Torn } else { Found::Damaged(damage, at) });
        };
        let (finished, key) = frame::scan(&fields);
        if let Some(key) = key {
            recovered.keys.insert(key, header.position());
        }
        if let Some(topic) = finished {
            recovered.finished.insert(topic.to_owned(), header.number);
        }
        segment.push(header);
    }
    Ok(Found::Whole)
}

/// Returns whether an entry in these bytes, which are not sound at their beginning, proves that the beginning
/// was acknowledged: its batch began after it.
fn acknowledged_behind(bytes: &[u8], at: u64, next: u64, secret: u64) -> bool {
    sound_entries(bytes, next, secret).any(|(start, header)| at + start as u64 - u64::from(header.back) > at)
}

/// Finds sound entries in bytes that are not sound at their beginning.
fn sound_entries(bytes: &[u8], next: u64, secret: u64) -> impl Iterator<Item = (usize, Header)> {
    let starts = 1..bytes.len().saturating_sub(HEADER - 1);
    // The most entries that can have been in the bytes that are not sound.
    let numbers = next..=next.saturating_add((bytes.len() / HEADER) as u64);
    starts.filter_map(move |start| {
        let rest = &bytes[start..];
        let header = Header::read(rest).filter(|header| numbers.contains(&header.number))?;
        let fields = rest[HEADER..].get(..header.len as usize)?;
        (u64::from(header.back) <= start as u64 + START && header.is_sound(secret, fields))
            .then_some((start, header))
    })
}

/// Removes bytes that were not acknowledged.
fn cut(segment: &Segment) -> Result<(), DiskLogError> {
    let file = segment::append(&segment.path)?;
    let cut = file.set_len(segment.bytes).and_then(|()| file.sync_all());
    cut.map_err(DiskLogError::io("shorten", &segment.path))
}

/// Drops the entries before a damage, or those after it if none of them is sound. Whole files are only
/// renamed.
fn mend(
    folder: &Path,
    files: &[(u64, PathBuf)],
    (file, at, next): (usize, u64, u64),
) -> Result<(), DiskLogError> {
    let (first, path) = &files[file];
    let bytes = fs::read(path).map_err(DiskLogError::io("read", path))?;
    let Some(secret) = find_secret(files)? else {
        // Without the secret no entry is known to be sound.
        return begin_anew(folder, files);
    };
    if at == 0 {
        // The entries show whether the file belongs to this folder.
        return segment::mend_header(path, *first, secret);
    }
    let rest = bytes.get(at as usize..).unwrap_or_default();
    if let Some((start, header)) = sound_entries(rest, next, secret).next() {
        // Copy the sound entries after the damage to a new file before renaming the damaged one.
        let (kept, mut new) = segment::create(folder, header.number, secret)?;
        let copied =
            new.write_all(&rebatched(&rest[start..], header.number, secret)).and_then(|()| new.sync_all());
        copied.map_err(DiskLogError::io("write", &kept))?;
        return set_aside(folder, &files[..=file]);
    }
    if file + 1 < files.len() {
        return set_aside(folder, &files[..=file]);
    }
    if file > 0 { set_aside(folder, &files[file..]) } else { begin_anew(folder, files) }
}

/// Drops all files. No number is reused, so the log shows that its beginning is missing.
fn begin_anew(folder: &Path, files: &[(u64, PathBuf)]) -> Result<(), DiskLogError> {
    let Some((last, path)) = files.last() else { return Ok(()) };
    let entries = fs::metadata(path).map_or(0, |file| file.len()) / HEADER as u64;
    // An entry has at least a header, so that the new number is above all that were given out.
    set_aside(folder, files)?;
    segment::create(folder, last.saturating_add(entries).saturating_add(1), random::seed()).map(drop)
}

/// Copies sound entries from an offset on, each as its own batch, up to the next damage.
fn rebatched(mut bytes: &[u8], mut next: u64, secret: u64) -> Vec<u8> {
    let mut copy = Vec::new();
    while let Some(header) = Header::read(bytes).filter(|header| header.number == next) {
        let size = header.size() as usize;
        let Some(fields) = bytes.get(HEADER..size) else { break };
        if !header.is_sound(secret, fields) {
            break;
        }
        let start = copy.len();
        copy.extend_from_slice(&bytes[..size]);
        // Each entry becomes a batch of its own: the one whose start it refers to may not have been
        // copied.
        copy[start + 8..start + 12].fill(0);
        let crc = frame::checksum(secret, &[&copy[start + 4..]]);
        copy[start..start + 4].copy_from_slice(&crc.to_le_bytes());
        bytes = &bytes[size..];
        next += 1;
    }
    // The next pass over the folder finds the damage that follows.
    copy.extend_from_slice(bytes);
    copy
}

/// Renames files so that they no longer belong to the log.
fn set_aside(folder: &Path, files: &[(u64, PathBuf)]) -> Result<(), DiskLogError> {
    for (_, path) in files {
        let aside = path.with_extension(ASIDE);
        fs::rename(path, aside).map_err(DiskLogError::io("rename", path))?;
    }
    segment::sync_folder(folder)
}

const LOCK: &str = "lock";
const ASIDE: &str = "log.damaged";
/// How long to wait for a log of the same process to release the folder.
const HANDED_OVER: Duration = Duration::from_secs(5);
