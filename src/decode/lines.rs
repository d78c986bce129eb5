use crate::decode::{line_ends::LineEnds, value::Span};

/// The lines of a text that have ended, in order (9.2.5).
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The start of the next line.
    start: usize,
    ends: LineEnds,
    /// The text ended with a CR, so an LF at the start of the next text belongs to it.
    pub(super) skip_lf: bool,
}

impl Lines {
    /// Returns the next line, without its line end; `None` if none has ended. Every call must pass the same
    /// text, which may have grown.
    #[inline]
    pub(super) fn next(&mut self, text: &[u8]) -> Option<Span> {
        let end = self.ends.next(text)?;
        let line = Span::new(self.start, end);
        self.start = end + 1;
        if text[end] == b'\r' {
            match text.get(self.start) {
                Some(b'\n') => {
                    // The LF has a place of its own among the line ends. It is taken here, as it
                    // ends no other line.
                    self.ends.next(text);
                    self.start += 1;
                }
                Some(_) => {}
                // A CR ends a line at once.
                None => self.skip_lf = true,
            }
        }
        Some(line)
    }

    #[inline]
    pub(super) const fn start(&self) -> usize {
        self.start
    }

    /// Moves past an LF that ends no line.
    pub(super) fn skip_one(&mut self) {
        self.start += 1;
        self.ends = LineEnds::after(self.start);
    }

    /// Returns whether no line has ended in a text of `bytes`.
    #[inline]
    pub(super) fn is_at_end(&self, bytes: usize) -> bool {
        self.ends.is_at_end(bytes)
    }

    /// Forgets how far the line that has not ended was scanned.
    pub(super) fn restart_line(&mut self) {
        self.ends = LineEnds::after(self.start);
    }

    /// Scans `bytes`, which were appended to a text of `before` bytes that was scanned.
    #[inline]
    pub(super) fn scan_appended(&mut self, before: usize, bytes: &[u8]) {
        debug_assert!(self.is_at_end(before), "no line end before the appended bytes is left");
        // Only the appended bytes are scanned, as if they were a text of their own; `move_back`
        // then turns their positions into those of the whole text.
        self.ends = LineEnds::default();
        self.ends.scan(bytes);
        self.ends.move_back(before);
    }

    /// Drops the text before the next line.
    #[inline]
    pub(super) fn drop_used(&mut self) {
        self.ends.move_forth(self.start);
        self.start = 0;
    }
}
