//! Reading a request for an event stream: its last event ID, and whether it accepts one.

use http::{HeaderMap, header};

use crate::{base::header_list::split_unquoted, event::id::EventId};

/// The header that carries a client's last event ID (WHATWG HTML 9.2.4), in lower case.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// The query parameters that [`last_event_id`] reads, in order of precedence.
pub const LAST_EVENT_ID_PARAMETERS: &[&str] = &["lastEventId", "last_event_id"];

/// Reads a client's last event ID: from the `Last-Event-ID` header, else from the `lastEventId` parameter of
/// the query, else from `last_event_id`.
///
/// A client sends the header when it reconnects. The parameters are for clients that cannot:
/// `event-source-polyfill` reconnects with `lastEventId`, and a page that opens a stream at a known event
/// uses `last_event_id`, because a browser does not let scripts set the header. The latter stays in the URL
/// when the client reconnects, so the others, which are newer, take precedence. For other names see
/// [`last_event_id_with`].
///
/// Returns `None` for a new client: the header and the parameters are missing, or empty, which means that
/// there is no last event ID. If a value cannot be an event ID, or if two headers or two parameters of one
/// name disagree, returns a [`LastEventId`] without an ID. Takes time linear in the length of the query.
///
/// # Examples
///
/// ```
/// use http::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// let last = ssekit::last_event_id(&headers, Some("topic=a&last_event_id=order%2D1")).unwrap();
/// assert_eq!(last.as_id().unwrap(), &"order-1");
///
/// headers.insert("last-event-id", "order-2".parse().unwrap());
/// let last = ssekit::last_event_id(&headers, Some("topic=a&last_event_id=order%2D1")).unwrap();
/// assert_eq!(last.as_id().unwrap(), &"order-2");
/// ```
pub fn last_event_id(headers: &HeaderMap, query: Option<&str>) -> Option<LastEventId> {
    last_event_id_from(headers.get_all(LAST_EVENT_ID), query)
}

/// Reads a client's last event ID from the values of its `Last-Event-ID` headers and its query.
///
/// Like [`last_event_id`], for stacks that do not use `http` 1. Pass the values that the stack's header map
/// returns for [`LAST_EVENT_ID`]; for a single header an `Option` suffices.
///
/// # Examples
///
/// ```
/// let last = ssekit::last_event_id_from(Some("order-1"), Some("topic=a")).unwrap();
/// assert_eq!(last.as_id().unwrap(), &"order-1");
///
/// let headers: [&[u8]; 2] = [b"order-1", b"order-1"];
/// assert_eq!(ssekit::last_event_id_from(headers, None), Some(last));
/// ```
pub fn last_event_id_from(
    headers: impl IntoIterator<Item: AsRef<[u8]>>,
    query: Option<&str>,
) -> Option<LastEventId> {
    last_event_id_with(headers, query, LAST_EVENT_ID_PARAMETERS)
}

/// Like [`last_event_id_from`], with other names of query parameters.
///
/// The first name in `parameters` that has a parameter which is not empty takes precedence; with no names,
/// only the header is read. Names are compared after decoding and are case-sensitive. Takes time linear in
/// the length of the query, times the number of names.
///
/// # Examples
///
/// ```
/// let last = ssekit::last_event_id_with(None::<&str>, Some("after=order-1"), &["after"]).unwrap();
/// assert_eq!(last.as_id().unwrap(), &"order-1");
/// assert_eq!(ssekit::last_event_id_with(None::<&str>, Some("last_event_id=order-1"), &[]), None);
/// ```
pub fn last_event_id_with(
    headers: impl IntoIterator<Item: AsRef<[u8]>>,
    query: Option<&str>,
    parameters: &[&str],
) -> Option<LastEventId> {
    let query = query.unwrap_or_default();
    let ids = headers.into_iter().filter_map(|header| LastEventId::from_bytes(header.as_ref()));
    agreed(ids).or_else(|| parameters.iter().find_map(|name| agreed(parameters_named(name, query))))
}

/// Returns the IDs in the query parameters of one name.
fn parameters_named(wanted: &str, query: &str) -> impl Iterator<Item = LastEventId> {
    query.split('&').filter_map(move |parameter| {
        let (name, value) = parameter.split_once('=')?;
        if !form_decoded(name).eq(wanted.bytes()) {
            return None;
        }
        // One byte over the limit is enough for rejection.
        let value: Vec<u8> = form_decoded(value).take(EventId::MAX_BYTES + 1).collect();
        LastEventId::from_bytes(&value)
    })
}

/// A client's last event ID. Untrusted: it may be unknown, or no valid ID.
///
/// Treat an invalid one like an unknown ID, not like a new client, or the events that the client missed would
/// be lost silently.
///
/// # Examples
///
/// ```
/// use ssekit::LastEventId;
///
/// assert_eq!(LastEventId::from_bytes(b"7").unwrap().as_id().unwrap(), &"7");
/// assert_eq!(LastEventId::from_bytes(b"\0").unwrap().as_id(), None);
/// assert_eq!(LastEventId::from_bytes(b""), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LastEventId {
    /// Never empty. `None` if the client's value is not a valid event ID.
    id: Option<EventId>,
}

impl LastEventId {
    /// Reads the value of a header. Returns `None` if it is empty, which means that the client has no last
    /// event ID.
    ///
    /// If the text is not a valid [`EventId`], the value has no ID. Bytes that are not UTF-8 are read as
    /// Latin-1, because clients built on `fetch` send the header so if their ID has no character above
    /// U+00FF.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::LastEventId;
    ///
    /// let last_event_id = LastEventId::from_bytes(b"order-7").unwrap();
    /// assert!(last_event_id.as_id().is_some_and(|id| id == "order-7"));
    /// assert!(LastEventId::from_bytes(b"").is_none(), "the client has no ID");
    /// ```
    pub fn from_bytes(value: &[u8]) -> Option<Self> {
        if value.is_empty() {
            return None;
        }
        // Check the length first, so that a long value is not scanned.
        if value.len() > EventId::MAX_BYTES {
            return Some(Self { id: None });
        }
        let id = match std::str::from_utf8(value) {
            Ok(text) => EventId::try_from(text),
            // Each byte of Latin-1 is the code point of its character.
            Err(_) => EventId::try_from(value.iter().map(|&byte| char::from(byte)).collect::<String>()),
        };
        Some(Self { id: id.ok() })
    }

    /// Returns the ID, which is never empty; `None` if the client's value is not a valid event ID.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{EventId, LastEventId};
    ///
    /// let last_event_id = LastEventId::from(EventId::from(7));
    /// assert_eq!(last_event_id.as_id(), Some(&EventId::from(7)));
    /// assert_eq!(LastEventId::from_bytes(b"\x01").unwrap().as_id(), None, "no valid ID");
    /// ```
    pub fn as_id(&self) -> Option<&EventId> {
        self.id.as_ref()
    }
}

/// Converts an ID that the application knows, for [`Subscribe::after`](crate::Subscribe::after). An empty ID
/// gives a value without an ID, because no event can have it.
impl From<EventId> for Option<LastEventId> {
    fn from(id: EventId) -> Self {
        Some(id.into())
    }
}

/// Converts an ID that the application knows, for [`Subscribe::after`](crate::Subscribe::after).
impl From<&EventId> for Option<LastEventId> {
    fn from(id: &EventId) -> Self {
        Some(id.clone().into())
    }
}

impl From<EventId> for LastEventId {
    fn from(id: EventId) -> Self {
        Self { id: Some(id).filter(|id| !id.is_empty()) }
    }
}

/// Returns whether a client accepts an event stream, judged by its `Accept` headers (RFC 9110, 12.5.1).
///
/// If not, answer 406. A request without the header accepts it. Otherwise the most specific of
/// `text/event-stream`, `text/*` and `*/*` decides, and a weight of zero (`q=0`) refuses. Other parameters
/// are ignored.
///
/// Malformed parts are tolerated: an entry that is not a media range is skipped, a weight that is not a
/// number does not refuse, and a header without any media range counts as absent.
///
/// # Examples
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::ACCEPT};
///
/// let mut headers = HeaderMap::new();
/// assert!(ssekit::accepts_event_stream(&headers));
/// headers.insert(ACCEPT, HeaderValue::from_static("text/html, */*;q=0.1"));
/// assert!(ssekit::accepts_event_stream(&headers));
/// headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
/// assert!(!ssekit::accepts_event_stream(&headers));
/// ```
pub fn accepts_event_stream(headers: &HeaderMap) -> bool {
    let mut decision = None;
    let values = headers.get_all(header::ACCEPT).iter();
    for entry in values.flat_map(|value| split_unquoted(value.as_bytes(), b',')) {
        let mut parts = split_unquoted(entry, b';').map(<[u8]>::trim_ascii);
        let Some(precision) = parts.next().and_then(precision) else { continue };
        let accepted = precision != Precision::Other && !parts.any(is_zero_weight);
        // Among equally precise entries, one that accepts wins.
        decision = decision.max(Some((precision, accepted)));
    }
    decision.is_none_or(|(_, accepted)| accepted)
}

/// The precision with which a media range names the event stream, least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    Other,
    Anything,
    Text,
    EventStream,
}

fn precision(range: &[u8]) -> Option<Precision> {
    // Some old clients send a bare asterisk for `*/*`.
    if range == b"*" || range == b"*/*" {
        return Some(Precision::Anything);
    }
    let (kind, subtype) = std::str::from_utf8(range).ok()?.split_once('/')?;
    if kind.is_empty() || subtype.is_empty() {
        return None;
    }
    Some(match kind.eq_ignore_ascii_case("text") {
        true if subtype == "*" => Precision::Text,
        true if subtype.eq_ignore_ascii_case("event-stream") => Precision::EventStream,
        _ => Precision::Other,
    })
}

fn is_zero_weight(parameter: &[u8]) -> bool {
    match parameter {
        [b'q' | b'Q', b'=', b'0', decimals @ ..] => match decimals {
            [b'.', zeros @ ..] => zeros.iter().all(|digit| *digit == b'0'),
            decimals => decimals.is_empty(),
        },
        _ => false,
    }
}

/// Returns the ID that all values agree on; if they disagree, a value without an ID.
fn agreed(mut values: impl Iterator<Item = LastEventId>) -> Option<LastEventId> {
    let first = values.next()?;
    Some(if values.all(|value| value == first) { first } else { LastEventId { id: None } })
}

/// Decodes a name or value of a form-encoded query. A `%` without two digits stands for itself.
fn form_decoded(encoded: &str) -> impl Iterator<Item = u8> {
    let mut rest = encoded.as_bytes();
    std::iter::from_fn(move || {
        let (byte, length) = match rest {
            [b'%', high, low, ..] => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => (b'%', 1),
            },
            [b'+', ..] => (b' ', 1),
            [byte, ..] => (*byte, 1),
            [] => return None,
        };
        rest = &rest[length..];
        Some(byte)
    })
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
