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

use super::EventStream;
use crate::{client::content_type::is_encoded, decode::Decoder};

pin_project! {
    /// The stream of a body's data, as [`EventStream::from_body`] reads it. Trailers are skipped.
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct BodyChunks<B> {
        #[pin]
        body: B,
    }
}

impl<B> BodyChunks<B> {
    /// Creates the stream of the data of `body`.
    pub const fn new(body: B) -> Self {
        Self { body }
    }

    /// Returns the body.
    pub fn get_ref(&self) -> &B {
        &self.body
    }

    /// Returns the body.
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
                        // Of `Bytes`, this copies nothing.
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
    /// The status and the content type of the response are for the caller to check first
    /// ([`is_event_stream`](crate::client::is_event_stream)).
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

/// Reads the body of a response.
///
/// The status and the content type are for the caller to check first. A content encoding that was not undone is an
/// error in the place of the first event.
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

/// Reads the body of a response, as for `http::Response`.
///
/// Call `error_for_status` first, if an error's body should not be read as events.
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
impl From<reqwest::Response> for EventStream<BodyChunks<reqwest::Body>> {
    fn from(response: reqwest::Response) -> Self {
        Response::from(response).into()
    }
}
