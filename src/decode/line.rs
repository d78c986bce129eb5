use std::time::Duration;

use crate::decode::last_id::SHORT_ID;

/// The kind of a line. For a field, with the offset of its value in the line (9.2.6).
#[derive(Clone, Copy)]
pub(super) enum Line {
    Blank,
    Comment,
    Data(usize),
    EventType(usize),
    Id(usize),
    /// An ID in a line of more than [`SHORT_ID`] bytes; it may exceed the limit.
    LongId(usize),
    Retry(usize),
    /// A field with an unknown name, or an ID that contains NUL.
    Ignored,
}

impl Line {
    /// Returns the kind of the line from `start` to `end` of `chunk`; a line end, or the end of the chunk, is at
    /// `end`.
    #[inline(always)]
    pub(super) fn at(chunk: &[u8], start: usize, end: usize) -> Self {
        if start == end {
            return Self::Blank;
        }
        // A short line is compared together with bytes that follow it. That is right because a line end comes first
        // among those, and no field name contains one.
        let Some(begin) = chunk.get(start..).and_then(|rest| rest.first_chunk()) else {
            return Self::of_any(chunk.get(start..end).unwrap_or_default());
        };
        let begin = u64::from_le_bytes(*begin);
        if let Some(value) = value_in(begin, b"data:") {
            Self::Data(value)
        } else if let Some(value) = value_in(begin, b"event:") {
            Self::EventType(value)
        } else if let Some(value) = value_in(begin, b"id:") {
            Self::id(chunk.get(start..end).unwrap_or_default(), value)
        } else {
            Self::of_any(chunk.get(start..end).unwrap_or_default())
        }
    }

    #[inline(always)]
    fn id(line: &[u8], value: usize) -> Self {
        match (line.first_chunk(), line.last_chunk()) {
            (Some(first), Some(last)) if line.len() <= 16 => {
                if has_nul(first) | has_nul(last) {
                    Self::Ignored
                } else {
                    Self::Id(value)
                }
            }
            _ if line.contains(&0) => Self::Ignored,
            _ if line.len() > SHORT_ID => Self::LongId(value),
            _ => Self::Id(value),
        }
    }

    #[cold]
    fn of_any(line: &[u8]) -> Self {
        if line.first() == Some(&b':') {
            Self::Comment
        } else if let Some(value) = value_start(line, b"data") {
            Self::Data(value)
        } else if let Some(value) = value_start(line, b"event") {
            Self::EventType(value)
        } else if let Some(value) = value_start(line, b"id") {
            Self::id(line, value)
        } else if let Some(value) = value_start(line, b"retry") {
            Self::Retry(value)
        } else {
            Self::Ignored
        }
    }
}

/// Returns the offset of the value in a line that begins with these eight bytes, if it begins with `name`, which
/// includes the colon.
#[inline(always)]
fn value_in<const N: usize>(begin: u64, name: &[u8; N]) -> Option<usize> {
    let mut word = [0; 8];
    word[8 - N..].copy_from_slice(name);
    if begin << (64 - 8 * N) != u64::from_le_bytes(word) {
        return None;
    }
    Some(N + usize::from((begin >> (8 * N)) as u8 == b' '))
}

#[inline(always)]
fn has_nul(eight: &[u8; 8]) -> bool {
    let eight = u64::from_le_bytes(*eight);
    eight.wrapping_sub(EACH) & !eight & (EACH << 7) != 0
}

/// Returns the offset of the value in a line whose field has this name.
pub(super) fn value_start(line: &[u8], name: &[u8]) -> Option<usize> {
    match line.strip_prefix(name)? {
        [] => Some(name.len()),
        [b':', b' ', ..] => Some(name.len() + 2),
        [b':', ..] => Some(name.len() + 1),
        _ => None,
    }
}

/// Parses a value of ASCII digits as milliseconds; `u64::MAX` of them if the number is larger.
pub(super) fn reconnection_time(value: &[u8]) -> Option<Duration> {
    if value.is_empty() {
        return None;
    }
    let mut milliseconds = 0_u64;
    for &byte in value {
        if !byte.is_ascii_digit() {
            return None;
        }
        milliseconds = milliseconds.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    }
    Some(Duration::from_millis(milliseconds))
}

const EACH: u64 = u64::from_ne_bytes([1; 8]);
