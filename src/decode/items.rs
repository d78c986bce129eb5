use std::{fmt, mem, str, time::Duration};

use super::{
    Decoder, EventRef, Item, LimitExceeded, LimitKind,
    line::{self, Line},
    line_ends::LineEnds,
    open::{Admission, Ended},
    text::{self, Span},
};

/// What a [`Decoder`] finds in one chunk, item by item.
///
/// Made by [`Decoder::decode`]. It lends each item until the next call, so it is no [`Iterator`]; loop over it with
/// `while let`.
#[must_use = "a chunk is decoded as its items are taken"]
pub struct Items<'a, 'c> {
    decoder: &'a mut Decoder,
    /// The caller's slice: what has not been decoded.
    rest: &'a mut &'c [u8],
    /// The whole chunk, and how much of it has been decoded.
    chunk: &'c [u8],
    position: usize,
    line_ends: LineEnds,
    /// Those of the open event.
    values: Values,
    /// Nothing of an event is open, here or in the decoder, and nothing is lent.
    is_idle: bool,
    /// Bytes before this position are counted as the open event's, or belong to an earlier one.
    counted: usize,
    /// A line that ends before this position is within the limits.
    within_limits: usize,
    /// What was checked for UTF-8 last and is, and where it begins in the chunk.
    checked: &'c str,
    checked_from: usize,
    /// Something was checked.
    has_checked: bool,
    /// Some of the chunk is not UTF-8, so each value is checked by itself.
    checks_values: bool,
    /// The caller is expected to take all items of the chunk.
    takes_all: bool,
}

/// The values of the open event that are in this chunk.
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

/// What a line completes, if it is not an event.
enum Found {
    /// A comment, in this chunk or in the line that an earlier chunk began.
    Comment(Span),
    Retry(Duration),
    LimitExceeded(LimitExceeded),
}

impl<'a, 'c> Items<'a, 'c> {
    pub(super) fn new(decoder: &'a mut Decoder, rest: &'a mut &'c [u8]) -> Self {
        decoder.skip_start(rest);
        let chunk = *rest;
        let is_idle = !decoder.lent && decoder.is_idle();
        let takes_all = mem::take(&mut decoder.takes_all);
        Self {
            decoder,
            rest,
            chunk,
            position: 0,
            line_ends: LineEnds::default(),
            values: Values::default(),
            is_idle,
            counted: 0,
            within_limits: 0,
            checked: "",
            checked_from: 0,
            has_checked: false,
            checks_values: false,
            takes_all,
        }
    }

    /// Decodes up to the next item and returns it, or `None` when the chunk is used up.
    ///
    /// Bytes up to and including those of the item are taken from the front of the slice that was given to
    /// [`decode`](Decoder::decode).
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
        if self.is_idle { self.next_when_idle() } else { self.next_when_open() }
    }

    #[inline(never)]
    fn next_when_idle(&mut self) -> Option<Item<'_>> {
        let Some(values) = self.plain_event() else { return self.next_carefully() };
        if values.data.end > self.checked_from + self.checked.len() {
            self.check(values);
        }
        let Values { data, event_type, id } = values;
        let text = |span: Span| span.text(self.checked, self.checked_from);
        let (Some(data), Some(event_type), Some(id_text)) = (text(data), text(event_type), text(id)) else {
            self.is_idle = false;
            return Some(self.event_of_pieces(values));
        };
        if id.is_some() {
            text::replace(&mut self.decoder.last_event_id, id_text);
        }
        Some(Item::Event(EventRef::new(event_type, data, &self.decoder.last_event_id)))
    }

    #[inline(never)]
    fn next_when_open(&mut self) -> Option<Item<'_>> {
        self.decoder.forget_lent();
        if self.decoder.line.is_open() {
            let Some(end) = self.line_ends.next(self.chunk) else {
                return self.extend_line().map(Item::LimitExceeded);
            };
            if let Some(found) = self.end_open_line(end) {
                return Some(self.item(found));
            }
        } else if self.decoder.is_idle() {
            self.is_idle = true;
            return self.next_when_idle();
        }
        self.next_carefully()
    }

    /// Finds the next event if it is like most: all of it is in this chunk, its data is one line, its lines end in LF,
    /// and it is within the limits.
    ///
    /// Where that ends to be so, it leaves off, and all is as if `next_carefully` had come so far.
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
        self.counted = self.position;
        self.position = start;
        self.is_idle = false;
        if values.data.is_some() {
            self.decoder.event.data_lines = 1;
        }
        None
    }

    /// Decodes up to the next item, whatever it may be.
    #[inline(never)]
    fn next_carefully(&mut self) -> Option<Item<'_>> {
        self.update_within_limits();
        let chunk = self.chunk;
        let mut next = self.position;
        let found = loop {
            let start = next;
            let Some(end) = self.line_ends.peek(chunk) else {
                return self.open_line(start).map(Item::LimitExceeded);
            };
            self.line_ends.advance();
            next = end + 1;
            if chunk[end] == b'\r' {
                next = self.skip_lf(next);
            }
            if end >= self.within_limits {
                match self.admit_line(start, end) {
                    Admission::Admitted => {}
                    Admission::Ignored => continue,
                    Admission::Over(over) => {
                        self.values.data = Span::NONE;
                        break Found::LimitExceeded(over);
                    }
                }
            }
            let value = |at| Span { start: start + at, end };
            match Line::at(chunk, start, end) {
                Line::Data(at) => {
                    if self.decoder.event.count_first_data_line(&self.decoder.limits) {
                        self.values.data = value(at);
                    } else if let Some(over) = self.join_data(value(at)) {
                        break Found::LimitExceeded(over);
                    }
                }
                Line::EventType(at) => self.values.event_type = value(at),
                Line::Id(at) => self.values.id = value(at),
                Line::Blank => {
                    self.position = next;
                    if self.decoder.event.is_complete(&self.decoder.limits) {
                        *self.rest = &chunk[next..];
                        self.end_event();
                        let values = mem::take(&mut self.values);
                        return Some(self.event_of_pieces(values));
                    }
                    if let Some(over) = self.skip_event() {
                        break Found::LimitExceeded(over);
                    }
                }
                Line::Comment => break Found::Comment(value(1)),
                Line::Retry(at) => {
                    if let Some(time) = line::reconnection_time(value(at).bytes(chunk)) {
                        break Found::Retry(time);
                    }
                }
                Line::Ignored => {}
            }
        };
        self.position = next;
        self.keep(next);
        Some(self.item(found))
    }

    /// Returns where the next line starts, given the position behind a CR, which an LF may follow.
    #[inline(never)]
    fn skip_lf(&mut self, position: usize) -> usize {
        match self.chunk.get(position) {
            Some(b'\n') => {
                self.line_ends.next(self.chunk);
                return position + 1;
            }
            Some(_) => {}
            None => self.decoder.skip_lf = true,
        }
        position
    }

    /// Checks a line that may be over a limit.
    #[cold]
    fn admit_line(&mut self, start: usize, end: usize) -> Admission {
        self.count(start);
        let Decoder { limits, event, .. } = &mut *self.decoder;
        if start == end {
            return Admission::Admitted;
        }
        self.counted = end + 1;
        let admission = event.admit_line(end - start, limits);
        self.update_within_limits();
        admission
    }

    /// Counts the bytes before `position` as the open event's.
    fn count(&mut self, position: usize) {
        self.decoder.event.count(position.saturating_sub(self.counted));
        self.counted = position;
    }

    #[inline(always)]
    fn update_within_limits(&mut self) {
        let room = self.decoder.event.room(&self.decoder.limits);
        self.within_limits = self.counted.saturating_add(room);
    }

    /// Joins a value to the data before it, some of which may be in this chunk.
    #[inline(never)]
    fn join_data(&mut self, value: Span) -> Option<LimitExceeded> {
        let Decoder { limits, event, .. } = &mut *self.decoder;
        let before = mem::take(&mut self.values.data);
        if before.is_some() {
            event.extend_data(before.bytes(self.chunk), limits);
        }
        event.push_data(value.bytes(self.chunk), limits);
        event.count_data_line(limits)
    }

    /// Opens the line that the chunk breaks off in.
    #[inline(never)]
    fn open_line(&mut self, start: usize) -> Option<LimitExceeded> {
        self.keep(start);
        self.position = start;
        self.extend_line()
    }

    /// Takes what is left of the chunk into the open line.
    #[inline]
    fn extend_line(&mut self) -> Option<LimitExceeded> {
        let piece = &self.chunk[self.position..];
        self.position = self.chunk.len();
        self.counted = self.position;
        *self.rest = &[];
        self.decoder.takes_all = self.takes_all || self.has_checked;
        let Decoder { limits, event, line, .. } = &mut *self.decoder;
        line.push(piece, event, limits)
    }

    /// Ends the line that an earlier chunk began, at `end` of this one.
    #[inline(always)]
    fn end_open_line(&mut self, end: usize) -> Option<Found> {
        let start = self.position;
        self.position = end + 1;
        self.counted = self.position;
        if self.chunk[end] == b'\r' {
            self.position = self.skip_lf(self.position);
        }
        let Decoder { limits, event, line: open_line, .. } = &mut *self.decoder;
        let ended = open_line.end(&self.chunk[start..end], event, limits);
        let found = match ended {
            Ended::Line(line) => match Line::of(line) {
                Line::Data(at) => {
                    event.push_data(&line[at..], limits);
                    event.count_data_line(limits).map(Found::LimitExceeded)
                }
                Line::EventType(at) => {
                    event.set_event_type(&line[at..], limits);
                    None
                }
                Line::Id(at) => {
                    event.set_id(&line[at..], limits);
                    None
                }
                Line::Comment => Some(Found::Comment(Span::NONE)),
                Line::Retry(at) => line::reconnection_time(&line[at..]).map(Found::Retry),
                Line::Blank | Line::Ignored => None,
            },
            Ended::Done => None,
            Ended::Over(over) => Some(Found::LimitExceeded(over)),
        };
        if !matches!(found, Some(Found::Comment(_))) {
            open_line.clear();
        }
        // The LF of a CR LF, since nobody may ask for another item.
        self.count(self.position);
        found
    }

    /// Ends an event that is not dispatched. Its ID counts all the same (9.2.6).
    #[cold]
    fn skip_event(&mut self) -> Option<LimitExceeded> {
        let Values { id, .. } = mem::take(&mut self.values);
        self.commit_id(id);
        let over = self.decoder.event.excess(&self.decoder.limits);
        self.end_event();
        self.decoder.event.clear();
        over
    }

    #[inline(always)]
    fn end_event(&mut self) {
        self.decoder.event.end();
        self.counted = self.position;
        self.within_limits = self.position.saturating_add(self.decoder.limits.room());
    }

    /// Keeps the values and counts the bytes, up to `position`, of an event that is not complete.
    #[inline(always)]
    fn keep(&mut self, position: usize) {
        self.count(position);
        if self.values.are_some() {
            self.keep_values();
        }
    }

    #[inline(never)]
    fn keep_values(&mut self) {
        let values = mem::take(&mut self.values);
        let Decoder { limits, event, .. } = &mut *self.decoder;
        if values.data.is_some() {
            event.extend_data(values.data.bytes(self.chunk), limits);
        }
        if values.event_type.is_some() {
            event.set_event_type(values.event_type.bytes(self.chunk), limits);
        }
        if values.id.is_some() {
            event.set_id(values.id.bytes(self.chunk), limits);
        }
    }

    /// Makes the item of what was found.
    #[inline(never)]
    fn item(&mut self, found: Found) -> Item<'_> {
        *self.rest = &self.chunk[self.position..];
        match found {
            Found::Comment(span) => {
                let Decoder { lossy, line, lent, .. } = &mut *self.decoder;
                *lent = true;
                let comment = span.bytes_or(self.chunk, line.comment());
                // A comment is never lost: whatever it says, the peer is alive.
                Item::Comment(text::decode(comment, &mut lossy.data, usize::MAX).unwrap_or_default())
            }
            Found::Retry(time) => {
                self.decoder.reconnection_time = Some(time);
                Item::Retry(time)
            }
            Found::LimitExceeded(over) => Item::LimitExceeded(over),
        }
    }

    /// Makes an event some of which is in buffers, or is not UTF-8.
    fn event_of_pieces(&mut self, values: Values) -> Item<'_> {
        self.commit_id(values.id);
        let Decoder { limits, event, lossy, last_event_id, lent, .. } = &mut *self.decoder;
        *lent = true;
        let max = limits.max_event_bytes();
        let data = values.data.bytes_or(self.chunk, event.data.as_slice());
        let event_type = values.event_type.bytes_or(self.chunk, event.event_type.as_slice());
        let texts = text::decode(data, &mut lossy.data, max).and_then(|data| {
            let event_type = text::decode(event_type, &mut lossy.event_type, max.saturating_sub(data.len()))?;
            Some((data, event_type))
        });
        match texts {
            Some((data, event_type)) => Item::Event(EventRef::new(event_type, data, last_event_id)),
            None => Item::LimitExceeded(LimitExceeded::new(LimitKind::EventBytes, max)),
        }
    }

    /// Sets the last event ID if the event had an `id` field.
    fn commit_id(&mut self, id: Span) {
        let Decoder { limits, event, last_event_id, .. } = &mut *self.decoder;
        if id.is_some() || event.has_id {
            let bytes = id.bytes_or(self.chunk, event.id.as_slice());
            let mut lossy = String::new();
            // One that is not UTF-8 may be longer as text than any ID may be: it is ignored.
            if let Some(id) = text::decode(bytes, &mut lossy, limits.max_line_bytes()) {
                text::replace(last_event_id, id);
            }
        }
    }

    /// Checks for UTF-8, from the first value of an event on, that event and what comes behind it.
    ///
    /// To check much at once costs less than to check each event. But a caller may take few items from each `Items`,
    /// so without a sign that this one takes all, it is as much as has been decoded of the chunk: the work stays
    /// linear.
    #[cold]
    fn check(&mut self, values: Values) {
        self.has_checked = true;
        if self.checks_values {
            return;
        }
        let values = [values.data, values.event_type, values.id];
        let from = values.into_iter().filter(|span| span.is_some()).map(|span| span.start).min();
        let from = from.unwrap_or(self.position);
        let reach = if self.takes_all { self.chunk.len() } else { self.position.saturating_mul(2) };
        let behind = self.chunk.get(self.position..reach).unwrap_or(&self.chunk[self.position..]);
        // No character is cut by a line end, and no event is complete without one.
        let to = self.position + memchr::memrchr2(b'\r', b'\n', behind).unwrap_or(0);
        let checked = str::from_utf8(&self.chunk[from..to]);
        #[cfg(test)]
        super::tests::count_visits(checked.map_or_else(|error| error.valid_up_to(), str::len));
        self.checked_from = from;
        match checked {
            Ok(text) => self.checked = text,
            Err(_) => (self.checked, self.checks_values) = ("", true),
        }
    }
}

impl fmt::Debug for Items<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("decoder", &self.decoder).field("rest", &self.rest.len()).finish()
    }
}
