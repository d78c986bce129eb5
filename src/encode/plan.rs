use std::time::Duration;

use bytes::BufMut;

use crate::{
    event::{
        id::EventId,
        value::{Data, Event},
    },
    wire::{
        breaks::find_break,
        field::{
            COMMENT, DATA, Digits, EVENT, ID, NEXT_COMMENT, NEXT_DATA, RETRY, line_len, lines_len,
            whole_millis, write_line, write_lines,
        },
        put::{Filled, Put},
    },
};

/// The result of scanning an event: its encoded length, and the position at which its data must be split.
///
/// Its methods are inlined, so that a `Plan` that is used at once is never stored in memory. For a short
/// event that saves a fifth of the instructions.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(super) event: &'a Event,
    pub(super) id: Option<&'a EventId>,
    pub(super) len: usize,
    /// The position of the first line break in the data.
    pub(super) first_break: Option<usize>,
}

impl<'a> Plan<'a> {
    #[inline(always)] // bench: encode
    pub(crate) fn new(event: &'a Event, id: Option<&'a EventId>) -> Self {
        let mut len = b"\n".len();
        if let Some(id) = id {
            len += line_len(ID, id.as_bytes());
        }
        if let Some(event_type) = written_type(event) {
            len += line_len(EVENT, event_type);
        }
        if has_extras(event) {
            len += extras_len(event);
        }
        let mut first_break = None;
        match event.data_field() {
            Data::Absent => {}
            Data::Text(text) => {
                // Callers have usually found that there is a break, or that the text is long.
                first_break = memchr::memchr2(b'\r', b'\n', text.as_bytes());
                len += lines_len(DATA, text.as_bytes(), first_break);
            }
            Data::Lines(lines) => len += lines.len(),
        }
        Self { event, id, len, first_break }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns whether writing it needs no further scan of its text.
    pub(crate) fn is_plain(&self) -> bool {
        self.first_break.is_none() && !has_extras(self.event)
    }

    /// Writes the event to a buffer with enough capacity.
    #[inline(always)] // bench: encode
    pub(crate) fn write(&self, buffer: &mut (impl Put + BufMut + AsMut<[u8]>)) {
        if self.len > SHORT_EVENT {
            let before = buffer.as_mut().len();
            self.write_to(&mut *buffer);
            debug_assert_eq!(buffer.as_mut().len() - before, self.len, "an event is as long as was planned");
            return;
        }
        // Each append stores the buffer's length, and the next append must wait for that store; a slice stays in
        // registers. For a short event that gains more than zeroing the slice costs.
        let start = buffer.as_mut().len();
        buffer.put_bytes(0, self.len);
        self.write_to(Filled(&mut buffer.as_mut()[start..]));
    }

    #[inline(always)] // bench: encode
    fn write_to(&self, mut out: impl Put) {
        if let Some(id) = self.id {
            write_line(ID, id.as_bytes(), &mut out);
        }
        if let Some(event_type) = written_type(self.event) {
            write_line(EVENT, event_type, &mut out);
        }
        if has_extras(self.event) {
            out = write_extras(self.event, out);
        }
        match self.event.data_field() {
            Data::Absent => {}
            Data::Text(text) => out = write_lines(NEXT_DATA, text.as_bytes(), self.first_break, out),
            Data::Lines(lines) => out.put(lines),
        }
        out.put(b"\n");
    }
}

/// Returns the type to write. An empty type means the same as none, so it is not written.
#[inline]
pub(super) fn written_type(event: &Event) -> Option<&[u8]> {
    let event_type = event.event_type()?.as_str().as_bytes();
    if event_type.is_empty() { None } else { Some(event_type) }
}

/// Returns whether the event has fields that are rare. Writing these is kept out of line.
#[inline]
pub(super) fn has_extras(event: &Event) -> bool {
    event.has_extras()
}

#[cold]
fn extras_len(event: &Event) -> usize {
    let retry = event.retry().map_or(0, |time| RETRY.len() + millis(time).as_bytes().len() + 1);
    let comment = event.comment_text().map_or(0, |comment| {
        let comment = comment.as_bytes();
        lines_len(COMMENT, comment, find_break(comment))
    });
    retry + comment
}

#[cold]
fn write_extras<P: Put>(event: &Event, mut out: P) -> P {
    if let Some(time) = event.retry() {
        write_line(RETRY, millis(time).as_bytes(), &mut out);
    }
    if let Some(comment) = event.comment_text() {
        let comment = comment.as_bytes();
        out = write_lines(NEXT_COMMENT, comment, find_break(comment), out);
    }
    out
}

fn millis(time: Duration) -> Digits {
    Digits::new(whole_millis(time))
}

/// Events up to this length are written into zeroed bytes.
pub(super) const SHORT_EVENT: usize = 512;
