use crate::decode::{line_ends::LineEnds, value::Span};

/// The lines of a text that have ended, in order (9.2.5).
///
/// CR LF is returned as a line and an empty one behind it, which [`is_rest_of_cr_lf`](Self::is_rest_of_cr_lf)
/// tells from a blank line. So no line waits for the byte behind its CR.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The start of the next line.
    start: usize,
    ends: LineEnds,
    /// The text that was dropped ended with a CR.
    starts_after_cr: bool,
}

impl Lines {
    /// Returns the next line, without its line end; `None` if none has ended. Every call must pass the same
    /// text, which may have grown.
    #[inline]
    pub(super) fn next(&mut self, text: &[u8]) -> Option<Span> {
        let end = self.ends.next(text)?;
        let line = Span::new(self.start, end);
        self.start = end + 1;
        Some(line)
    }

    /// Returns whether the empty line at `at` is no line, but between the CR and the LF of one line end.
    #[inline]
    pub(super) fn is_rest_of_cr_lf(&self, text: &[u8], at: Span) -> bool {
        let end = at.range().end;
        debug_assert!(at.len() == 0, "only an empty line can be the rest of a line end");
        text[end] == b'\n' && end.checked_sub(1).map_or(self.starts_after_cr, |before| text[before] == b'\r')
    }

    #[inline]
    pub(super) const fn start(&self) -> usize {
        self.start
    }

    /// Returns whether no line has ended in a text of `bytes`.
    #[inline]
    pub(super) fn is_at_end(&self, bytes: usize) -> bool {
        self.ends.is_at_end(bytes)
    }

    /// Forgets how far the line that has not ended was scanned, because its beginning was dropped.
    pub(super) fn restart_line(&mut self) {
        self.ends = LineEnds::after(self.start);
        // What was dropped last is not a line end.
        self.starts_after_cr = false;
    }

    /// Scans `bytes`, which were appended to a text of `before` bytes that was scanned.
    #[inline]
    pub(super) fn scan_appended(&mut self, before: usize, bytes: &[u8]) {
        debug_assert!(self.is_at_end(before), "no line end before the appended bytes is left");
        // Only the appended bytes are scanned, as if they were a text of their own; `move_back`
        // then turns their positions into those of the whole text.
        self.ends.restart();
        self.ends.scan(bytes);
        self.ends.move_back(before);
    }

    /// Prepares for dropping `used`, the text before the next line.
    #[inline]
    pub(super) fn drop_used(&mut self, used: &[u8]) {
        debug_assert!(used.len() == self.start, "what is used ends where the next line begins");
        if let Some(&last) = used.last() {
            self.starts_after_cr = last == b'\r';
        }
        self.ends.move_forth(self.start);
        self.start = 0;
    }
}
