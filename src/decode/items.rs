use std::{fmt, str, time::Duration};

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
    /// Bytes before this position are counted as the open event's, or belong to an earlier one.
    counted: usize,
    /// A line that ends before this position is within the limits.
    within_limits: usize,
    /// The front of the chunk, as far as it was checked for UTF-8 and is.
    checked: &'c str,
    next_check: Check,
}

/// How much of the chunk to check for UTF-8 when the next event needs it.
///
/// To check all that is left at once costs less than to check each event, but not if the caller takes no more than
/// one event from each `Items`: it would check the same bytes again and again.
#[derive(Clone, Copy)]
enum Check {
    Event,
    Rest,
    /// Some of the rest is not UTF-8: each value is checked by itself.
    Value,
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
        let within_limits = decoder.event.room(&decoder.limits);
        Self {
            decoder,
            rest,
            chunk,
            position: 0,
            line_ends: LineEnds::default(),
            counted: 0,
            within_limits,
            checked: "",
            next_check: Check::Event,
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
    pub fn next(&mut self) -> Option<Item<'_>> {
        self.decoder.forget_lent();
        let chunk = self.chunk;
        let mut values = Values::default();
        if self.decoder.line.is_open() {
            let Some(end) = self.line_ends.next(chunk) else {
                return self.open_line(self.position, values);
            };
            if let Some(found) = self.end_open_line(end) {
                return Some(self.item(found));
            }
        }
        let mut next = self.position;
        let found = loop {
            let start = next;
            let Some(end) = self.line_ends.next(chunk) else {
                return self.open_line(start, values);
            };
            next = end + 1;
            if chunk[end] == b'\r' {
                next = self.skip_lf(next);
            }
            if end >= self.within_limits {
                match self.admit_line(start, end) {
                    Admission::Admitted => {}
                    Admission::Ignored => continue,
                    Admission::Over(over) => {
                        values.data = Span::NONE;
                        break Found::LimitExceeded(over);
                    }
                }
            }
            let line = &chunk[start..end];
            let value = |at| Span { start: start + at, end };
            match Line::of(line) {
                Line::Data(at) => {
                    if self.decoder.event.count_first_data_line(&self.decoder.limits) {
                        values.data = value(at);
                    } else {
                        let over = self.join_data(values.data, value(at));
                        values.data = Span::NONE;
                        if let Some(over) = over {
                            break Found::LimitExceeded(over);
                        }
                    }
                }
                Line::EventType(at) => values.event_type = value(at),
                Line::Id(at) => values.id = value(at),
                Line::Blank => {
                    self.position = next;
                    if self.decoder.event.is_complete(&self.decoder.limits) {
                        *self.rest = &chunk[self.position..];
                        self.end_event();
                        return Some(self.event(values));
                    }
                    if let Some(over) = self.skip_event(values.id) {
                        values = Values::default();
                        break Found::LimitExceeded(over);
                    }
                    values = Values::default();
                }
                Line::Comment => break Found::Comment(value(1)),
                Line::Retry(at) => {
                    if let Some(time) = line::reconnection_time(&line[at..]) {
                        break Found::Retry(time);
                    }
                }
                Line::Ignored => {}
            }
        };
        self.position = next;
        self.keep(next, values);
        self.update_within_limits();
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
    fn join_data(&mut self, before: Span, value: Span) -> Option<LimitExceeded> {
        let Decoder { limits, event, .. } = &mut *self.decoder;
        if before.is_some() {
            event.extend_data(before.bytes(self.chunk), limits);
        }
        event.push_data(value.bytes(self.chunk), limits);
        event.count_data_line(limits)
    }

    /// Opens the line that the chunk breaks off in, or takes in more of the one that is open.
    fn open_line(&mut self, start: usize, values: Values) -> Option<Item<'_>> {
        self.keep(start, values);
        self.position = self.chunk.len();
        self.counted = self.position;
        *self.rest = &[];
        let Decoder { limits, event, line, .. } = &mut *self.decoder;
        let over = line.push(&self.chunk[start..], event, limits)?;
        Some(Item::LimitExceeded(over))
    }

    /// Ends the line that an earlier chunk began, at `end` of this one.
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
        self.update_within_limits();
        found
    }

    /// Ends an event that is not dispatched. Its ID counts all the same (9.2.6).
    #[cold]
    fn skip_event(&mut self, id: Span) -> Option<LimitExceeded> {
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
    fn keep(&mut self, position: usize, values: Values) {
        self.count(position);
        if values.are_some() {
            self.keep_values(values);
        }
    }

    #[inline(never)]
    fn keep_values(&mut self, values: Values) {
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

    /// Makes the event that is dispatched (9.2.6).
    #[inline(always)]
    fn event(&mut self, values: Values) -> Item<'_> {
        if values.data.end > self.checked.len() {
            self.check();
        }
        let Values { data, event_type, id } = values;
        if !self.decoder.event.uses_buffers {
            let texts = (data.text(self.checked), event_type.text(self.checked), id.text(self.checked));
            if let (Some(data), Some(event_type), Some(id_text)) = texts {
                if id.is_some() {
                    text::replace(&mut self.decoder.last_event_id, id_text);
                }
                return Item::Event(EventRef::new(event_type, data, &self.decoder.last_event_id));
            }
        }
        self.event_of_pieces(values)
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

    /// Checks for UTF-8 up to `position`, and maybe to the end of the chunk.
    #[cold]
    fn check(&mut self) {
        let bytes = match self.next_check {
            Check::Event => &self.chunk[..self.position],
            Check::Rest => text::without_open_character(self.chunk),
            Check::Value => return,
        };
        #[cfg(test)]
        super::tests::count_visits(bytes.len());
        (self.checked, self.next_check) = match str::from_utf8(bytes) {
            Ok(text) => (text, Check::Rest),
            Err(_) => ("", Check::Value),
        };
    }
}

impl fmt::Debug for Items<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("decoder", &self.decoder).field("rest", &self.rest.len()).finish()
    }
}
