use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};

use crate::header_list::split_unquoted;

/// Tells whether a response's content type is that of an event stream, as Fetch's "extract a MIME type" reads it.
///
/// Of several values the last valid one counts; parameters do not matter.
pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    let lines: Vec<&[u8]> = headers.get_all(CONTENT_TYPE).iter().map(HeaderValue::as_bytes).collect();
    let value = lines.join(&b", "[..]);
    let essences = split_unquoted(&value, b',').filter_map(essence).filter(|essence| *essence != ANY);
    essences.last().is_some_and(|(kind, subtype)| {
        kind.eq_ignore_ascii_case(b"text") && subtype.eq_ignore_ascii_case(b"event-stream")
    })
}

/// Returns the type and subtype of a MIME type, or `None` if it is not one.
fn essence(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
    let essence = value[..end].trim_ascii();
    let slash = essence.iter().position(|&byte| byte == b'/')?;
    let (kind, subtype) = (&essence[..slash], &essence[slash + 1..]);
    (is_token(kind) && is_token(subtype)).then_some((kind, subtype))
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

const ANY: (&[u8], &[u8]) = (b"*", b"*");
