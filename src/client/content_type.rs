use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    response::Parts,
};

use crate::base::header_list::split_unquoted;

/// Returns whether `headers` have the content type of an event stream, following Fetch's "extract a MIME
/// type".
///
/// If there are several values, the last valid one counts. Parameters are ignored.
///
/// # Examples
///
/// ```
/// use http::{HeaderMap, header::CONTENT_TYPE};
/// use ssekit::client::is_event_stream;
///
/// let mut headers = HeaderMap::new();
/// assert!(!is_event_stream(&headers));
/// headers.insert(CONTENT_TYPE, "Text/Event-Stream; charset=utf-8".parse().unwrap());
/// assert!(is_event_stream(&headers));
/// ```
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    let lines: Vec<&[u8]> = headers.get_all(CONTENT_TYPE).iter().map(HeaderValue::as_bytes).collect();
    let value = lines.join(&b", "[..]);
    let essences = split_unquoted(&value, b',').filter_map(essence).filter(|essence| *essence != ANY);
    essences.last().is_some_and(|(kind, subtype)| {
        kind.eq_ignore_ascii_case(b"text") && subtype.eq_ignore_ascii_case(b"event-stream")
    })
}

/// Returns whether headers name a content encoding that has not been undone.
///
/// A transport that decodes a body removes the header.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONTENT_ENCODING);
    let mut codings = values.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| {
        let coding = coding.trim_ascii();
        !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
    })
}

/// Returns whether a response opens an event stream: its status is 200, its content type is that of an event
/// stream, and it is not encoded.
///
/// A client accepts such responses unless you set another rule.
///
/// # Examples
///
/// ```
/// use ssekit::client::opens_event_stream;
///
/// let response = http::Response::builder().header("content-type", "text/html").body(()).unwrap();
/// assert!(!opens_event_stream(&response.into_parts().0));
/// ```
pub fn opens_event_stream(response: &Parts) -> bool {
    response.status == StatusCode::OK && is_event_stream(&response.headers) && !is_encoded(&response.headers)
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
