//! From bytes to text, as the Encoding Standard's UTF-8 decoder does it.

use std::str::{self, Utf8Chunk};

/// Where a value is in a chunk, if it is there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) const NONE: Self = Self { start: 0, end: 0 };

    /// Tells an empty value from none: no value ends where the chunk begins.
    #[inline(always)]
    pub(super) fn is_some(self) -> bool {
        self.end > 0
    }

    pub(super) fn bytes(self, chunk: &[u8]) -> &[u8] {
        &chunk[self.start..self.end]
    }

    /// Returns the value in the chunk, or what `buffer` has of it instead.
    pub(super) fn bytes_or<'v>(self, chunk: &'v [u8], buffer: &'v [u8]) -> &'v [u8] {
        if self.is_some() { self.bytes(chunk) } else { buffer }
    }

    /// Returns the value if it is in `checked`, which begins at `from` in the chunk; empty text if there is no value.
    #[inline(always)]
    pub(super) fn text(self, checked: &str, from: usize) -> Option<&str> {
        if self.is_some() {
            checked.get(self.start.wrapping_sub(from)..self.end.wrapping_sub(from))
        } else {
            Some("")
        }
    }
}

/// Returns `bytes` as text, with U+FFFD for what is not UTF-8; that text is put in `lossy`.
///
/// A replacement takes more bytes than what it stands for: returns `None` if the text is longer than `max`.
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

/// Returns how long the text of `bytes` is.
pub(super) fn lossy_len(bytes: &[u8]) -> usize {
    #[cfg(test)]
    super::tests::count_visits(bytes.len());
    bytes.utf8_chunks().map(|piece| piece.valid().len() + replacement(&piece).len()).sum()
}

fn replacement(piece: &Utf8Chunk<'_>) -> &'static str {
    if piece.invalid().is_empty() { "" } else { "\u{FFFD}" }
}
