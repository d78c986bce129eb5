use std::mem;

use crate::decode::{
    lines::Lines,
    utf8::Utf8Decoder,
    value::{KEPT_CAPACITY, reserve},
};

/// Interpreted text of up to this many bytes stays where it is, since moving the rest to the front costs as
/// much for few bytes as for many.
const WORTH_DROPPING: usize = 4 * 1024;

/// The text of a stream that is not yet dispatched, and its lines.
///
/// It holds the values of the open event, as far as they were not copied, and then what is not yet
/// interpreted.
#[derive(Debug, Default)]
pub(super) struct Text {
    text: String,
    lines: Lines,
    /// The line is too long. Its beginning was dropped, and so will be the rest of it.
    skip_line: bool,
    utf8: Utf8Decoder,
}

impl Text {
    /// Appends the text of `bytes`. Besides, the text holds `max` bytes at most.
    #[inline]
    pub(super) fn append(&mut self, bytes: &[u8], max: usize) {
        let before = self.text.len();
        // Invalid bytes may need more, which the string then allocates itself.
        reserve(&mut self.text, bytes.len(), max.saturating_add(bytes.len()));
        let is_verbatim = self.utf8.decode(bytes, &mut self.text);
        if is_verbatim && self.lines.is_at_end(before) {
            // Fast path: what was just copied takes longer to read than what it was copied from.
            self.lines.scan_appended(before, bytes);
        }
        if self.skip_line {
            self.skip();
        }
    }

    /// Skips the rest of a line whose beginning was dropped.
    #[cold]
    fn skip(&mut self) {
        // The line end may be anywhere in what was appended.
        self.lines.restart_line();
        if self.lines.next(self.text.as_bytes()).is_some() {
            self.skip_line = false;
        } else {
            self.skip_open_line();
        }
    }

    /// Ends the stream, and the line that it leaves open.
    pub(super) fn finish(&mut self) {
        self.utf8.finish(&mut self.text);
        if mem::take(&mut self.skip_line) {
            debug_assert!(self.is_empty(), "a line that is skipped is dropped as it arrives");
        } else if !self.is_empty() {
            self.append_line_end();
        }
    }

    pub(super) fn append_line_end(&mut self) {
        // Not an LF, which might count as the rest of a CR LF.
        self.text.push('\r');
    }

    /// Returns whether much text was interpreted, and more than not: then it costs little to drop it.
    #[inline]
    pub(super) fn is_mostly_used(&self) -> bool {
        self.lines.start() > WORTH_DROPPING && self.lines.start() > self.text.len() / 2
    }

    /// Returns whether no line is open.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.lines.start() == self.text.len() && !self.skip_line
    }

    /// Drops what was interpreted. The values of the open event must not be part of it.
    #[inline]
    pub(super) fn drop_used(&mut self) {
        let start = self.lines.start();
        // An unfinished line moves to the front. The callers drop when what is used is longer than
        // it, so that each byte is moved a bounded number of times.
        self.lines.drop_used(&self.text.as_bytes()[..start]);
        if start < self.text.len() {
            #[cfg(test)]
            super::tests::count_copies(self.text.len() - start);
            self.text.drain(..start);
        } else if self.is_large() {
            self.text = String::new();
        } else {
            self.text.clear();
        }
    }

    #[inline]
    pub(super) fn is_large(&self) -> bool {
        self.text.capacity() > 2 * KEPT_CAPACITY
    }

    /// Returns the line that has not ended.
    #[inline]
    pub(super) fn open_line(&self) -> &str {
        &self.text[self.lines.start()..]
    }

    /// Drops the line that has not ended, up to its line end.
    pub(super) fn skip_open_line(&mut self) {
        self.skip_line = true;
        // The line is lost already. It is dropped as it arrives, so that it never takes more memory
        // than one chunk.
        self.text.truncate(self.lines.start());
        self.lines.restart_line();
    }

    /// Returns whether all lines that have ended were interpreted.
    pub(super) fn is_used_up(&self) -> bool {
        self.lines.is_at_end(self.text.len())
    }

    #[inline]
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the text and its lines.
    #[inline]
    pub(super) fn parts(&mut self) -> (&str, &mut Lines) {
        (&self.text, &mut self.lines)
    }
}
