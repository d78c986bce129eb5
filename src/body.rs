mod failure;

use std::{
    error::Error,
    fmt, io, mem,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::{
    body::failure::Failure,
    frame::{COMMENT, IntoFrame},
};

/// The body of a response: a stream of events, some bytes, or nothing.
///
/// It is one type for every stream, so a handler can always return `http::Response<Body>`.
/// [`response`](crate::response) creates one from a stream of events. It is itself a `Stream` of bytes, and
/// with the `http-body` feature an `http_body::Body`, which hyper and axum take directly. It is `Sync` even
/// if the stream is not, and its error is [`io::Error`], because some stacks require these and none rejects
/// them.
///
/// - Each chunk and frame holds whole events, or one comment line.
/// - If a stream is pending at first, the body begins with an empty comment line, so that the stack sends the
///   headers at once and a browser fires `open`.
/// - If the stream fails, the body first sends a last comment, and holds the error back until the stack has
///   sent that. The client therefore receives everything before the error, including the response's head, and
///   then the connection breaks. (hyper drops its buffered data when it receives an error.)
/// - The stream is dropped as soon as it ends or fails, and when the body is dropped, which is how a stack
///   reports that the client has gone.
///
/// A stream costs one allocation.
///
/// # Examples
///
/// ```
/// use futures_util::{FutureExt, StreamExt, stream};
/// use ssekit::{Body, Event};
///
/// let mut body = Body::new(stream::once(async { Event::new("a") }));
/// assert_eq!(body.next().now_or_never().unwrap().unwrap().unwrap(), "data: a\n\n");
/// assert!(body.next().now_or_never().unwrap().is_none());
///
/// let _not_found: http::Response<Body> = http::Response::new("no such stream".into());
/// ```
#[derive(Default)]
#[must_use = "streams do nothing unless polled"]
pub struct Body {
    content: Content,
}

#[derive(Default)]
enum Content {
    /// Empty, or ended.
    #[default]
    Done,
    /// At least one byte.
    Full(Bytes),
    Stream {
        /// Never contended: the lock only makes the body `Sync`, and polls bypass it.
        stream: Mutex<Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>>,
        polled: bool,
    },
    /// The stream has failed.
    Failed(Failure),
}

impl Body {
    /// Creates a body that sends a stream of events.
    ///
    /// An error of the stream ends the body after everything before it was sent. Most stacks then cut the
    /// connection, and the client reconnects. An [`io::Error`] is passed on unchanged; any other error is
    /// wrapped in one ([`io::Error::get_ref`]).
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt, stream};
    /// use ssekit::{Body, Event};
    ///
    /// let mut body = Body::new(stream::iter([Event::new("a")]));
    /// assert_eq!(body.next().now_or_never().unwrap().unwrap().unwrap(), "data: a\n\n");
    /// ```
    pub fn new<S>(stream: S) -> Self
    where
        S: Stream<Item: IntoFrame<Error: Into<Box<dyn Error + Send + Sync>>>> + Send + 'static,
    {
        let stream = Mutex::new(Box::pin(Frames { stream }) as _);
        Self { content: Content::Stream { stream, polled: false } }
    }

    /// Creates an empty body.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::Body;
    ///
    /// assert!(Body::empty().next().now_or_never().unwrap().is_none());
    /// ```
    pub const fn empty() -> Self {
        Self { content: Content::Done }
    }
}

impl Stream for Body {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = match &mut self.content {
            Content::Done => None,
            Content::Full(bytes) => Some(Ok(mem::take(bytes))),
            Content::Stream { stream, polled } => {
                let first = !mem::replace(polled, true);
                let stream = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
                match stream.as_mut().poll_next(cx) {
                    Poll::Pending if first => return Poll::Ready(Some(Ok(COMMENT))),
                    Poll::Ready(Some(Ok(frame))) => return Poll::Ready(Some(Ok(frame))),
                    Poll::Ready(Some(Err(error))) => {
                        // This drops the stream.
                        let mut failure = Failure::new(error);
                        let next = failure.poll(cx);
                        self.content = Content::Failed(failure);
                        return next;
                    }
                    end => ready!(end),
                }
            }
            Content::Failed(failure) => ready!(failure.poll(cx)),
        };
        self.content = Content::Done;
        Poll::Ready(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.content {
            Content::Done => (0, Some(0)),
            Content::Full(_) => (1, Some(1)),
            Content::Stream { stream, polled } => {
                let (lower, upper) = stream.lock().unwrap_or_else(PoisonError::into_inner).size_hint();
                // The body adds a first comment, and one before an error; an error ends the stream early.
                (lower.min(1), upper.and_then(|upper| upper.checked_add(1 + usize::from(!polled))))
            }
            Content::Failed(failure) => (failure.remaining(), Some(failure.remaining())),
        }
    }
}

#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "http-body")))]
impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<http_body::Frame<Bytes>>>> {
        self.poll_next(cx).map_ok(http_body::Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Done)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.content {
            Content::Done => http_body::SizeHint::with_exact(0),
            Content::Full(bytes) => http_body::SizeHint::with_exact(bytes.len() as u64),
            Content::Stream { .. } | Content::Failed(_) => http_body::SizeHint::default(),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { content: if bytes.is_empty() { Content::Done } else { Content::Full(bytes) } }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content: &dyn fmt::Debug = match &self.content {
            Content::Done => &"done",
            Content::Full(bytes) => bytes,
            Content::Stream { .. } => &"stream",
            Content::Failed(_) => &"failed",
        };
        f.debug_tuple("Body").field(content).finish()
    }
}

pin_project! {
    /// Converts the items of a stream of events to frames.
    struct Frames<S> {
        #[pin]
        stream: S,
    }
}

impl<S> Stream for Frames<S>
where
    S: Stream<Item: IntoFrame<Error: Into<Box<dyn Error + Send + Sync>>>>,
{
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.project().stream.poll_next(cx));
        Poll::Ready(item.map(|item| item.into_frame().map_err(io_error)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

fn io_error(error: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    error.into().downcast().map_or_else(io::Error::other, |error| *error)
}
