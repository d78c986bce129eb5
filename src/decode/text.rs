//! Decoding bytes to text, as the UTF-8 decoder of the Encoding Standard does.

use std::{str, str::Utf8Chunk};

/// The range of a value in a chunk, or none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) const NONE: Self = Self { start: 0, end: 0 };

    /// Returns whether there is a value. No value ends at the start of the chunk, so an empty value differs from
    /// none.
    #[inline(always)]
    pub(super) fn is_some(self) -> bool {
        self.end > 0
    }

    pub(super) fn bytes(self, chunk: &[u8]) -> &[u8] {
        &chunk[self.start..self.end]
    }

    /// Returns the value from the chunk, or the contents of `buffer` if there is none.
    pub(super) fn bytes_or<'v>(self, chunk: &'v [u8], buffer: &'v [u8]) -> &'v [u8] {
        if self.is_some() { self.bytes(chunk) } else { buffer }
    }

    /// Returns the value if it lies in `checked`, which begins at `from` in the chunk; an empty text if there is no
    /// value.
    #[inline(always)]
    pub(super) fn text(self, checked: &str, from: usize) -> Option<&str> {
        if self.is_some() {
            checked.get(self.start.wrapping_sub(from)..self.end.wrapping_sub(from))
        } else {
            Some("")
        }
    }
}

/// Returns `bytes` as text, with U+FFFD in place of invalid UTF-8. Such a text is stored in `lossy`.
///
/// A replacement may be longer than the bytes that it replaces. Returns `None` if the text is longer than `max`.
pub(super) fn decode<'t>(bytes: &'t [u8], lossy: &'t mut String, max: usize) -> Option<&'t str> {
    #[cfg(test)]
    super::tests::count_visits(bytes.len());
    match str::from_utf8(bytes) {
        Ok(text) => (text.len() <= max).then_some(text),
        Err(_) => {
            *lossy = decode_lossy(bytes, max)?;
            Some(lossy)
        }
    }
}

#[cold]
fn decode_lossy(bytes: &[u8], max: usize) -> Option<String> {
    let length = lossy_len(bytes);
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

/// Returns the length of the text that `bytes` decode to.
pub(super) fn lossy_len(bytes: &[u8]) -> usize {
    #[cfg(test)]
    super::tests::count_visits(bytes.len());
    bytes.utf8_chunks().map(|piece| piece.valid().len() + replacement(&piece).len()).sum()
}

fn replacement(piece: &Utf8Chunk<'_>) -> &'static str {
    if piece.invalid().is_empty() { "" } else { "\u{FFFD}" }
}
