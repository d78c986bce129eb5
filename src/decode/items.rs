use std::{fmt, ops::Range};

use super::{
    Decoder, EventRef, Item, LimitExceeded, LimitKind,
    line::Line,
    line_ends::LineEnds,
    open::{Admission, Ended},
    received_event::DEFAULT_EVENT_TYPE,
    text::{Checked, Value},
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
    checked: Checked<'c>,
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
#[derive(Default)]
struct InChunk {
    data: Option<Range<usize>>,
    event_type: Option<Range<usize>>,
    id: Option<Range<usize>>,
}

enum Found {
    Event(InChunk),
    /// A comment, in this chunk or in a line that an earlier chunk began.
    Comment(Option<Range<usize>>),
    Other(Item<'static>),
}

impl<'a, 'c> Items<'a, 'c> {
    pub(super) fn new(decoder: &'a mut Decoder, rest: &'a mut &'c [u8]) -> Self {
        decoder.skip_start(rest);
        let chunk = *rest;
        Self {
            decoder,
            rest,
            chunk,
            position: 0,
            line_ends: LineEnds::default(),
            checked: Checked::default(),
            next_check: Check::Event,
        }
    }

    /// Decodes up to the next item and returns it, or `None` when the chunk is used up.
    ///
    /// Bytes up to and including those of the item are taken from the front of the slice that was given to
    /// [`decode`](Decoder::decode).
    #[expect(clippy::should_implement_trait, reason = "it lends, as no iterator can")]
    pub fn next(&mut self) -> Option<Item<'_>> {
        let start = self.position;
        let found = self.advance();
        *self.rest = &self.chunk[self.position..];
        match found? {
            Found::Event(values) => Some(self.event(start, values)),
            Found::Comment(range) => Some(self.comment(range)),
            Found::Other(item) => Some(item),
        }
    }

    /// Goes over lines up to one that gives an item.
    fn advance(&mut self) -> Option<Found> {
        self.decoder.forget_lent();
        let mut values = InChunk::default();
        loop {
            let start = self.position;
            let Some(end) = self.line_ends.next(self.chunk) else {
                self.position = self.chunk.len();
                self.keep(values);
                let Decoder { limits, event, line, .. } = &mut *self.decoder;
                let over = line.push(&self.chunk[start..], event, limits)?;
                return Some(Found::Other(Item::LimitExceeded(over)));
            };
            let followed_by_lf = self.skip_line_end(end);

            let found = if self.decoder.line.is_open() {
                self.end_open_line(&self.chunk[start..end])
            } else if start < end {
                self.line(start..end, &mut values)
            } else {
                let dispatched = self.decoder.event.end(&self.decoder.limits);
                if let Ok(true) = dispatched {
                    return Some(Found::Event(values));
                }
                self.commit_id(values.id.take());
                self.decoder.event.clear();
                values = InChunk::default();
                dispatched.err().map(|over| Found::Other(Item::LimitExceeded(over)))
            };
            if followed_by_lf {
                self.decoder.event.count_lf();
            }
            if found.is_some() {
                self.keep(values);
                return found;
            }
        }
    }

    /// Moves behind the line end at `end`; tells whether that was CR LF.
    fn skip_line_end(&mut self, end: usize) -> bool {
        self.position = end + 1;
        if self.chunk[end] == b'\r' {
            match self.chunk.get(self.position) {
                Some(b'\n') => {
                    self.line_ends.next(self.chunk);
                    self.position += 1;
                    return true;
                }
                Some(_) => {}
                None => self.decoder.skip_lf = true,
            }
        }
        false
    }

    /// Interprets a line that is all in this chunk and not blank.
    fn line(&mut self, range: Range<usize>, values: &mut InChunk) -> Option<Found> {
        let Decoder { limits, event, reconnection_time, .. } = &mut *self.decoder;
        let line = &self.chunk[range.clone()];
        match event.admit_line(line.len(), limits) {
            Admission::Admitted => {}
            Admission::Ignored => return None,
            Admission::Over(over) => {
                values.data = None;
                return Some(Found::Other(Item::LimitExceeded(over)));
            }
        }
        let in_chunk = |value: Range<usize>| range.start + value.start..range.start + value.end;
        match Line::parse(line) {
            Line::Data(value) => {
                event.begin_data_line();
                if event.data_lines == 1 {
                    values.data = Some(in_chunk(value));
                } else {
                    if let Some(first) = values.data.take() {
                        event.extend_data(&self.chunk[first], limits);
                    }
                    event.push_data(&line[value], limits);
                }
                let over = event.check_data_lines(limits)?;
                values.data = None;
                Some(Found::Other(Item::LimitExceeded(over)))
            }
            Line::EventType(value) => {
                values.event_type = Some(in_chunk(value));
                None
            }
            Line::Id(value) => {
                values.id = Some(in_chunk(value));
                None
            }
            Line::Retry(time) => {
                *reconnection_time = Some(time);
                Some(Found::Other(Item::Retry(time)))
            }
            Line::Comment(value) => Some(Found::Comment(Some(in_chunk(value)))),
            Line::Ignored => None,
        }
    }

    /// Interprets a line that an earlier chunk began, and that ends with `piece`.
    #[cold]
    fn end_open_line(&mut self, piece: &[u8]) -> Option<Found> {
        let Decoder { limits, event, reconnection_time, line: open_line, .. } = &mut *self.decoder;
        let line = match open_line.end(piece, event, limits) {
            Ended::Line(line) => line,
            Ended::Done => return None,
            Ended::Over(over) => return Some(Found::Other(Item::LimitExceeded(over))),
        };
        let found = match Line::parse(line) {
            Line::Comment(_) => {
                return Some(Found::Comment(None));
            }
            Line::Retry(time) => {
                *reconnection_time = Some(time);
                Some(Found::Other(Item::Retry(time)))
            }
            Line::Data(value) => {
                event.begin_data_line();
                event.push_data(&line[value], limits);
                event.check_data_lines(limits).map(|over| Found::Other(Item::LimitExceeded(over)))
            }
            Line::EventType(value) => {
                event.set_event_type(&line[value], limits);
                None
            }
            Line::Id(value) => {
                event.set_id(&line[value], limits);
                None
            }
            Line::Ignored => None,
        };
        open_line.clear();
        found
    }

    /// Copies the values that are in this chunk, as their event does not end in it.
    fn keep(&mut self, values: InChunk) {
        let Decoder { limits, event, .. } = &mut *self.decoder;
        if let Some(data) = values.data {
            event.extend_data(&self.chunk[data], limits);
        }
        if let Some(event_type) = values.event_type {
            event.set_event_type(&self.chunk[event_type], limits);
        }
        if let Some(id) = values.id {
            event.set_id(&self.chunk[id], limits);
        }
    }

    /// Makes the event that is dispatched, which began at `start` unless an earlier chunk began it (9.2.6).
    fn event(&mut self, start: usize, values: InChunk) -> Item<'_> {
        if let Some(data) = &values.data {
            self.check(start..data.end);
        }
        self.commit_id(values.id);
        let Decoder { limits, event, lossy, last_event_id, is_lent, .. } = &mut *self.decoder;
        *is_lent = true;
        let in_chunk = |range| self.checked.value(self.chunk, range);
        let data = values.data.map_or(Value::Unchecked(event.data.as_slice()), in_chunk);
        let event_type = values.event_type.map_or(Value::Unchecked(event.event_type.as_slice()), in_chunk);

        let max = limits.max_event_bytes();
        let data = data.text(&mut lossy.data, max);
        let event_type = data.and_then(|data| event_type.text(&mut lossy.event_type, max - data.len()));
        match (data, event_type) {
            (Some(data), Some("")) => Item::Event(EventRef::new(DEFAULT_EVENT_TYPE, data, last_event_id)),
            (Some(data), Some(event_type)) => Item::Event(EventRef::new(event_type, data, last_event_id)),
            _ => Item::LimitExceeded(LimitExceeded::new(LimitKind::EventBytes, max)),
        }
    }

    /// Sets the last event ID if the event had an `id` field.
    fn commit_id(&mut self, in_chunk: Option<Range<usize>>) {
        let Decoder { event, lossy, last_event_id, .. } = &mut *self.decoder;
        let id = match in_chunk {
            Some(range) => self.checked.value(self.chunk, range),
            None if event.has_id => Value::Unchecked(event.id.as_slice()),
            None => return,
        };
        let id = id.text(&mut lossy.id, usize::MAX).unwrap_or_default();
        last_event_id.clear();
        last_event_id.push_str(id);
    }

    /// Makes the comment that is in this chunk, or in the line that has just ended.
    fn comment(&mut self, in_chunk: Option<Range<usize>>) -> Item<'_> {
        let Decoder { lossy, line, is_lent, .. } = &mut *self.decoder;
        *is_lent = true;
        let comment = match in_chunk {
            Some(range) => &self.chunk[range],
            None => line.comment(),
        };
        // A comment is never lost: whatever it holds, its peer is alive.
        let text = Value::Unchecked(comment).text(&mut lossy.data, usize::MAX);
        Item::Comment(text.unwrap_or_default())
    }

    /// Checks `event` for UTF-8 if it is not yet, and maybe the rest of the chunk with it.
    fn check(&mut self, event: Range<usize>) {
        if event.end <= self.checked.end() {
            return;
        }
        let range = match self.next_check {
            Check::Event => event,
            Check::Rest => event.start..self.chunk.len(),
            Check::Value => return,
        };
        (self.checked, self.next_check) = match Checked::new(self.chunk, range) {
            Some(checked) => (checked, Check::Rest),
            None => (Checked::default(), Check::Value),
        };
    }
}

impl fmt::Debug for Items<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("decoder", &self.decoder).field("rest", &self.rest.len()).finish()
    }
}
