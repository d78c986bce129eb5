use std::ops::Range;

/// The capacity that an empty buffer keeps.
pub(super) const KEPT_CAPACITY: usize = 16 * 1024;

/// The smallest capacity, so that short values do not grow byte by byte.
const MIN_CAPACITY: usize = 64;

/// A part of the decoder's text: the value of a field.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    #[inline]
    pub(super) const fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end, "a span does not end before it starts");
        Self { start, end }
    }

    #[inline]
    pub(super) const fn len(self) -> usize {
        self.end - self.start
    }

    #[inline]
    pub(super) const fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// Returns the part of the span from its byte `at` on.
    #[inline]
    pub(super) const fn from(self, at: usize) -> Self {
        Self::new(self.start + at, self.end)
    }

    #[inline]
    pub(super) fn of(self, text: &str) -> &str {
        &text[self.range()]
    }
}

/// Buffers that outlive the text: values of an event whose text is dropped before it ends, and joined data.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) data: String,
    pub(super) event_type: String,
    pub(super) id: String,
}

impl Kept {
    /// Empties the buffers, and frees the memory of each that is large and of which this event used less than
    /// a quarter: huge events often come in a row. Returns whether one is still large.
    pub(super) fn clear(&mut self) -> bool {
        let mut is_large = false;
        for buffer in [&mut self.data, &mut self.event_type, &mut self.id] {
            if buffer.capacity() > KEPT_CAPACITY && buffer.len() < buffer.capacity() / 4 {
                *buffer = String::new();
            }
            buffer.clear();
            is_large |= buffer.capacity() > KEPT_CAPACITY;
        }
        is_large
    }
}

/// Appends a part of `text` to a buffer, which grows to at most `max` if that is enough.
#[inline]
pub(super) fn append(buffer: &mut String, span: Span, text: &str, max: usize) {
    #[cfg(test)]
    super::tests::count_copies(span.len());
    reserve(buffer, span.len(), max);
    buffer.push_str(span.of(text));
}

/// Appends a line of `text` and a line feed, as [`append`] does.
#[inline]
pub(super) fn append_line(buffer: &mut String, line: Span, text: &str, max: usize) {
    // The line end is copied along, as it is a line feed most often.
    append(buffer, Span::new(line.start, line.end + 1), text, max.saturating_add(1));
    if buffer.ends_with('\r') {
        buffer.pop();
        buffer.push('\n');
    }
}

/// Makes room for `additional` bytes. The capacity doubles, so that growing takes linear time, but up to
/// `max` only.
#[inline]
pub(super) fn reserve(text: &mut String, additional: usize, max: usize) {
    if additional > text.capacity() - text.len() {
        grow(text, additional, max);
    }
}

#[cold]
fn grow(text: &mut String, additional: usize, max: usize) {
    #[cfg(test)]
    super::tests::count_copies(text.len());
    let doubled = text.capacity().saturating_mul(2).clamp(MIN_CAPACITY, max.max(MIN_CAPACITY));
    // Exact, because `String` by itself would double beyond the maximum.
    text.reserve_exact(doubled.saturating_sub(text.len()).max(additional));
}
