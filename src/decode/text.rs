//! From bytes to text, as the Encoding Standard's UTF-8 decoder does it.

use std::{
    ops::Range,
    str::{self, Utf8Chunk},
};

/// A part of a chunk that is known to be UTF-8, so that values within it need no check of their own.
#[derive(Debug, Default)]
pub(super) struct Checked<'c> {
    text: &'c str,
    start: usize,
}

impl<'c> Checked<'c> {
    /// Checks `range` of `chunk`, but for a character that it ends in the middle of.
    pub(super) fn new(chunk: &'c [u8], range: Range<usize>) -> Option<Self> {
        let start = range.start;
        let text = str::from_utf8(without_open_character(chunk.get(range)?)).ok()?;
        Some(Self { text, start })
    }

    /// Returns where the part ends.
    #[inline]
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Returns the value at `range` of `chunk`, the chunk that was checked.
    #[inline]
    pub(super) fn value(&self, chunk: &'c [u8], range: Range<usize>) -> Value<'c> {
        let text = range
            .start
            .checked_sub(self.start)
            .and_then(|start| self.text.get(start..range.end - self.start));
        text.map_or_else(|| Value::Unchecked(&chunk[range]), Value::Text)
    }
}

/// A field's value, known to be UTF-8 or not.
pub(super) enum Value<'v> {
    Text(&'v str),
    Unchecked(&'v [u8]),
}

impl<'v> Value<'v> {
    /// Returns the value as text, with U+FFFD for what is not UTF-8; that text is put in `lossy`.
    ///
    /// A replacement takes more bytes than what it stands for: returns `None` if that makes it longer than `max`.
    #[inline]
    pub(super) fn text(self, lossy: &'v mut String, max: usize) -> Option<&'v str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Unchecked(bytes) => match str::from_utf8(bytes) {
                Ok(text) => Some(text),
                Err(_) => {
                    *lossy = decode_lossy(bytes, max)?;
                    Some(lossy)
                }
            },
        }
    }
}

/// Returns `bytes` without the beginning of a character at their end, whose rest is still to come.
fn without_open_character(bytes: &[u8]) -> &[u8] {
    for open in 1..=bytes.len().min(3) {
        let before = bytes.len() - open;
        let length = match bytes[before] {
            0x80..=0xBF => continue,
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xFF => 4,
            0x00..=0x7F => 1,
        };
        return if length > open { &bytes[..before] } else { bytes };
    }
    bytes
}

#[cold]
fn decode_lossy(bytes: &[u8], max: usize) -> Option<String> {
    let replacement = |piece: &Utf8Chunk<'_>| if piece.invalid().is_empty() { "" } else { "\u{FFFD}" };
    let length = bytes.utf8_chunks().map(|piece| piece.valid().len() + replacement(&piece).len()).sum();
    if length > max {
        return None;
    }
    let mut text = String::with_capacity(length);
    for piece in bytes.utf8_chunks() {
        text.push_str(piece.valid());
        text.push_str(replacement(&piece));
    }
    Some(text)
}
