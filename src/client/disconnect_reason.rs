use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

use crate::{client::transport_error::TransportError, decode::leftover::Leftover};

/// The reason why a client lost its connection, or could not open one.
///
/// `Display` shows the cause: a status with the beginning of the body, or a transport's error with all of its
/// causes. Clones share the response and the error.
///
/// A response that is not an event stream carries its body, up to
/// [`Policy::with_max_error_body_bytes`](super::Policy::with_max_error_body_bytes).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server ended the response. No event was unfinished.
    #[error("the event stream ended")]
    Ended,
    /// The server ended the response in the middle of an event, or after lines that are not part of an event
    /// stream.
    #[error(transparent)]
    Incomplete(Arc<Leftover>),
    /// The request failed, or the response broke off.
    #[error("{0}")]
    Transport(TransportError),
    /// The response had a status other than 200 and 204.
    #[error("the server answered {}{}", .0.status(), Excerpt(.0))]
    Status(Arc<Response<Bytes>>),
    /// The response was a 200, but its content type is not `text/event-stream`.
    #[error("the response is {}, not an event stream{}", content_type(.0), Excerpt(.0))]
    ContentType(Arc<Response<Bytes>>),
    /// The response was an event stream with a `Content-Encoding` that the transport did not undo.
    #[error("nothing decodes the response's content encoding, {:?}", .0.headers().get(CONTENT_ENCODING))]
    ContentEncoding(Arc<Response<Bytes>>),
    /// No response arrived within this time.
    #[error("no response for {0:?}")]
    NoResponse(Duration),
    /// The open connection carried no byte, not even a comment, for this long.
    #[error("no byte for {0:?}")]
    Silence(Duration),
    /// The application called `reconnect` or `reconnect_after`.
    #[error("the application reconnects")]
    Requested,
}

impl DisconnectReason {
    /// Returns the response that was not an event stream, if that is the reason.
    pub fn response(&self) -> Option<&Response<Bytes>> {
        match self {
            Self::Status(response) | Self::ContentType(response) | Self::ContentEncoding(response) => {
                Some(response)
            }
            _ => None,
        }
    }
}

fn content_type(response: &Response<Bytes>) -> &str {
    let value = response.headers().get(CONTENT_TYPE).map(HeaderValue::to_str);
    value.and_then(Result::ok).unwrap_or("without a content type")
}

/// Displays the beginning of a response's body in one line.
struct Excerpt<'a>(&'a Response<Bytes>);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.0.body();
        let head = &body[..body.len().min(EXCERPT_BYTES)];
        let text = String::from_utf8_lossy(head);
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        f.write_str(": ")?;
        for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty())
        {
            if word.as_ptr() != text.as_ptr() {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        if body.len() > EXCERPT_BYTES { f.write_str("...") } else { Ok(()) }
    }
}

const EXCERPT_BYTES: usize = 200;
