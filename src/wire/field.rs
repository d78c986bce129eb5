//! Field names, and writing a field (WHATWG HTML 9.2.5).

use std::time::Duration;

use bytes::Bytes;

use crate::wire::{
    breaks::{count_breaks, find_next_break},
    put::Put,
};

/// Returns a time in whole milliseconds, rounded up.
pub(crate) fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[inline]
pub(crate) fn line_len(name: &[u8], value: &[u8]) -> usize {
    name.len() + value.len() + b"\n".len()
}

#[inline]
pub(crate) fn write_line(name: &[u8], value: &[u8], out: &mut impl Put) {
    out.put(name);
    out.put(value);
    out.put(b"\n");
}

#[inline]
pub(crate) fn lines_len(name: &[u8], text: &[u8], first_break: Option<usize>) -> usize {
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
pub(crate) fn write_lines<const N: usize, P: Put>(
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

#[inline(never)] // bench: encode
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
pub(crate) const RETRY: &[u8] = b"retry: ";
pub(crate) const DATA: &[u8] = b"data: ";
pub(crate) const NEXT_EVENT: &[u8; 8] = b"\nevent: ";
pub(crate) const NEXT_DATA: &[u8; 7] = b"\ndata: ";
pub(crate) const COMMENT: &[u8] = b": ";
pub(crate) const NEXT_COMMENT: &[u8; 3] = b"\n: ";
