use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use crate::{client::content_type::is_encoded, decode::decoder::Decoder, event_stream::EventStream};

pin_project! {
    /// The data frames of a body as a stream, used by [`EventStream::from_body`]. Trailers are skipped.
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct BodyChunks<B> {
        #[pin]
        body: B,
    }
}

impl<B> BodyChunks<B> {
    /// Creates a stream of the data in `body`.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use futures_util::StreamExt;
    /// use ssekit::BodyChunks;
    ///
    /// let mut chunks = BodyChunks::new(String::from("data: a\n\n"));
    /// assert_eq!(chunks.next().await.unwrap()?, "data: a\n\n");
    /// assert!(chunks.next().await.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub const fn new(body: B) -> Self {
        Self { body }
    }

    /// Returns the body.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::BodyChunks;
    ///
    /// assert_eq!(BodyChunks::new(String::from("data: a\n\n")).get_ref(), "data: a\n\n");
    /// ```
    pub fn get_ref(&self) -> &B {
        &self.body
    }

    /// Returns the body.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::BodyChunks;
    ///
    /// assert_eq!(BodyChunks::new(String::from("data: a\n\n")).into_inner(), "data: a\n\n");
    /// ```
    pub fn into_inner(self) -> B {
        self.body
    }
}

impl<B> Stream for BodyChunks<B>
where
    B: Body,
{
    type Item = Result<Bytes, B::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut body = self.project().body;
        loop {
            match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(mut data) = frame.into_data() {
                        // For `Bytes` this does not copy.
                        return Poll::Ready(Some(Ok(data.copy_to_bytes(data.remaining()))));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<B> EventStream<BodyChunks<B>>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    /// Creates a stream of the events in `body`, within the default [`Limits`](crate::decode::Limits).
    ///
    /// Check the status and the content type of the response first (see
    /// [`is_event_stream`](crate::client::is_event_stream)).
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_util::FutureExt::now_or_never(async {
    /// use ssekit::EventStream;
    ///
    /// let body = http_body_util::Full::new(&b"data: hello\n\n"[..]);
    /// let mut events = EventStream::from_body(body);
    /// assert_eq!(events.next().await.unwrap().unwrap().data(), "hello");
    /// # });
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "http-body")))]
    pub fn from_body(body: B) -> Self {
        Self::with_decoder(BodyChunks::new(body), Decoder::new())
    }
}

/// Reads the events in the body of a response.
///
/// Check the status and the content type first. If the response has a content encoding that was not undone,
/// the stream yields an error instead of the first event.
///
/// # Examples
///
/// ```
/// # futures_util::FutureExt::now_or_never(async {
/// use ssekit::EventStream;
///
/// let response = http::Response::new(http_body_util::Full::new(&b"data: hello\n\n"[..]));
/// let mut events = EventStream::from(response);
/// assert_eq!(events.next().await.unwrap().unwrap().data(), "hello");
/// # });
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "http-body")))]
impl<B> From<Response<B>> for EventStream<BodyChunks<B>>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    fn from(response: Response<B>) -> Self {
        let is_encoded = is_encoded(response.headers());
        Self { is_encoded, ..Self::from_body(response.into_body()) }
    }
}

/// Reads the events in the body of a response, as for `http::Response`.
///
/// To treat an error status as an error, call `error_for_status` first.
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
impl From<reqwest::Response> for EventStream<BodyChunks<reqwest::Body>> {
    fn from(response: reqwest::Response) -> Self {
        Response::from(response).into()
    }
}
