//! Writing events in the event stream format (WHATWG HTML 9.2.5).
//!
//! This module splits text into lines; so does `event/json.rs`, for text that serde writes in pieces. A field is
//! written as its name, a colon, a space and one line of text, so a leading space or U+FEFF in the text survives.
//! Fields are written in the order `id`, `event`, `retry`, comment, `data`. Every line, and the event, ends in LF.

mod breaks;
mod put;
mod short;

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use self::breaks::{count_breaks, find_next_break};
pub(crate) use self::{
    breaks::find_break,
    put::{Filled, Put},
    short::ShortEvent,
};
use crate::event::{Data, Event, EventId};

impl Event {
    /// Encodes the event, including the blank line at its end.
    ///
    /// It allocates once, exactly the bytes of the encoded event. An event without any part is a blank line, which a
    /// client ignores.
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
        let Some(short) = ShortEvent::new(self, self.id()) else { return self.encode_any() };
        let mut buffer = Vec::with_capacity(short.len);
        buffer.put_bytes(0, short.len);
        short.write(Filled(&mut buffer));
        // A box is returned in registers; a `Vec` is not.
        buffer.into_boxed_slice().into()
    }

    /// Appends the encoded event to a buffer.
    ///
    /// It allocates only if the buffer's spare capacity is less than [`encoded_len`](Self::encoded_len).
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use ssekit::Event;
    ///
    /// let mut buffer = BytesMut::new();
    /// Event::new("a").encode_into(&mut buffer);
    /// Event::new("b").encode_into(&mut buffer);
    /// assert_eq!(buffer, "data: a\n\ndata: b\n\n");
    /// ```
    pub fn encode_into(&self, buffer: &mut BytesMut) {
        let Some(short) = ShortEvent::new(self, self.id()) else { return self.encode_any_into(buffer) };
        let start = buffer.len();
        buffer.put_bytes(0, short.len);
        short.write(Filled(&mut buffer[start..]));
    }

    /// Returns the length of the encoded event in bytes. Scans the text once.
    pub fn encoded_len(&self) -> usize {
        Plan::new(self, self.id()).len
    }

    #[inline(never)]
    fn encode_any(&self) -> Bytes {
        let plan = Plan::new(self, self.id());
        let mut buffer = Vec::with_capacity(plan.len);
        plan.write(&mut buffer);
        buffer.into_boxed_slice().into()
    }

    #[inline(never)]
    fn encode_any_into(&self, buffer: &mut BytesMut) {
        let plan = Plan::new(self, self.id());
        buffer.reserve(plan.len);
        plan.write(buffer);
    }
}

/// The result of scanning an event: its encoded length, and the position at which its data must be split.
///
/// Its methods are inlined, so that a `Plan` that is used at once is never stored in memory. For a short event that
/// saves a fifth of the instructions.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    event: &'a Event,
    id: Option<&'a EventId>,
    len: usize,
    /// The position of the first line break in the data.
    first_break: Option<usize>,
}

impl<'a> Plan<'a> {
    #[inline(always)]
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
    #[inline(always)]
    pub(crate) fn write(&self, buffer: &mut (impl Put + BufMut + AsMut<[u8]>)) {
        if self.len > SHORT_EVENT {
            return self.write_to(buffer);
        }
        // Each append stores the buffer's length, and the next append must wait for that store; a slice stays in
        // registers. For a short event that gains more than zeroing the slice costs.
        let start = buffer.as_mut().len();
        buffer.put_bytes(0, self.len);
        self.write_to(Filled(&mut buffer.as_mut()[start..]));
    }

    #[inline(always)]
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
fn written_type(event: &Event) -> Option<&[u8]> {
    let event_type = event.event_type()?.as_str().as_bytes();
    if event_type.is_empty() { None } else { Some(event_type) }
}

/// Returns whether the event has fields that are rare. Writing these is kept out of line.
#[inline]
fn has_extras(event: &Event) -> bool {
    event.retry().is_some() || event.comment_text().is_some()
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

/// Returns a time in whole milliseconds, rounded up.
pub(crate) fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[inline]
fn line_len(name: &[u8], value: &[u8]) -> usize {
    name.len() + value.len() + b"\n".len()
}

#[inline]
pub(crate) fn write_line(name: &[u8], value: &[u8], out: &mut impl Put) {
    out.put(name);
    out.put(value);
    out.put(b"\n");
}

#[inline]
fn lines_len(name: &[u8], text: &[u8], first_break: Option<usize>) -> usize {
    let one_line = name.len() + text.len() + 1;
    match first_break {
        None => one_line,
        Some(at) => {
            let (breaks, bytes) = count_breaks(&text[at..]);
            one_line - bytes + breaks * (name.len() + 1)
        }
    }
}

/// Writes each line of a text as a field of the same name.
///
/// `next` separates two lines: a line end and the field's name.
#[inline]
fn write_lines<const N: usize, P: Put>(
    next: &[u8; N],
    text: &[u8],
    first_break: Option<usize>,
    mut out: P,
) -> P {
    out.put(&next[1..]);
    match first_break {
        None => out.put(text),
        Some(at) => out = split_lines(next, text, at, out),
    }
    out.put(b"\n");
    out
}

#[inline(never)]
fn split_lines<const N: usize, P: Put>(next: &[u8; N], text: &[u8], first_break: usize, mut out: P) -> P {
    let mut rest = text;
    let mut line_break = Some(first_break);
    while let Some(at) = line_break {
        let (line, end) = rest.split_at(at);
        out.put(line);
        out.put(next);
        rest = end.strip_prefix(b"\r\n").unwrap_or(&end[1..]);
        line_break = find_next_break(rest);
    }
    out.put(rest);
    out
}

/// A decimal number, written without an allocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits {
    digits: [u8; Self::MAX],
    start: u8,
}

impl Digits {
    pub(crate) const MAX: usize = 20;

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

/// Extracts the text from whole `data` lines.
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

pub(crate) const ID: &[u8] = b"id: ";
pub(crate) const EVENT: &[u8] = b"event: ";
const RETRY: &[u8] = b"retry: ";
pub(crate) const DATA: &[u8] = b"data: ";
const NEXT_EVENT: &[u8; 8] = b"\nevent: ";
const NEXT_DATA: &[u8; 7] = b"\ndata: ";
const COMMENT: &[u8] = b": ";
const NEXT_COMMENT: &[u8; 3] = b"\n: ";

/// Events up to this length are written into zeroed bytes.
const SHORT_EVENT: usize = 512;
