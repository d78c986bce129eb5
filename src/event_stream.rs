use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use futures_core::{Stream, TryStream, stream::FusedStream};
use pin_project_lite::pin_project;
use thiserror::Error;

use crate::decode::{Decoder, Item, LimitExceeded, Limits, ReceivedEvent};

pin_project! {
    /// A stream of events, decoded from a stream of chunks of bytes.
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct EventStream<S>
    where
        S: TryStream,
    {
        #[pin]
        source: S,
        decoder: Decoder,
        chunk: Option<S::Ok>,
        done: bool,
    }
}

impl<S> EventStream<S>
where
    S: TryStream,
    S::Ok: Buf,
{
    /// Creates a stream of the events in `source`, with the default [`Limits`].
    pub fn new(source: S) -> Self {
        Self::with_decoder(source, Decoder::new())
    }

    /// Creates a stream of the events in `source`, with `limits`.
    pub fn with_limits(source: S, limits: Limits) -> Self {
        Self::with_decoder(source, Decoder::with_limits(limits))
    }

    fn with_decoder(source: S, decoder: Decoder) -> Self {
        Self { source, decoder, chunk: None, done: false }
    }

    /// Waits for the next event; `None` after the last one.
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
    /// Returns the last event ID as of the event that was yielded last.
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// Returns the source.
    pub fn get_ref(&self) -> &S {
        &self.source
    }

    /// Returns the source. Bytes that are taken from it are missing in the events.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Returns the source. What was read from it and not yielded is lost.
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
        if *this.done {
            return Poll::Ready(None);
        }
        loop {
            while let Some(chunk) = this.chunk.as_mut().filter(|chunk| chunk.has_remaining()) {
                let mut rest = chunk.chunk();
                let before = rest.len();
                let found = match this.decoder.decode(&mut rest).next() {
                    Some(Item::Event(event)) => Some(Ok(event.to_owned())),
                    Some(Item::LimitExceeded(over)) => Some(Err(over.into())),
                    _ => None,
                };
                let taken = before - rest.len();
                chunk.advance(taken);
                if found.is_some() {
                    return Poll::Ready(found);
                }
            }
            match ready!(this.source.as_mut().try_poll_next(cx)) {
                Some(Ok(chunk)) => *this.chunk = Some(chunk),
                Some(Err(error)) => return Poll::Ready(Some(Err(EventStreamError::Source(error)))),
                None => {
                    *this.done = true;
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl<S> FusedStream for EventStream<S>
where
    S: TryStream,
    S::Ok: Buf,
{
    fn is_terminated(&self) -> bool {
        self.done
    }
}

/// Why an [`EventStream`] could not yield an event.
#[derive(Debug, Error)]
pub enum EventStreamError<E> {
    /// The source failed.
    #[error("the event stream could not be read")]
    Source(#[source] E),
    /// An event went over a limit and is lost; the stream goes on with the next one.
    #[error(transparent)]
    LimitExceeded(#[from] LimitExceeded),
}
