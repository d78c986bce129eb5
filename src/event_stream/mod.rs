//! Decoding a stream of chunks.

#[cfg(feature = "http-body")]
pub(crate) mod body_chunks;
pub(crate) mod error;

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_core::{Stream, TryStream, stream::FusedStream};
use pin_project_lite::pin_project;

pub(crate) use self::error::EventStreamError;
use crate::{
    client::transport_error::TransportError,
    decode::{decoder::Decoder, item::Item, received_event::ReceivedEvent},
};

pin_project! {
    /// A stream of the events in a stream of byte chunks, such as the body of a response.
    ///
    /// Use it for an event stream that ends by itself, such as the answer of a language model. To reconnect
    /// when the stream ends, use `EventSource`. Chunks may be `Bytes`, `Vec<u8>` or any other `AsRef<[u8]>`,
    /// cut anywhere. With the feature `http-body`, `EventStream::from_body` reads a body and
    /// `EventStream::from` a response; with `reqwest`, `EventStream::from` also reads reqwest's responses.
    ///
    /// Comments and `retry` fields are decoded but not yielded; to see them, use a [`Decoder`].
    ///
    /// It yields `None` once the source has ended, and from then on. If the source ends within an event, or
    /// after lines that are not part of an event stream, it first yields [an
    /// error](EventStreamError::Incomplete). An event over a limit yields an error in its place, and the
    /// stream continues. An error of the source is passed on and ends the stream. One poll reads a bounded
    /// number of chunks. It allocates once per event. It copies each chunk and drops it.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { futures_util::FutureExt::now_or_never(async {
    /// use ssekit::EventStream;
    ///
    /// # let chunks = [&b"data: Hel\n\nda"[..], b"ta: lo\n\ndata: [DONE]\n\n"].map(Ok::<_, std::io::Error>);
    /// # let response_body = futures_util::stream::iter(chunks);
    /// let mut answer = String::new();
    /// let mut events = EventStream::new(response_body);
    /// while let Some(event) = events.next().await {
    ///     match event?.data() {
    ///         "[DONE]" => break,
    ///         piece => answer.push_str(piece),
    ///     }
    /// }
    /// assert_eq!(answer, "Hello");
    /// # Ok(()) }).unwrap() }
    /// ```
    #[doc(alias = "sse")]
    #[doc(alias = "token")]
    #[must_use = "streams do nothing unless polled"]
    pub struct EventStream<S>
    where
        S: TryStream,
    {
        #[pin]
        source: S,
        decoder: Decoder,
        // The response that the source belongs to is encoded.
        is_encoded: bool,
        is_done: bool,
    }
}

impl<S> EventStream<S>
where
    S: TryStream,
    S::Ok: AsRef<[u8]>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Creates a stream of the events in `source`, within the default [`Limits`](crate::decode::Limits).
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use ssekit::EventStream;
    ///
    /// let chunks = [Ok::<_, std::io::Error>("data: hel"), Ok("lo\n\n")];
    /// let mut events = EventStream::new(futures_util::stream::iter(chunks));
    /// assert_eq!(events.next().await.unwrap()?.data(), "hello");
    /// assert!(events.next().await.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn new(source: S) -> Self {
        Self::with_decoder(source, Decoder::new())
    }

    /// Creates a stream of the events in `source`, decoded by `decoder` with its limits and last event ID.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, EventStream, decode::Limits};
    ///
    /// # let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(&b""[..])]);
    /// let decoder = Decoder::with_limits(Limits::new().with_max_event_bytes(64 * 1024));
    /// let events = EventStream::with_decoder(chunks, decoder.with_last_event_id("41"));
    /// assert_eq!(events.last_event_id(), "41");
    /// ```
    pub fn with_decoder(source: S, decoder: Decoder) -> Self {
        Self { source, decoder, is_encoded: false, is_done: false }
    }

    /// Waits for the next event. Returns `None` once the stream has ended.
    ///
    /// Equivalent to `StreamExt::next`. It is cancel safe: dropping the future loses no event.
    ///
    /// # Errors
    ///
    /// Returns an error for an event over a limit, for an error of the source, and for an unfinished event at
    /// the end.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use ssekit::{EventStream, EventStreamError};
    ///
    /// let chunks = [Ok::<_, std::io::Error>("data: whole\n\ndata: cut")];
    /// let mut events = EventStream::new(futures_util::stream::iter(chunks));
    /// assert_eq!(events.next().await.unwrap()?.data(), "whole");
    /// assert!(matches!(events.next().await, Some(Err(EventStreamError::Incomplete(_)))));
    /// assert!(events.next().await.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn next(&mut self) -> Option<Result<ReceivedEvent, EventStreamError>>
    where
        S: Unpin,
    {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<S> EventStream<S>
where
    S: TryStream,
{
    /// Returns the last event ID after the event yielded last.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use ssekit::EventStream;
    ///
    /// let chunks = [Ok::<_, std::io::Error>("id: 7\ndata: a\n\nid: 8\ndata: b\n\n")];
    /// let mut events = EventStream::new(futures_util::stream::iter(chunks));
    /// assert_eq!(events.last_event_id(), "");
    /// events.next().await.unwrap()?;
    /// assert_eq!(events.last_event_id(), "7");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// Returns the reconnection time set by the last valid `retry` field, if there was one.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use ssekit::EventStream;
    ///
    /// let chunks = [Ok::<_, std::io::Error>("retry: 5000\ndata: a\n\n")];
    /// let mut events = EventStream::new(futures_util::stream::iter(chunks));
    /// events.next().await.unwrap()?;
    /// assert_eq!(events.reconnection_time(), Some(Duration::from_secs(5)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn reconnection_time(&self) -> Option<Duration> {
        self.decoder.reconnection_time()
    }

    /// Returns the source.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{Stream, stream};
    /// use ssekit::EventStream;
    ///
    /// let events = EventStream::new(stream::iter([Ok::<_, std::io::Error>("data: a\n\n")]));
    /// assert_eq!(events.get_ref().size_hint(), (1, Some(1)), "nothing is read yet");
    /// ```
    pub fn get_ref(&self) -> &S {
        &self.source
    }

    /// Returns a mutable reference to the source. Chunks that you take from it are missing from the events.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Returns the source. Bytes that were read from it but not yielded as events are lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use futures_util::{StreamExt, stream};
    /// use ssekit::EventStream;
    ///
    /// let chunks = [Ok::<_, std::io::Error>("data: a\n\n"), Ok("data: b\n\n")];
    /// let mut events = EventStream::new(stream::iter(chunks));
    /// events.next().await.unwrap()?;
    /// assert_eq!(events.into_inner().next().await.unwrap()?, "data: b\n\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn into_inner(self) -> S {
        self.source
    }
}

impl<S> Stream for EventStream<S>
where
    S: TryStream,
    S::Ok: AsRef<[u8]>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Item = Result<ReceivedEvent, EventStreamError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if *this.is_done {
            return Poll::Ready(None);
        }
        if *this.is_encoded {
            *this.is_done = true;
            return Poll::Ready(Some(Err(EventStreamError::ContentEncoding)));
        }
        for _ in 0..MAX_CHUNKS_PER_POLL {
            if let Some(event) = next_event(this.decoder) {
                return Poll::Ready(Some(event));
            }
            match ready!(this.source.as_mut().try_poll_next(cx)) {
                Some(Ok(chunk)) => this.decoder.feed(chunk.as_ref()),
                Some(Err(error)) => {
                    *this.is_done = true;
                    return Poll::Ready(Some(Err(EventStreamError::Source(TransportError::new(error)))));
                }
                None => {
                    *this.is_done = true;
                    let leftover = this.decoder.end();
                    let error = leftover.map(|leftover| EventStreamError::Incomplete(Box::new(leftover)));
                    return Poll::Ready(error.map(Err));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.is_done { (0, Some(0)) } else { (0, None) }
    }
}

impl<S> FusedStream for EventStream<S>
where
    S: TryStream,
    S::Ok: AsRef<[u8]>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn is_terminated(&self) -> bool {
        self.is_done
    }
}

impl<S> fmt::Debug for EventStream<S>
where
    S: TryStream + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("source", &self.source).field("decoder", &self.decoder).finish()
    }
}

/// Decodes up to the next event; `None` if it takes another chunk.
#[inline]
fn next_event(decoder: &mut Decoder) -> Option<Result<ReceivedEvent, EventStreamError>> {
    // Fast path: most chunks end with an event.
    if decoder.is_idle() {
        return None;
    }
    loop {
        match decoder.next()? {
            Item::Event(found) => return Some(Ok(found.to_owned())),
            Item::LimitExceeded(found) => return Some(Err(EventStreamError::LimitExceeded(found))),
            Item::Retry(_) | Item::Comment(_) => {}
        }
    }
}

/// After this many chunks without an event, a poll yields to other tasks.
const MAX_CHUNKS_PER_POLL: usize = 32;
