use std::{fmt::Write, time::SystemTime};

use bytes::{BufMut, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, DATE, Entry},
};

/// Encodes the head of a response with status 200 and a body in chunked coding, the last response on its
/// connection. Writes the same bytes as hyper.
///
/// The caller ensures that no header determines the framing of the body.
pub(super) fn encode(mut headers: HeaderMap) -> Bytes {
    close(&mut headers);
    let lines: usize =
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
    let mut head = BytesMut::with_capacity(STATUS_LINE.len() + lines + CHUNKED.len() + DATE_LINES);
    head.put_slice(STATUS_LINE);
    for name in headers.keys() {
        let mut values = headers.get_all(name).iter();
        if name == CONNECTION {
            // One line for all values, because some clients read only the first line.
            put_name(&mut head, name);
            head.put_slice(values.next().map_or(b"", HeaderValue::as_bytes));
            for value in values {
                head.put_slice(b", ");
                head.put_slice(value.as_bytes());
            }
            head.put_slice(b"\r\n");
            continue;
        }
        for value in values {
            put_name(&mut head, name);
            head.put_slice(value.as_bytes());
            head.put_slice(b"\r\n");
        }
    }
    head.put_slice(CHUNKED);
    if !headers.contains_key(DATE) {
        // Writing to memory does not fail.
        let _ = write!(head, "date: {}\r\n", httpdate::HttpDate::from(SystemTime::now()));
    }
    head.put_slice(b"\r\n");
    head.freeze()
}

/// Adds `close` to the options in `Connection`, unless it is there.
fn close(headers: &mut HeaderMap) {
    let close = HeaderValue::from_static("close");
    match headers.entry(CONNECTION) {
        Entry::Vacant(entry) => {
            entry.insert(close);
        }
        Entry::Occupied(mut entry) => {
            if !entry.iter().any(says_close) {
                entry.append(close);
            }
        }
    }
}

fn says_close(value: &HeaderValue) -> bool {
    let mut options = value.to_str().unwrap_or_default().split(',');
    options.any(|option| option.trim().eq_ignore_ascii_case("close"))
}

fn put_name(head: &mut BytesMut, name: &HeaderName) {
    head.put_slice(name.as_str().as_bytes());
    head.put_slice(b": ");
}

const STATUS_LINE: &[u8] = b"HTTP/1.1 200 OK\r\n";
const CHUNKED: &[u8] = b"transfer-encoding: chunked\r\n";
/// The length of the date's line and of the blank line.
const DATE_LINES: usize = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n".len();
