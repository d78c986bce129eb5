//! What a request for an event stream says: where it was, and whether it wants one.

use http::{HeaderMap, header};

use crate::{event::EventId, header_list::split_unquoted};

/// The header with which a client says what it saw last (WHATWG HTML 9.2.4), in lower case.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// The names of the parameters that [`last_event_id`] reads from a query, the one that decides first.
pub const LAST_EVENT_ID_PARAMETERS: &[&str] = &["lastEventId", "last_event_id"];

/// Reads a client's last event ID: the `Last-Event-ID` header, or if there is none, the `lastEventId` parameter of the
/// query, or if there is none, `last_event_id`.
///
/// A client sends the header when it reconnects. The parameters are for clients that cannot: `event-source-polyfill`
/// reconnects with `lastEventId`, and a page that opens a stream at a known event uses `last_event_id`, since a browser
/// lets no script set the header. That one stays in the URL when the client reconnects, so the others, which are newer,
/// come first. [`last_event_id_with`] takes other names.
///
/// Returns `None` for a new client: none of them is there, or they are empty, which means that there is no last event
/// ID. A value that cannot be an event ID gives a [`LastEventId`] without one, and so do two headers, or two parameters
/// of one name, that disagree. Takes time in proportion to the length of the query.
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
/// This is [`last_event_id`] for stacks that are not on `http` 1. It takes what their header maps return for
/// [`LAST_EVENT_ID`]; for one header an `Option` will do.
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

/// As [`last_event_id_from`], with other names of the query's parameters.
///
/// The first name in `parameters` whose parameter is there and not empty decides; with no names, only the header does.
/// Names are compared after decoding, and case matters. Takes time in proportion to the length of the query, times
/// the number of names.
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

/// Returns the IDs in the query's parameters of one name.
fn parameters_named(wanted: &str, query: &str) -> impl Iterator<Item = LastEventId> {
    query.split('&').filter_map(move |parameter| {
        let (name, value) = parameter.split_once('=')?;
        if !form_decoded(name).eq(wanted.bytes()) {
            return None;
        }
        // One byte over the limit is enough to be refused.
        let value: Vec<u8> = form_decoded(value).take(EventId::MAX_BYTES + 1).collect();
        LastEventId::from_bytes(&value)
    })
}

/// A client's last event ID. Untrusted: it may be unknown, or no valid ID.
///
/// Treat one that is not valid as an ID that is unknown, not as a new client, or what the client missed would be lost
/// in silence.
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
    /// Not empty. `None` if what the client sent is no event ID.
    id: Option<EventId>,
}

impl LastEventId {
    /// Reads the value of a header. `None` if it is empty, which is what a client without a last event ID says.
    ///
    /// The text must be valid as an [`EventId`], else the value has no ID. Bytes that are not UTF-8 are read as Latin-1:
    /// clients that are built on `fetch` send the header so, if their ID has no character above U+00FF.
    pub fn from_bytes(value: &[u8]) -> Option<Self> {
        if value.is_empty() {
            return None;
        }
        // The length first, so that a long value is not read.
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

    /// Returns the ID, which is not empty, or `None` if what the client sent can be none.
    pub fn as_id(&self) -> Option<&EventId> {
        self.id.as_ref()
    }
}

/// Takes an ID that an application knows from elsewhere. An empty one gives a value without an ID: no event can
/// have been seen last by it.
/// For [`Subscribe::after`](crate::Subscribe::after).
impl From<EventId> for Option<LastEventId> {
    fn from(id: EventId) -> Self {
        Some(id.into())
    }
}

/// For [`Subscribe::after`](crate::Subscribe::after).
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

/// Returns whether a client accepts an event stream, by its `Accept` headers (RFC 9110, 12.5.1).
///
/// Answer 406 if it does not. Without such a header it does. With one, the most specific of
/// `text/event-stream`, `text/*` and `*/*` decides, and a weight of zero (`q=0`) refuses. Other parameters are
/// not looked at.
///
/// What cannot be read is tolerated: an entry that is no media range is passed over, a weight that is no number
/// does not refuse, and a header without any media range is as good as none.
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
        // Of two entries that are equally precise, the one that accepts counts.
        decision = decision.max(Some((precision, accepted)));
    }
    decision.is_none_or(|(_, accepted)| accepted)
}

/// How precisely a media range names the event stream, least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    Other,
    Anything,
    Text,
    EventStream,
}

fn precision(range: &[u8]) -> Option<Precision> {
    // A bare asterisk is what some old clients send for all.
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

/// Returns what all the values say, or if they disagree that it is no ID.
fn agreed(mut values: impl Iterator<Item = LastEventId>) -> Option<LastEventId> {
    let first = values.next()?;
    Some(if values.all(|value| value == first) { first } else { LastEventId { id: None } })
}

/// Decodes a name or value of a query as forms write them. A `%` without two digits stands for itself.
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
