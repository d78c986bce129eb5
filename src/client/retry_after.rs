use std::time::Duration;

use http::{
    HeaderMap,
    header::{DATE, RETRY_AFTER},
};

/// Returns the delay that `Retry-After` asks for.
///
/// A date is measured against the response's own `Date`, so neither clock needs to be right. Only the form
/// that servers must send is read (RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`). The two obsolete forms,
/// and a date in a response without `Date`, are ignored.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.as_bytes().trim_ascii();
    if !value.is_empty() && value.iter().all(u8::is_ascii_digit) {
        let saturated = digits(value).unwrap_or(u64::MAX);
        return Some(Duration::from_secs(saturated));
    }
    let sent = seconds(headers.get(DATE)?.as_bytes())?;
    let until = seconds(value)?;
    Some(Duration::from_secs(until.saturating_sub(sent)))
}

/// Parses an IMF-fixdate as seconds since a fixed time, by the Gregorian calendar.
fn seconds(date: &[u8]) -> Option<u64> {
    let date: &[u8; 29] = date.trim_ascii().try_into().ok()?;
    let separators = [(3, b','), (4, b' '), (7, b' '), (11, b' '), (16, b' '), (19, b':'), (22, b':')];
    if !date.ends_with(b" GMT") || separators.iter().any(|&(at, byte)| date[at] != byte) {
        return None;
    }
    let day = digits(&date[5..7])?;
    let month = MONTHS.iter().position(|name| **name == date[8..11])? as u64;
    let year = digits(&date[12..16])?;
    let (hour, minute, second) = (digits(&date[17..19])?, digits(&date[20..22])?, digits(&date[23..25])?);
    if !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // If the year begins in March, the leap day is its last day and months have 30.6 days on average.
    let (year, month) = if month < 2 { (year.checked_sub(1)?, month + 10) } else { (year, month - 2) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// Parses a number of ASCII digits only.
fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
