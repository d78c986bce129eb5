use std::time::Duration;

/// What a line is; where it is a field, with the offset of its value in the line (9.2.6).
#[derive(Clone, Copy)]
pub(super) enum Line {
    Blank,
    Comment,
    Data(usize),
    EventType(usize),
    Id(usize),
    Retry(usize),
    /// A field whose name is unknown, or an ID with NUL in it.
    Ignored,
}

impl Line {
    /// Tells what `line` is, which is without its line end.
    #[inline(always)]
    pub(super) fn of(line: &[u8]) -> Self {
        // The most frequent first.
        if let Some(value) = value_start(line, b"data:") {
            Self::Data(value)
        } else if line.is_empty() {
            Self::Blank
        } else if let Some(value) = value_start(line, b"event:") {
            Self::EventType(value)
        } else if let Some(value) = value_start(line, b"id:") {
            Self::id(line, value)
        } else {
            Self::of_rare(line)
        }
    }

    #[inline(always)]
    fn id(line: &[u8], value: usize) -> Self {
        if line[value..].contains(&0) { Self::Ignored } else { Self::Id(value) }
    }

    #[cold]
    fn of_rare(line: &[u8]) -> Self {
        match line {
            [b':', ..] => Self::Comment,
            b"data" => Self::Data(4),
            b"event" => Self::EventType(5),
            b"id" => Self::Id(2),
            _ => value_start(line, b"retry:").map_or(Self::Ignored, Self::Retry),
        }
    }
}

/// Returns where the value begins in a line that begins with `name`, the colon included.
#[inline(always)]
fn value_start(line: &[u8], name: &[u8]) -> Option<usize> {
    let value = line.strip_prefix(name)?;
    Some(name.len() + usize::from(value.first() == Some(&b' ')))
}

/// Returns what a line has so far of a `data` field's value, once it is clear where that begins.
pub(super) fn open_data_value(line: &[u8]) -> Option<&[u8]> {
    let start = value_start(line, b"data:")?;
    line.get(start..).filter(|_| line.len() > b"data:".len())
}

/// Reads a value that consists of ASCII digits as milliseconds; `u64::MAX` of them if it says more.
pub(super) fn reconnection_time(value: &[u8]) -> Option<Duration> {
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
