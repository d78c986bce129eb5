use std::{error::Error, time::Duration};

use futures_core::Stream;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::{
    body::Body,
    event::{event_type::EventType, value::Event},
    frame::IntoFrame,
    hub::notice::POSITION,
};

/// The headers of an event stream response, as names and values.
///
/// [`response`] sets them. Use them for stacks that take neither `http` 1 responses nor their parts. Apart
/// from the content type, they ask intermediaries not to store, compress or buffer the stream:
/// `x-accel-buffering` is for nginx and others that obey it, `incremental` is the standard's way (RFC 10036).
///
/// The content type has no `charset`: an event stream is always UTF-8, and some clients compare the whole
/// value. Some clients decode text without a charset as Latin-1, such as Python's `requests`. For those, add
/// it:
///
/// ```
/// # let mut response = ssekit::response(futures_util::stream::empty::<ssekit::Event>());
/// let content_type = http::HeaderValue::from_static("text/event-stream; charset=utf-8");
/// response.headers_mut().insert("content-type", content_type);
/// ```
///
/// # Examples
///
/// ```
/// assert_eq!(ssekit::RESPONSE_HEADERS[0], ("content-type", "text/event-stream"));
/// ```
pub const RESPONSE_HEADERS: &[(&str, &str)] = &[
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache, no-store, no-transform"),
    ("x-accel-buffering", "no"),
    ("incremental", "?1"),
];

/// Creates the response for a stream of events: status 200 and [`RESPONSE_HEADERS`].
///
/// Wrap the stream in a [`KeepAlive`](crate::KeepAlive) first, or a proxy will cut an idle connection. See
/// [`Body`] for streams that are idle at first, end or fail.
///
/// # Examples
///
/// ```
/// use futures_util::stream;
/// use ssekit::Event;
///
/// let response = ssekit::response(stream::iter([Event::new("1"), Event::new("2")]));
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["content-type"], "text/event-stream");
/// ```
#[doc(alias = "sse")]
pub fn response<S>(stream: S) -> Response<Body>
where
    S: Stream<Item: IntoFrame<Error: Into<Box<dyn Error + Send + Sync>>>> + Send + 'static,
{
    event_stream(Body::new(stream))
}

/// Creates a response that asks a client to reconnect later: an event stream that sets the reconnection time
/// and ends.
///
/// A browser that receives an error status, including 503, gives up for good and ignores `Retry-After`. Use
/// this response instead while a service is overloaded or going down. Choose the time at random within a
/// range, or all clients reconnect at once. The client keeps the reconnection time until it receives another.
/// It is sent in whole milliseconds, rounded up.
///
/// It is sent in an event of type `position` with empty data and no ID, as a hub does, because several
/// clients dispatch an empty message for a block that has only a `retry` field.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use futures_util::{FutureExt, StreamExt};
///
/// let mut body = ssekit::reconnect_after(Duration::from_secs(3)).into_body();
/// let event = body.next().now_or_never().unwrap().unwrap().unwrap();
/// assert_eq!(event, "event: position\nretry: 3000\ndata: \n\n");
/// assert!(body.next().now_or_never().unwrap().is_none());
/// ```
pub fn reconnect_after(reconnection_time: Duration) -> Response<Body> {
    let event = Event::new("").with_type(EventType::from_static(POSITION)).with_retry(reconnection_time);
    event_stream(event.encode().into())
}

/// Creates a response that stops a client from reconnecting: status 204, without a body.
///
/// A client that follows the standard (WHATWG HTML 9.2) fails the connection and does not reconnect. There is
/// no other way: when a stream ends, it reconnects.
///
/// # Examples
///
/// ```
/// assert_eq!(ssekit::stop_reconnecting().status(), 204);
/// ```
pub fn stop_reconnecting() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Creates a response with status 200 and [`RESPONSE_HEADERS`].
pub(crate) fn event_stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    for &(name, value) in RESPONSE_HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
