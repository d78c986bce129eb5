//! What few events need: those that several chunks have a part of, and all that is not plain.

use std::mem;

use super::{Items, Values};
use crate::decode::{
    Decoder, EventRef, Item, LimitExceeded, LimitKind,
    leftover::Ignored,
    line::{self, Line},
    open::{Admission, Found},
    text::{self, Span},
};

impl Items<'_, '_> {
    /// Decodes up to the next item, whatever it may be.
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
        if start == end {
            return Admission::Admitted;
        }
        // What the lines before it have added is known exactly once it is in the buffers.
        self.keep();
        let Decoder { limits, event, .. } = &mut *self.decoder;
        let room = event.room(limits);
        self.within_limits = start.saturating_add(room);
        if end - start <= room {
            return Admission::Admitted;
        }
        event.admit(&self.chunk[start..end], end - start, true, limits)
    }

    /// Finds out up to where the lines that follow need no check. None of the event's values are in this chunk.
    #[inline(always)]
    pub(super) fn update_within_limits(&mut self) {
        let room = self.decoder.event.room(&self.decoder.limits);
        self.within_limits = self.position.saturating_add(room);
    }

    /// Joins a value to the data before it, some of which may be in this chunk.
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

    /// Opens the line that the chunk breaks off in.
    #[inline(never)]
    pub(super) fn open_line(&mut self, start: usize) -> Option<LimitExceeded> {
        self.keep();
        self.position = start;
        self.extend_line()
    }

    /// Takes what is left of the chunk into the open line.
    #[inline(always)]
    pub(super) fn extend_line(&mut self) -> Option<LimitExceeded> {
        let piece = &self.chunk[self.position..];
        self.position = self.chunk.len();
        self.finish();
        let Decoder { limits, event, .. } = &mut *self.decoder;
        event.push_line(piece, limits)
    }

    /// Ends the line that an earlier chunk began, at `end` of this one.
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

    /// Ends an event that is not dispatched. Its ID counts all the same (9.2.6).
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

    /// Keeps the values of an event that is not complete.
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

    /// Makes the item of what was found.
    #[inline(never)]
    pub(super) fn item(&mut self, found: Found) -> Item<'_> {
        *self.rest = &self.chunk[self.position..];
        match found {
            Found::Comment(span) => {
                let Decoder { lossy, event, lent, .. } = &mut *self.decoder;
                *lent = true;
                let comment = span.bytes_or(self.chunk, event.comment());
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
            // How long it is as text was checked when its line had ended.
            last_event_id.set(text::decode(bytes, &mut lossy, usize::MAX).unwrap_or_default());
        }
    }
}
