//! Writing events in the event stream format (WHATWG HTML 9.2.5).
//!
//! Text is split into lines here, and in `event/json.rs`, which does it as serde writes. A field is written as its name, a colon, a space
//! and one line of text, so a leading space or U+FEFF in the text survives; fields come in the order `id`,
//! `event`, `retry`, comment, `data`, and every line and the event end in LF.

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
        let Some(short) = ShortEvent::new(self, self.id()) else { return self.encode_any() };
        let mut buffer = Vec::with_capacity(short.len);
        buffer.put_bytes(0, short.len);
        short.write(Filled(&mut buffer));
        // A box, unlike a `Vec`, is handed over in registers.
        buffer.into_boxed_slice().into()
    }

    /// Encodes the event at the end of a buffer, the whole of it.
    ///
    /// It allocates only if the buffer has less room than [`encoded_len`](Self::encoded_len).
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

    /// Returns how many bytes the encoded event has. Takes one look at the text.
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

/// What one look at an event tells: how many bytes it takes, and where its data must be split.
///
/// Its methods become part of their callers, so that a `Plan` that is used at once is never laid out in memory;
/// that is a fifth of the instructions for a short event.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    event: &'a Event,
    id: Option<&'a EventId>,
    len: usize,
    /// Where the data has its first line break.
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
                // Whoever asks has mostly seen that there is one, or that the text is long.
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

    /// Returns whether writing it takes no look at its text.
    pub(crate) fn is_plain(&self) -> bool {
        self.first_break.is_none() && !has_extras(self.event)
    }

    /// Writes the event to a buffer that has room for it.
    #[inline(always)]
    pub(crate) fn write(&self, buffer: &mut (impl Put + BufMut + AsMut<[u8]>)) {
        if self.len > SHORT_EVENT {
            return self.write_to(buffer);
        }
        // A buffer stores its length anew with each piece that is put into it, and the next piece must wait for
        // that; a slice is kept in registers. For a short event that is worth more than zeroing the slice costs.
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

/// An empty type says what no type says, so it is not written.
#[inline]
fn written_type(event: &Event) -> Option<&[u8]> {
    let event_type = event.event_type()?.as_str().as_bytes();
    if event_type.is_empty() { None } else { Some(event_type) }
}

/// Returns whether there are fields that hardly any event has, which are kept out of the way of the others.
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

/// Writes each line of a text as a line of the same field.
///
/// `next` is what stands between two lines: the end of a line and the field's name.
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

/// Takes whole `data` lines for the text in them.
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

/// Up to this length, an event is written into zeroed bytes.
const SHORT_EVENT: usize = 512;
