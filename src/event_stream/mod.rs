//! Decoding a stream of chunks.

#[cfg(feature = "http-body")]
mod body_chunks;

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Buf;
use futures_core::{Stream, TryStream, stream::FusedStream};
use pin_project_lite::pin_project;
use thiserror::Error;

#[cfg(feature = "http-body")]
pub use self::body_chunks::BodyChunks;
use crate::decode::{Decoder, Item, LimitExceeded, ReceivedEvent};

pin_project! {
    /// A stream of the events in a stream of chunks of bytes, such as the body of a response.
    ///
    /// Use it for an event stream that ends by itself, like the answer of a language model; a client that comes
    /// back after the end is another thing. The chunks are any [`Buf`], cut anywhere; a stream of other bytes fits
    /// after `map_ok(std::io::Cursor::new)`. With the `http-body` feature, `EventStream::from_body` reads a body.
    ///
    /// Comments and `retry` fields are decoded but not yielded; to see them, use a [`Decoder`].
    ///
    /// It yields `None` when the source ends, and for ever after; an event that is unfinished then is discarded. An
    /// event over a limit is an error in its place, and an error of the source is passed on; neither ends the
    /// stream. One poll takes a bounded number of chunks. Costs one heap allocation for each event, and holds one
    /// chunk of the source at a time.
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
    #[must_use = "streams do nothing unless polled"]
    pub struct EventStream<S>
    where
        S: TryStream,
    {
        #[pin]
        source: S,
        decoder: Decoder,
        // What is left of the chunk that was taken last.
        chunk: Option<S::Ok>,
        is_done: bool,
    }
}

impl<S> EventStream<S>
where
    S: TryStream,
    S::Ok: Buf,
{
    /// Creates a stream of the events in `source`, within the default [`Limits`](crate::decode::Limits).
    pub fn new(source: S) -> Self {
        Self::with_decoder(source, Decoder::new())
    }

    /// Creates a stream of the events in `source`, decoded by `decoder`, which brings its limits and last event ID.
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
        Self { source, decoder, chunk: None, is_done: false }
    }

    /// Waits for the next event; `None` when there will be no more.
    ///
    /// This is `StreamExt::next` for those who do not use that trait. It may be dropped before it is ready without
    /// losing an event.
    ///
    /// # Errors
    ///
    /// Returns an error in the place of an event that is over a limit, and the errors of the source.
    pub async fn next(&mut self) -> Option<Result<ReceivedEvent, EventStreamError<S::Error>>>
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
    /// Returns the last event ID, as of the event that was yielded last.
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// Returns the reconnection time that the last `retry` field set, if there was one.
    pub fn reconnection_time(&self) -> Option<Duration> {
        self.decoder.reconnection_time()
    }

    /// Returns the source.
    pub fn get_ref(&self) -> &S {
        &self.source
    }

    /// Returns the source mutably. The events miss what is taken from it.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Returns the source. What was taken from it and not yielded is lost.
    pub fn into_inner(self) -> S {
        self.source
    }
}

impl<S> Stream for EventStream<S>
where
    S: TryStream,
    S::Ok: Buf,
{
    type Item = Result<ReceivedEvent, EventStreamError<S::Error>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if *this.is_done {
            return Poll::Ready(None);
        }
        for _ in 0..MAX_CHUNKS_PER_POLL {
            if let Some(chunk) = this.chunk {
                let (event, over) = next_event(this.decoder, chunk);
                if !chunk.has_remaining() {
                    *this.chunk = None;
                }
                if let Some(event) = event {
                    return Poll::Ready(Some(Ok(event)));
                }
                if let Some(over) = over {
                    return Poll::Ready(Some(Err(EventStreamError::LimitExceeded(over))));
                }
            }
            match ready!(this.source.as_mut().try_poll_next(cx)) {
                Some(Ok(chunk)) => *this.chunk = Some(chunk),
                Some(Err(error)) => return Poll::Ready(Some(Err(EventStreamError::Source(error)))),
                None => {
                    *this.is_done = true;
                    return Poll::Ready(None);
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
    S::Ok: Buf,
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

/// Decodes up to the next event and takes its bytes from `chunk`; takes all of them if there is no event.
fn next_event(decoder: &mut Decoder, chunk: &mut impl Buf) -> (Option<ReceivedEvent>, Option<LimitExceeded>) {
    let (mut event, mut over) = (None, None);
    while chunk.has_remaining() && event.is_none() && over.is_none() {
        let mut rest = chunk.chunk();
        let length = rest.len();
        let mut items = decoder.decode(&mut rest);
        loop {
            match items.next() {
                Some(Item::Event(found)) => event = Some(found.to_owned()),
                Some(Item::LimitExceeded(found)) => over = Some(found),
                Some(Item::Retry(_) | Item::Comment(_)) => continue,
                None => {}
            }
            break;
        }
        let taken = length - rest.len();
        chunk.advance(taken);
    }
    (event, over)
}

/// Why an [`EventStream`] yields no event.
#[derive(Debug, Error)]
pub enum EventStreamError<E> {
    /// The source failed.
    #[error("the event stream could not be read")]
    Source(#[source] E),
    /// An event is over a limit and lost; the stream goes on with the next one.
    #[error(transparent)]
    LimitExceeded(LimitExceeded),
}

/// After so many chunks without an event, a poll gives other tasks a turn.
const MAX_CHUNKS_PER_POLL: usize = 32;
