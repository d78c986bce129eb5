use std::{ops::Range, time::Duration};

/// A line that is not blank, interpreted as far as one line can be (9.2.6). Ranges are within the line.
pub(super) enum Line {
    Comment(Range<usize>),
    Data(Range<usize>),
    EventType(Range<usize>),
    Id(Range<usize>),
    Retry(Duration),
    Ignored,
}

impl Line {
    /// Interprets `line`, which has no line end in it and is not empty.
    #[inline]
    pub(super) fn parse(line: &[u8]) -> Self {
        if let Some(value) = value_range(line, b"data:") {
            return Self::Data(value);
        }
        if let Some(value) = value_range(line, b"id:") {
            return if line[value.clone()].contains(&0) { Self::Ignored } else { Self::Id(value) };
        }
        if let Some(value) = value_range(line, b"event:") {
            return Self::EventType(value);
        }
        if let Some(value) = value_range(line, b"retry:") {
            return reconnection_time(&line[value]).map_or(Self::Ignored, Self::Retry);
        }
        match line {
            [b':', ..] => Self::Comment(1..line.len()),
            b"data" => Self::Data(4..4),
            b"id" => Self::Id(2..2),
            b"event" => Self::EventType(5..5),
            _ => Self::Ignored,
        }
    }
}

/// Returns what a line has so far of a `data` field's value, once it is clear that it has one and where it begins.
pub(super) fn open_data_value(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data:")? {
        [] => None,
        [b' ', value @ ..] | value => Some(value),
    }
}

/// Returns where the field's value is in a line that begins with `name`, the colon included.
#[inline]
fn value_range(line: &[u8], name: &[u8]) -> Option<Range<usize>> {
    let value = line.strip_prefix(name)?;
    let start = name.len() + usize::from(value.first() == Some(&b' '));
    Some(start..line.len())
}

/// Reads ASCII digits as milliseconds; more than fit are as many as fit.
fn reconnection_time(value: &[u8]) -> Option<Duration> {
    if value.is_empty() {
        return None;
    }
    let mut milliseconds = 0_u64;
    for &byte in value {
        if !byte.is_ascii_digit() {
            return None;
        }
        milliseconds = milliseconds.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    }
    Some(Duration::from_millis(milliseconds))
}
