//! The slow path: events that span chunks, and everything else that is not plain.

use std::mem;

use crate::decode::{
    decoder::Decoder,
    item::{EventRef, Item},
    items::{Items, Values},
    leftover::Ignored,
    limits::{LimitExceeded, LimitKind},
    line,
    line::Line,
    open::{Admission, Found},
    text,
    text::Span,
};

impl Items<'_, '_> {
    /// Slow path: decodes up to the next item, whatever it is.
    #[inline(never)]
    pub(super) fn next_carefully(&mut self) -> Option<Item<'_>> {
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
                Line::Id(at) | Line::LongId(at) => match self.decoder.limits.check_id(value(at).bytes(chunk))
                {
                    Some(over) => break Found::LimitExceeded(over),
                    None => self.values.id = value(at),
                },
                Line::Blank => {
                    self.position = next;
                    if self.decoder.event.is_complete() {
                        *self.rest = &chunk[next..];
                        self.end_event();
                        let values = mem::take(&mut self.values);
                        return Some(self.event_of_pieces(values));
                    }
                    self.skip_event();
                }
                Line::Comment => break Found::Comment(value(1)),
                Line::Retry(at) => {
                    if let Some(time) = line::reconnection_time(value(at).bytes(chunk)) {
                        break Found::Retry(time);
                    }
                }
                Line::Ignored => self.decoder.event.note_ignored(&chunk[start..end]),
            }
        };
        self.position = next;
        self.keep();
        self.decoder.event.open();
        Some(self.item(found))
    }

    /// Returns the position at which the next line starts, given the position after a CR. Skips an LF there.
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

    /// Checks a line that may exceed a limit.
    #[cold]
    fn admit_line(&mut self, start: usize, end: usize) -> Admission {
        if start == end {
            return Admission::Admitted;
        }
        // The room that the earlier lines leave is known exactly only once their values are in the buffers.
        self.keep();
        let Decoder { limits, event, .. } = &mut *self.decoder;
        let room = event.room(limits);
        self.within_limits = start.saturating_add(room);
        if end - start <= room {
            return Admission::Admitted;
        }
        event.admit(&self.chunk[start..end], end - start, true, limits)
    }

    /// Computes the position before which lines need no check. Must not be called while the event has values in this
    /// chunk.
    #[inline(always)]
    pub(super) fn update_within_limits(&mut self) {
        let room = self.decoder.event.room(&self.decoder.limits);
        self.within_limits = self.position.saturating_add(room);
    }

    /// Joins a value to the data before it, which may be in this chunk or in the buffer.
    #[inline(never)]
    fn join_data(&mut self, value: Span) -> Option<LimitExceeded> {
        let Decoder { limits, event, .. } = &mut *self.decoder;
        let before = mem::take(&mut self.values.data);
        if before.is_some() {
            event.push_first_data(before.bytes(self.chunk), limits);
        }
        event.push_data(value.bytes(self.chunk), limits);
        event.count_data_line(limits)
    }

    /// Buffers the line that the chunk ends in.
    #[inline(never)]
    pub(super) fn open_line(&mut self, start: usize) -> Option<LimitExceeded> {
        self.keep();
        self.position = start;
        self.extend_line()
    }

    /// Appends the rest of the chunk to the open line.
    #[inline(always)]
    pub(super) fn extend_line(&mut self) -> Option<LimitExceeded> {
        let piece = &self.chunk[self.position..];
        self.position = self.chunk.len();
        self.finish();
        let Decoder { limits, event, .. } = &mut *self.decoder;
        event.push_line(piece, limits)
    }

    /// Ends a line that began in an earlier chunk. Its line end is at `end` of this chunk.
    #[inline(never)]
    pub(super) fn end_open_line(&mut self, end: usize) -> Option<Found> {
        let start = self.position;
        self.position = end + 1;
        if self.chunk[end] == b'\r' {
            self.position = self.skip_lf(self.position);
        }
        let Decoder { limits, event, .. } = &mut *self.decoder;
        event.end_line(&self.chunk[start..end], limits)
    }

    /// Ends an event that is not dispatched. Its ID still takes effect (9.2.6).
    #[cold]
    fn skip_event(&mut self) {
        let Values { id, .. } = mem::take(&mut self.values);
        self.commit_id(id);
        self.end_event();
        self.decoder.event.clear();
    }

    #[inline(always)]
    fn end_event(&mut self) {
        self.decoder.event.end();
        self.within_limits = self.position.saturating_add(self.decoder.limits.room());
    }

    /// Copies the values of an unfinished event into the buffers.
    #[inline(always)]
    fn keep(&mut self) {
        if self.values.are_some() {
            self.keep_values();
        }
    }

    #[inline(never)]
    fn keep_values(&mut self) {
        let values = mem::take(&mut self.values);
        let Decoder { limits, event, .. } = &mut *self.decoder;
        event.open();
        if values.data.is_some() {
            event.push_first_data(values.data.bytes(self.chunk), limits);
        }
        if values.event_type.is_some() {
            event.set_event_type(values.event_type.bytes(self.chunk), limits);
        }
        if values.id.is_some() {
            event.set_id(values.id.bytes(self.chunk), limits);
        }
    }

    /// Converts what was found to an item.
    #[inline(never)]
    pub(super) fn item(&mut self, found: Found) -> Item<'_> {
        *self.rest = &self.chunk[self.position..];
        match found {
            Found::Comment(span) => {
                let Decoder { lossy, event, lent, .. } = &mut *self.decoder;
                *lent = true;
                let comment = span.bytes_or(self.chunk, event.comment());
                // No limit applies: whatever a comment holds, it shows that the peer is alive, so it is never lost.
                Item::Comment(text::decode(comment, &mut lossy.data, usize::MAX).unwrap_or_default())
            }
            Found::Retry(time) => {
                self.decoder.reconnection_time = Some(time);
                Item::Retry(time)
            }
            Found::LimitExceeded(over) => Item::LimitExceeded(over),
        }
    }

    /// Builds an event that is partly in the buffers, or is not valid UTF-8.
    pub(super) fn event_of_pieces(&mut self, values: Values) -> Item<'_> {
        self.commit_id(values.id);
        let Decoder { limits, event, lossy, last_event_id, lent, .. } = &mut *self.decoder;
        *lent = true;
        if event.ignored.lines > 0 {
            event.ignored = Ignored::default();
        }
        let max = limits.max_event_bytes();
        let data = values.data.bytes_or(self.chunk, event.data());
        let event_type = values.event_type.bytes_or(self.chunk, event.event_type.as_slice());
        let over = Item::LimitExceeded(LimitExceeded::new(LimitKind::EventBytes, max));
        let Some(data) = text::decode(data, &mut lossy.data, max) else { return over };
        let left = max.saturating_sub(data.len());
        let Some(event_type) = text::decode(event_type, &mut lossy.event_type, left) else { return over };
        Item::Event(EventRef::new(event_type, data, last_event_id))
    }

    /// Sets the last event ID if the event had an `id` field.
    fn commit_id(&mut self, id: Span) {
        let Decoder { event, last_event_id, .. } = &mut *self.decoder;
        if id.is_some() || event.has_id {
            let bytes = id.bytes_or(self.chunk, event.id.as_slice());
            let mut lossy = String::new();
            // The length of its text was checked at the end of its line.
            last_event_id.set(text::decode(bytes, &mut lossy, usize::MAX).unwrap_or_default());
        }
    }
}
