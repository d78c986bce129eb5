mod careful;

use std::{fmt, str};

use crate::decode::{
    decoder::{Decoder, Takes},
    item::{EventRef, Item},
    line::Line,
    line_ends::LineEnds,
    text::Span,
};

/// The items in one chunk.
///
/// Created by [`Decoder::decode`]. Each item borrows from this value until the next call, so this is not an
/// [`Iterator`]. Loop over it with `while let`.
#[must_use = "a chunk is decoded as its items are taken"]
pub struct Items<'a, 'c> {
    decoder: &'a mut Decoder,
    /// The caller's slice: the bytes not decoded yet.
    rest: &'a mut &'c [u8],
    /// The whole chunk. The bytes before `position` are decoded.
    chunk: &'c [u8],
    position: usize,
    line_ends: LineEnds,
    /// The values of the open event.
    values: Values,
    /// No event is open, here or in the decoder, and no item borrows from a buffer.
    is_idle: bool,
    /// Lines that end before this position cannot exceed the limits on bytes.
    within_limits: usize,
    /// The part of the chunk last found to be valid UTF-8, and the position at which it begins.
    checked: &'c str,
    checked_from: usize,
    /// `check` was called.
    has_checked: bool,
    /// The chunk has invalid UTF-8, so each value is checked separately.
    checks_values: bool,
}

/// The values of the open event that lie in this chunk.
#[derive(Clone, Copy, Default)]
struct Values {
    data: Span,
    event_type: Span,
    id: Span,
}

impl Values {
    fn are_some(self) -> bool {
        self.data.is_some() || self.event_type.is_some() || self.id.is_some()
    }
}

impl Decoder {
    /// Returns the items in `chunk`, which decode it as you take them.
    ///
    /// Taking an item moves `chunk` past it. The rest of `chunk` is not decoded yet, so you may stop after any item
    /// and pass the rest later. After the last item, `chunk` is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// let mut chunk = &b"data: 1\n\ndata: 2\n\n"[..];
    /// assert!(decoder.decode(&mut chunk).next().is_some());
    /// assert_eq!(chunk, b"data: 2\n\n");
    /// ```
    pub fn decode<'a, 'c>(&'a mut self, chunk: &'a mut &'c [u8]) -> Items<'a, 'c> {
        Items::new(self, chunk)
    }
}

impl<'a, 'c> Items<'a, 'c> {
    pub(super) fn new(decoder: &'a mut Decoder, rest: &'a mut &'c [u8]) -> Self {
        decoder.skip_start(rest);
        let chunk = *rest;
        let is_idle = !decoder.lent && decoder.is_idle();
        Self {
            decoder,
            rest,
            chunk,
            position: 0,
            line_ends: LineEnds::default(),
            values: Values::default(),
            is_idle,
            within_limits: 0,
            checked: "",
            checked_from: 0,
            has_checked: false,
            checks_values: false,
        }
    }

    /// Decodes up to the next item and returns it, or `None` at the end of the chunk.
    ///
    /// Removes the bytes up to the end of the item from the front of the slice passed to [`decode`](Decoder::decode).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use ssekit::decode::{Decoder, Item};
    ///
    /// let mut decoder = Decoder::new();
    /// let mut chunk = &b"retry: 500\n: hello\n\n"[..];
    /// let mut items = decoder.decode(&mut chunk);
    /// assert_eq!(items.next(), Some(Item::Retry(Duration::from_millis(500))));
    /// assert_eq!(items.next(), Some(Item::Comment(" hello")));
    /// assert_eq!(items.next(), None);
    /// ```
    #[expect(clippy::should_implement_trait, reason = "it lends, as no iterator can")]
    #[inline]
    pub fn next(&mut self) -> Option<Item<'_>> {
        if !self.is_idle {
            self.next_when_open()
        } else if self.position < self.chunk.len() {
            self.next_when_idle()
        } else {
            self.finish();
            None
        }
    }

    #[inline(never)]
    fn next_when_idle(&mut self) -> Option<Item<'_>> {
        let start = self.position;
        let Some(values) = self.plain_event() else {
            if self.line_ends.is_at_end(self.chunk) {
                return self.open_line(self.position).map(Item::LimitExceeded);
            }
            return self.next_carefully();
        };
        if values.data.end > self.checked_from + self.checked.len() {
            self.check(start);
        }
        let Values { data, event_type, id } = values;
        let text = |span: Span| span.text(self.checked, self.checked_from);
        let (Some(data), Some(event_type), Some(id_text)) = (text(data), text(event_type), text(id)) else {
            self.is_idle = false;
            return Some(self.event_of_pieces(values));
        };
        if id.is_some() {
            self.decoder.last_event_id.set_short(id_text);
        }
        Some(Item::Event(EventRef::new(event_type, data, &self.decoder.last_event_id)))
    }

    #[inline(never)]
    fn next_when_open(&mut self) -> Option<Item<'_>> {
        self.decoder.forget_lent();
        if self.decoder.event.has_line() {
            if let Some(end) = self.line_ends.next(self.chunk) {
                if let Some(found) = self.end_open_line(end) {
                    return Some(self.item(found));
                }
            }
            if self.line_ends.is_at_end(self.chunk) {
                return self.extend_line().map(Item::LimitExceeded);
            }
        } else if self.decoder.is_idle() {
            self.is_idle = true;
            return self.next_when_idle();
        }
        self.update_within_limits();
        self.next_carefully()
    }

    /// Fast path: finds the next event if it lies in this chunk, has one line of data, uses LF as line end, has a
    /// short ID, and is within the limits.
    ///
    /// On anything else it stops, leaving the state as `next_carefully` would have at that line.
    #[inline(always)]
    fn plain_event(&mut self) -> Option<Values> {
        let limit = self.position.saturating_add(self.decoder.limits.room());
        let chunk = self.chunk.get(..limit).unwrap_or(self.chunk);
        let mut values = Values::default();
        let mut start = self.position;
        let mut line_ends = self.line_ends;
        while let Some(end) = line_ends.peek(self.chunk) {
            if chunk.get(end) != Some(&b'\n') {
                break;
            }
            let value = |at| Span { start: start + at, end };
            match Line::at(chunk, start, end) {
                Line::Data(at) if !values.data.is_some() => values.data = value(at),
                Line::EventType(at) => values.event_type = value(at),
                Line::Id(at) => values.id = value(at),
                Line::Blank if values.data.is_some() => {
                    line_ends.advance();
                    self.line_ends = line_ends;
                    self.position = end + 1;
                    *self.rest = &self.chunk[self.position..];
                    return Some(values);
                }
                _ => break,
            }
            line_ends.advance();
            start = end + 1;
        }
        self.line_ends = line_ends;
        self.values = values;
        self.within_limits = limit;
        self.position = start;
        self.is_idle = false;
        if values.data.is_some() {
            self.decoder.event.data_lines = 1;
        }
        None
    }

    /// Records that there are no more items.
    #[inline(always)]
    fn finish(&mut self) {
        *self.rest = &[];
        if self.has_checked {
            self.decoder.takes = Takes::All;
        }
    }

    /// Checks that the event which starts at `start` is valid UTF-8, and with it some of the bytes that follow.
    ///
    /// One check of many bytes is cheaper than one check per event. But a caller may take few events from each
    /// `Items`, and what is checked beyond them is checked again. So unless the caller has taken whole chunks, this
    /// checks at most as many bytes again as were decoded, and the work stays linear.
    #[cold]
    fn check(&mut self, start: usize) {
        let takes = self.decoder.takes;
        self.decoder.takes = if self.has_checked { Takes::Unknown } else { Takes::One };
        self.has_checked = true;
        if self.checks_values {
            return;
        }
        // Cutting at a line end is safe: it is ASCII, so no character spans it.
        let to = match takes {
            Takes::One => self.position,
            Takes::Unknown => self.last_end(self.position.saturating_mul(2)),
            Takes::All => self.last_end(self.chunk.len()),
        };
        let checked = str::from_utf8(&self.chunk[start..to]);
        #[cfg(test)]
        super::tests::count_visits(checked.map_or_else(|error| error.valid_up_to(), str::len));
        self.checked_from = start;
        match checked {
            Ok(text) => self.checked = text,
            Err(_) => (self.checked, self.checks_values) = ("", true),
        }
    }

    /// Returns the position of the last line end from the present position up to `reach`; if there is none, the
    /// present position.
    fn last_end(&self, reach: usize) -> usize {
        let behind = self.chunk.get(self.position..reach).unwrap_or(&self.chunk[self.position..]);
        self.position + memchr::memrchr2(b'\r', b'\n', behind).unwrap_or(0)
    }
}

impl fmt::Debug for Items<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("decoder", &self.decoder).field("rest", &self.rest.len()).finish()
    }
}
