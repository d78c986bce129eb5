//! One file of the log: a header, then entries without a gap.

use std::{
    fs,
    fs::{File, OpenOptions},
    io,
    io::{BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::{BufMut, Bytes};

use crate::relay::disk::{
    error::DiskLogError,
    frame,
    frame::{FORMAT, Header},
};

/// The durable part of one file.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) path: Arc<Path>,
    /// The number of its first entry.
    pub(super) first: u64,
    /// The number after that of its last entry.
    pub(super) next: u64,
    pub(super) bytes: u64,
    /// The offset of its last batch.
    batch: u64,
    /// The times of its first and its last entry, if it has any.
    pub(super) times: Option<(u64, u64)>,
    /// The offset of every sixteenth entry.
    marks: Vec<u64>,
}

impl Segment {
    pub(super) fn new(path: Arc<Path>, first: u64) -> Self {
        Self { path, first, next: first, bytes: START, batch: START, times: None, marks: Vec::new() }
    }

    /// Records the next entry.
    pub(super) fn push(&mut self, header: Header) {
        if (self.next - self.first) % MARKED == 0 {
            self.marks.push(self.bytes);
        }
        debug_assert_eq!(header.number, self.next, "entries follow each other without a hole");
        self.next += 1;
        self.batch = self.bytes.saturating_sub(header.back.into());
        self.bytes += header.size();
        self.times = Some((self.times.map_or(header.time, |(first, _)| first), header.time));
    }

    pub(super) fn entries(&self) -> u64 {
        self.next - self.first
    }

    /// Makes the last batch durable, and returns the file, opened for appending.
    ///
    /// An earlier process may have ended before its sync, or after one that failed. Then the file can be
    /// read, and further syncs succeed, though the batch never reached the disk. So it is written again. All
    /// before it was synced before it was written.
    pub(super) fn settle(&self) -> Result<File, DiskLogError> {
        let settled = || -> io::Result<File> {
            let mut file = OpenOptions::new().read(true).write(true).open(&self.path)?;
            let mut batch = vec![0; self.bytes.saturating_sub(self.batch) as usize];
            file.seek(SeekFrom::Start(self.batch))?;
            file.read_exact(&mut batch)?;
            file.seek(SeekFrom::Start(self.batch))?;
            file.write_all(&batch)?;
            file.sync_all()?;
            OpenOptions::new().append(true).open(&self.path)
        };
        settled().map_err(DiskLogError::io("write to", &self.path))
    }

    /// Returns an offset from which to search for an entry, at most fifteen entries before it.
    pub(super) fn near(&self, number: u64) -> u64 {
        let mark = number.saturating_sub(self.first) / MARKED;
        self.marks.get(mark as usize).copied().unwrap_or(self.bytes)
    }
}

/// Creates a file for the entries from a number on, and opens it for appending. When this returns, the file
/// and its name are durable.
///
/// If it fails, the file may be there. [Remove](remove) it before appending to the file before it.
pub(super) fn create(folder: &Path, first: u64, secret: u64) -> Result<(Arc<Path>, File), DiskLogError> {
    let (path, new) = (folder.join(name(first)), folder.join(NEW));
    let write = || -> io::Result<File> {
        // Left by a crash before it got its name.
        if new.try_exists()? {
            fs::remove_file(&new)?;
        }
        let mut file = OpenOptions::new().append(true).create_new(true).open(&new)?;
        file.write_all(&start(first, secret))?;
        file.sync_all()?;
        // It gets its name only once its header is written, so a file without a header is damaged.
        fs::rename(&new, &path)?;
        Ok(file)
    };
    let file = write().map_err(DiskLogError::io("create", &path))?;
    sync_folder(folder)?;
    Ok((path.into(), file))
}

/// Removes the file for the entries from a number on, if it is there. When this returns, that is durable.
pub(super) fn remove(folder: &Path, first: u64) -> Result<(), DiskLogError> {
    remove_file(&folder.join(name(first)))?;
    sync_folder(folder)
}

/// Removes a file, if it is there.
pub(super) fn remove_file(path: &Path) -> Result<(), DiskLogError> {
    let removed = fs::remove_file(path).map_err(DiskLogError::io("remove", path));
    removed.or_else(|error| if error.is_missing() { Ok(()) } else { Err(error) })
}

/// Writes the header of a file again.
pub(super) fn mend_header(path: &Path, first: u64, secret: u64) -> Result<(), DiskLogError> {
    let mended = OpenOptions::new().write(true).open(path).and_then(|mut file| {
        file.write_all(&start(first, secret))?;
        file.sync_all()
    });
    mended.map_err(DiskLogError::io("write to", path))
}

/// Makes the names of a folder's files durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), DiskLogError> {
    // Only Unix needs this, and only Unix lets a program open a folder.
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(DiskLogError::io("sync", folder))?;
    }
    Ok(())
}

/// Opens a file for appending.
pub(super) fn append(path: &Path) -> Result<File, DiskLogError> {
    OpenOptions::new().append(true).open(path).map_err(DiskLogError::io("open", path))
}

/// Returns the files of a folder, with the numbers of their first entries.
pub(super) fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, DiskLogError> {
    let entries = fs::read_dir(folder).map_err(DiskLogError::io("list", folder))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(DiskLogError::io("list", folder))?.path();
        let first = path.file_name().and_then(|name| name.to_str()?.strip_suffix(SUFFIX)?.parse().ok());
        files.extend(first.filter(|first| path.ends_with(name(*first))).map(|first| (first, path)));
    }
    files.sort();
    Ok(files)
}

fn name(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

fn start(first: u64, secret: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.put_u64_le(first);
    bytes.put_u64_le(secret);
    let crc = frame::checksum(0, &[&bytes]);
    bytes.put_u32_le(crc);
    bytes
}

/// Returns the format of a sound header if it is not the one that is known. Headers of all formats have this
/// magic number, this length and this checksum.
fn other_format(header: &[u8; START as usize]) -> Option<u8> {
    let (bytes, crc) = header.split_at(START as usize - 4);
    let is_sound = frame::checksum(0, &[bytes]).to_le_bytes() == crc;
    let version = bytes[MAGIC.len() - 1];
    (is_sound && bytes.starts_with(&MAGIC[..MAGIC.len() - 1]) && version != FORMAT).then_some(version)
}

/// Reads the entries of a file one by one.
#[derive(Debug)]
pub(super) struct Entries {
    path: Arc<Path>,
    file: BufReader<File>,
    pub(super) secret: u64,
    /// The offset of the next entry.
    pub(super) at: u64,
    end: u64,
}

impl Entries {
    /// Opens a file at its first entry. Returns `None` if its header is not sound, and an error if it is
    /// sound and of another format.
    pub(super) fn open(path: Arc<Path>, first: u64) -> Result<Option<Self>, DiskLogError> {
        let mut bytes = [0; START as usize];
        let opened = File::open(&path).and_then(|mut file| {
            let end = file.metadata()?.len();
            // Of a shorter file `bytes` stays zero, which no header is, so that it is found unsound
            // below.
            if end >= START {
                file.read_exact(&mut bytes)?;
            }
            Ok((end, file))
        });
        let (end, file) = opened.map_err(DiskLogError::io("open", &path))?;
        if let Some(version) = other_format(&bytes) {
            return Err(DiskLogError::UnknownFormat { file: path.to_path_buf(), version });
        }
        let mut secret = [0; 8];
        secret.copy_from_slice(&bytes[16..24]);
        let secret = u64::from_le_bytes(secret);
        let file = BufReader::with_capacity(BUFFER, file);
        Ok((bytes[..] == start(first, secret)).then_some(Self { path, file, secret, at: START, end }))
    }

    /// Moves to an entry, and limits reading to an end.
    pub(super) fn within(mut self, at: u64, end: u64) -> Result<Self, DiskLogError> {
        self.file.seek(SeekFrom::Start(at)).map_err(DiskLogError::io("read", &self.path))?;
        (self.at, self.end) = (at, end.min(self.end));
        Ok(self)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    /// Reads the header of the next entry. Skip the entry or read its fields afterwards. Returns `None` if
    /// there is no further entry.
    pub(super) fn header(&mut self) -> Result<Option<Header>, DiskLogError> {
        let mut bytes = [0; frame::HEADER];
        if self.end - self.at < bytes.len() as u64 {
            return Ok(None);
        }
        self.fill(&mut bytes)?;
        // A length that leads past the end is not believed: memory would be allocated for it.
        let header = Header::read(&bytes).filter(|header| header.size() <= self.end - self.at);
        Ok(header)
    }

    pub(super) fn skip(&mut self, header: Header) -> Result<(), DiskLogError> {
        self.file.seek_relative(i64::from(header.len)).map_err(DiskLogError::io("read", &self.path))?;
        self.at += header.size();
        Ok(())
    }

    /// Reads the fields of the entry with this header. Returns `None` if it is not sound.
    pub(super) fn fields(&mut self, header: Header) -> Result<Option<Bytes>, DiskLogError> {
        let mut fields = Vec::new();
        Ok(self.read_fields(header, &mut fields)?.then(|| fields.into()))
    }

    /// Reads the fields of the entry with this header into a buffer. Returns whether it is sound.
    pub(super) fn read_fields(&mut self, header: Header, fields: &mut Vec<u8>) -> Result<bool, DiskLogError> {
        fields.resize(header.len as usize, 0);
        self.fill(fields)?;
        let sound = header.is_sound(self.secret, fields);
        // Stays at an entry that is not sound, so that the error names its first byte.
        self.at += header.size() * u64::from(sound);
        Ok(sound)
    }

    /// Reads all bytes from the next entry on.
    pub(super) fn rest(mut self) -> Result<Vec<u8>, DiskLogError> {
        let mut bytes = vec![0; (self.end - self.at) as usize];
        self.file.seek(SeekFrom::Start(self.at)).map_err(DiskLogError::io("read", &self.path))?;
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn damaged(&self, reason: &'static str) -> DiskLogError {
        DiskLogError::damaged(&self.path, self.at, reason)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), DiskLogError> {
        self.file.read_exact(bytes).map_err(DiskLogError::io("read", &self.path))
    }
}

/// The size of a file's header in bytes.
pub(super) const START: u64 = 28;
const MAGIC: [u8; 8] = [b's', b's', b'e', b'k', b'i', b't', 0, FORMAT];
const SUFFIX: &str = ".log";
const NEW: &str = "new";
const MARKED: u64 = 16;
const BUFFER: usize = 64 * 1024;
