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
    let mut page = Page { held: true, ..Page::default() };
    let (mut number, next) = {
        let index = shared.index();
        page.held = after.is_some() || index.first() == 1;
        (after.map_or(index.first(), |after| parts(after).0), index.next())
    };
    let mut bytes = 0;
    if let Some(after) = after {
        page.held = holds(shared, after)?;
        number = number.saturating_add(1);
        if !page.held {
            return Ok(page);
        }
    }
    while number < next && page.entries.len() < limit.entries.max(1) {
        let found = shared.index().piece(number);
        let read = match found {
            Some(piece) => read_piece(&piece, &mut number, next, limit, &mut page.entries, &mut bytes),
            None => Ok(false),
        };
        match read {
            Ok(true) => {}
            // The page is full.
            Ok(false) if number >= shared.index().first() => break,
            Err(error) if !error.is_missing() || number >= shared.index().first() => return Err(error),
            // The bounds have removed the file meanwhile.
            Ok(false) | Err(_) if page.entries.is_empty() => {
                page.held = false;
                if after.is_some() {
                    return Ok(page);
                }
                number = shared.index().first();
            }
            Ok(false) | Err(_) => return Ok(page),
        }
    }
    page.at_end = number >= next;
    Ok(page)
}

/// Reads from one file. Returns whether to continue in the next one.
fn read_piece(
    piece: &Piece,
    number: &mut u64,
    next: u64,
    limit: Limit,
    read: &mut Vec<Entry>,
    bytes: &mut usize,
) -> Result<bool, DiskLogError> {
    let mut entries = at(piece)?;
    while !entries.is_at_end() && *number < next {
        let header = entries.header()?.ok_or_else(|| entries.damaged(UNSOUND))?;
        if header.number < *number {
            entries.skip(header)?;
            continue;
        }
        let size = header.size() as usize;
        let is_full = read.len() >= limit.entries.max(1) || *bytes + size > limit.bytes;
        if is_full && !read.is_empty() {
            return Ok(false);
        }
        let fields = entries.fields(header)?.filter(|_| header.number == *number);
        let fields = fields.ok_or_else(|| entries.damaged(UNSOUND))?;
        let id = super::DiskIds.id(header.position());
        read.push(Entry { id, record: frame::read(fields).0 });
        *number += 1;
        *bytes += size;
    }
    Ok(true)
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
