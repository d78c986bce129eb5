//! Writing events in the event stream format (WHATWG HTML 9.2.5).
//!
//! This is the only code that splits text into lines for output. A field is written as its name, a colon, a space
//! and one line of text, so a leading space or U+FEFF in the text survives; fields come in the order `id`,
//! `event`, `retry`, comment, `data`, and every line and the event end in LF.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    event::{Data, Event},
    replay::log::Prepared,
};

impl Event {
    /// Encodes the event, ended by its blank line.
    ///
    /// It allocates once, exactly as much as the event takes. An event with no part at all is a blank line, which
    /// a reader ignores.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Event;
    ///
    /// assert_eq!(Event::new("a\r\nb").encode(), "data: a\ndata: b\n\n");
    /// assert_eq!(Event::comment("still here").encode(), ": still here\n\n");
    /// ```
    pub fn encode(&self) -> Bytes {
        let plan = Plan::new(self);
        let mut buffer = BytesMut::with_capacity(plan.len);
        plan.write(self, &mut buffer);
        buffer.freeze()
    }

    /// Encodes the event at the end of a buffer, the whole of it.
    ///
    /// It allocates only if the buffer has less room than [`encoded_len`](Self::encoded_len).
    pub fn encode_into(&self, buffer: &mut BytesMut) {
        let plan = Plan::new(self);
        buffer.reserve(plan.len);
        plan.write(self, buffer);
    }

    /// Encodes all but the `id` line, and leaves `room` bytes in front for it.
    pub(crate) fn encode_after_id(&self, room: usize) -> Prepared {
        let plan = Plan::new(self);
        let mut buffer = BytesMut::with_capacity(room + plan.len - plan.id_len);
        buffer.put_bytes(0, room);
        plan.write_after_id(self, &mut buffer);
        Prepared::new(buffer, room)
    }

    /// Returns how many bytes the encoded event has. Takes one look at the text.
    pub fn encoded_len(&self) -> usize {
        Plan::new(self).len
    }
}

/// What one look at an event's text tells: its length on the wire, and where it must be split.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Bytes of the encoded event, its own `id` line and blank line included.
    len: usize,
    /// Bytes of the `id` line, of an ID that the event has.
    id_len: usize,
    retry: Option<Digits>,
    first_break: Option<usize>,
}

impl Plan {
    fn new(event: &Event) -> Self {
        let id_len = event.id().map_or(0, |id| ID.len() + id.as_str().len() + 1);
        let retry = event.retry().map(|time| Digits::new(whole_millis(time)));
        let mut len = id_len + 1;
        if let Some(event_type) = written_type(event) {
            len += EVENT.len() + event_type.len() + 1;
        }
        if let Some(digits) = &retry {
            len += RETRY.len() + digits.as_bytes().len() + 1;
        }
        if let Some(comment) = event.comment_text() {
            let comment = comment.as_bytes();
            len += lines_len(COMMENT, comment, find_break(comment));
        }
        let mut first_break = None;
        match event.data() {
            Data::Absent => {}
            Data::Text(text) => {
                first_break = find_break(text.as_bytes());
                len += lines_len(DATA, text.as_bytes(), first_break);
            }
            Data::Lines(lines) => len += lines.len(),
        }
        Self { len, id_len, retry, first_break }
    }

    fn write(&self, event: &Event, buffer: &mut BytesMut) {
        if let Some(id) = event.id() {
            write_line(ID, id.as_str().as_bytes(), buffer);
        }
        self.write_after_id(event, buffer);
    }

    /// Writes all that follows the `id` line, the blank line included.
    fn write_after_id(&self, event: &Event, buffer: &mut BytesMut) {
        if let Some(event_type) = written_type(event) {
            write_line(EVENT, event_type.as_bytes(), buffer);
        }
        if let Some(digits) = &self.retry {
            write_line(RETRY, digits.as_bytes(), buffer);
        }
        if let Some(comment) = event.comment_text() {
            let comment = comment.as_bytes();
            write_lines(COMMENT, comment, find_break(comment), buffer);
        }
        match event.data() {
            Data::Absent => {}
            Data::Text(text) => write_lines(DATA, text.as_bytes(), self.first_break, buffer),
            Data::Lines(lines) => buffer.extend_from_slice(lines),
        }
        buffer.put_u8(b'\n');
    }
}

/// A decimal number, written without an allocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits {
    digits: [u8; Self::MAX],
    start: u8,
}

impl Digits {
    const MAX: usize = 20;

    pub(crate) fn new(mut number: u64) -> Self {
        let mut digits = [0; Self::MAX];
        let mut start = Self::MAX;
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Self { digits, start: start as u8 };
            }
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[usize::from(self.start)..]
    }
}

/// An empty type says what no type says, so it is not written.
fn written_type(event: &Event) -> Option<&str> {
    event.event_type().map(|event_type| event_type.as_str()).filter(|event_type| !event_type.is_empty())
}

pub(crate) fn whole_millis(time: Duration) -> u64 {
    let millis = time.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).unwrap_or(u64::MAX)
}

/// Takes whole `data` lines for the text in them.
#[cfg(feature = "tokio")]
pub(crate) fn unwrap_lines(lines: &Bytes) -> Bytes {
    let mut texts = lines.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(DATA));
    match (texts.next(), texts.next()) {
        (Some(only), None) => lines.slice_ref(only),
        _ => {
            let texts: Vec<&[u8]> =
                lines.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(DATA)).collect();
            texts.join(&b'\n').into()
        }
    }
}

pub(crate) fn write_line(name: &[u8], value: &[u8], buffer: &mut BytesMut) {
    buffer.extend_from_slice(name);
    buffer.extend_from_slice(value);
    buffer.put_u8(b'\n');
}

fn write_lines(name: &[u8], text: &[u8], first_break: Option<usize>, buffer: &mut BytesMut) {
    let mut rest = text;
    let mut next = first_break;
    while let Some(at) = next {
        write_line(name, &rest[..at], buffer);
        rest = &rest[at + break_len(&rest[at..])..];
        next = find_break(rest);
    }
    write_line(name, rest, buffer);
}

fn lines_len(name: &[u8], text: &[u8], first_break: Option<usize>) -> usize {
    let (breaks, break_bytes) = first_break.map_or((0, 0), |at| count_breaks(&text[at..]));
    text.len() - break_bytes + (breaks + 1) * (name.len() + 1)
}

/// Counts the line breaks, and their bytes: each CR LF is one break of two.
fn count_breaks(text: &[u8]) -> (usize, usize) {
    let bytes = text.iter().filter(|byte| is_break(**byte)).count();
    let pairs =
        text.iter().zip(text.iter().skip(1)).filter(|(cr, lf)| **cr == b'\r' && **lf == b'\n').count();
    (bytes - pairs, bytes)
}

/// Returns how long the line break at the start of `text` is.
pub(crate) fn break_len(text: &[u8]) -> usize {
    if text.starts_with(b"\r\n") { 2 } else { 1 }
}

pub(crate) fn find_break(text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| is_break(*byte))
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

pub(crate) const ID: &[u8] = b"id: ";
pub(crate) const EVENT: &[u8] = b"event: ";
const RETRY: &[u8] = b"retry: ";
pub(crate) const DATA: &[u8] = b"data: ";
const COMMENT: &[u8] = b": ";
