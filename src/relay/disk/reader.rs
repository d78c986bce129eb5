//! Reading pages. All of it blocks, so it runs on threads that may.

use std::sync::Arc;

use crate::{
    history::ids::IdOrder,
    relay::{
        disk::{
            error::DiskLogError,
            frame,
            ids::parts,
            index::{Piece, Shared},
            segment::Entries,
        },
        log::{Entry, Limit, Page},
    },
};

/// Reads the entries after a position, or from the oldest on.
pub(super) fn page(shared: &Shared, after: Option<u128>, limit: Limit) -> Result<Page, DiskLogError> {
    let (first, next) = {
        let index = shared.index();
        (index.first(), index.next())
    };
    // The lock is not held while files are read. The bounds may remove files meanwhile, so that
    // each step asks the index anew; and what is appended meanwhile is left for the next page.
    let mut reading = Reading {
        number: after.map_or(first, |after| parts(after).0),
        next,
        after,
        limit: Limit { entries: limit.entries.max(1), ..limit },
        bytes: 0,
        entries: Vec::new(),
    };
    let mut held = after.is_some() || first == 1;
    while reading.number < next {
        let found = shared.index().piece(reading.number);
        let read = found.map_or(Ok(Read::Elsewhere), |piece| reading.read(&piece));
        match read {
            Ok(Read::All) => {}
            Ok(Read::Full) => break,
            Ok(Read::Other) => return Ok(Page::default()),
            // A missing file is damage, unless the bounds have removed it since the index was
            // asked.
            Err(error) if !error.is_missing() || reading.number >= shared.index().first() => {
                return Err(error);
            }
            // The bounds have taken it away, maybe just now.
            Ok(Read::Elsewhere) | Err(_) if after.is_some() && reading.entries.is_empty() => {
                return Ok(Page::default());
            }
            Ok(Read::Elsewhere) | Err(_) if reading.entries.is_empty() => {
                (held, reading.number) = (false, shared.index().first());
            }
            // The entries that were read are a page. The next call finds that its last entry is gone.
            Ok(Read::Elsewhere) | Err(_) => break,
        }
    }
    if reading.after.is_some() {
        // It is newer than all that there is.
        return Ok(Page::default());
    }
    Ok(Page { held, at_end: reading.number >= next, entries: reading.entries })
}

/// A page that is being read.
struct Reading {
    /// The number of the next entry.
    number: u64,
    /// The end of the durable entries when the page was begun.
    next: u64,
    /// The entry after which the page comes, until it was found to be there.
    after: Option<u128>,
    limit: Limit,
    bytes: usize,
    entries: Vec<Entry>,
}

/// How far one file has brought a page.
enum Read {
    /// It goes on in the next file.
    All,
    /// There is no room for more.
    Full,
    /// The entry after which to read is of another opening.
    Other,
    /// The log does not have what comes next.
    Elsewhere,
}

impl Reading {
    fn read(&mut self, piece: &Piece) -> Result<Read, DiskLogError> {
        let mut file = at(piece)?;
        while !file.is_at_end() && self.number < self.next {
            let header = file.header()?.ok_or_else(|| file.damaged(UNSOUND))?;
            if header.number < self.number {
                file.skip(header)?;
                continue;
            }
            // The number was found. Only the epoch shows that it is the same entry, and not one
            // that was appended under that number after a repair.
            if let Some(after) = self.after.take() {
                if header.position() != after {
                    return Ok(Read::Other);
                }
                self.number += 1;
                file.skip(header)?;
                continue;
            }
            let size = header.size() as usize;
            let is_full = self.entries.len() >= self.limit.entries
                || self.bytes.saturating_add(size) > self.limit.bytes;
            if is_full && !self.entries.is_empty() {
                return Ok(Read::Full);
            }
            let fields = file.fields(header)?.filter(|_| header.number == self.number);
            let fields = fields.ok_or_else(|| file.damaged(UNSOUND))?;
            let id = super::DiskIds.id(header.position());
            self.entries.push(Entry { id, record: frame::read(fields).0 });
            self.number += 1;
            self.bytes += size;
        }
        Ok(Read::All)
    }
}

/// Returns whether the log holds the entry at this position, with the same number and epoch.
pub(super) fn holds(shared: &Shared, position: u128) -> Result<bool, DiskLogError> {
    let (number, _) = parts(position);
    let Some(piece) = shared.index().piece(number) else { return Ok(false) };
    let found = at(&piece).and_then(|mut entries| {
        loop {
            let header = entries.header()?.ok_or_else(|| entries.damaged(UNSOUND))?;
            if header.number >= number {
                return Ok(header.position() == position);
            }
            entries.skip(header)?;
        }
    });
    match found {
        // Removed between the look at the index and the opening.
        Err(error) if error.is_missing() && shared.index().first() > number => Ok(false),
        found => found,
    }
}

fn at(piece: &Piece) -> Result<Entries, DiskLogError> {
    let entries = Entries::open(Arc::clone(&piece.path), piece.first)?;
    let entries = entries.ok_or_else(|| DiskLogError::damaged(&piece.path, 0, "its header is not sound"))?;
    entries.within(piece.at, piece.end)
}

const UNSOUND: &str = "no sound entry begins there";
