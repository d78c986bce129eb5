use std::time::Duration;

/// The kind of a line. For a field, with the offset of its value in the line (9.2.6).
#[derive(Clone, Copy)]
pub(super) enum Line {
    Blank,
    Comment,
    Data(usize),
    EventType(usize),
    Id(usize),
    Retry(usize),
    /// A field with an unknown name, or an ID that contains NUL.
    Ignored,
}

impl Line {
    /// Returns the kind of `line`, which has no line end.
    #[inline]
    pub(super) fn of(line: &[u8]) -> Self {
        // Most lines are data, so that comes first.
        if let Some(at) = value_start(line, b"data") {
            return Self::Data(at);
        }
        let field = match line.first() {
            None => return Self::Blank,
            Some(b':') => return Self::Comment,
            Some(b'e') => value_start(line, b"event").map(Self::EventType),
            Some(b'i') => value_start(line, b"id").filter(|&at| !has_nul(line, at)).map(Self::Id),
            Some(b'r') => value_start(line, b"retry").map(Self::Retry),
            Some(_) => None,
        };
        field.unwrap_or(Self::Ignored)
    }
}

/// Returns whether a byte of the value is NUL.
#[inline]
fn has_nul(line: &[u8], at: usize) -> bool {
    // Most IDs are short, and a search of a few bytes costs more than it saves. No field name has a NUL.
    match (line.first_chunk(), line.last_chunk()) {
        (Some(&first), Some(&last)) if line.len() <= 16 => word_has_nul(first) | word_has_nul(last),
        _ => line[at..].contains(&0),
    }
}

#[inline]
fn word_has_nul(bytes: [u8; 8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // Subtracting one sets the high bit of a byte that was 0, or that had it before.
    let word = u64::from_ne_bytes(bytes);
    word.wrapping_sub(ONES) & !word & (ONES << 7) != 0
}

/// Returns the offset of the value in a line whose field has this name.
#[inline]
pub(super) fn value_start<const N: usize>(line: &[u8], name: &[u8; N]) -> Option<usize> {
    match line.strip_prefix(name)? {
        [] => Some(N),
        [b':', b' ', ..] => Some(N + 2),
        [b':', ..] => Some(N + 1),
        _ => None,
    }
}

/// Parses a value of ASCII digits as milliseconds; `u64::MAX` of them if the number is larger.
pub(super) fn reconnection_time(value: &str) -> Option<Duration> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_millis(value.parse().unwrap_or(u64::MAX)))
}
