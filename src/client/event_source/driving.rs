//! Carries out the protocol's commands, and passes it whichever input comes first.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use futures_core::{Stream, stream::FusedStream};
use http::HeaderMap;

use crate::{
    client::{
        command::Command,
        content_type::opens_event_stream,
        error::EventSourceError,
        event_source::{Connection, EventSource},
        failure::Failure,
        transport_error::TransportError,
        update::Update,
    },
    request::LAST_EVENT_ID,
};

impl<B: 'static> EventSource<B> {
    fn start(&mut self, headers: HeaderMap) {
        match self.requests.make_request(&self.protocol.attempt()) {
            Ok(mut request) => {
                apply(headers, request.headers_mut());
                self.protocol.handle_request(request.method().is_idempotent());
                self.connection = Connection::Requested(self.transport.send(request));
            }
            Err(error) => self.protocol.handle_error(error),
        }
    }

    fn decide_on(&mut self, failure: &Failure) {
        if let Some(decide) = &mut self.decide {
            let verdict = decide(failure);
            self.protocol.handle_verdict(verdict, self.timer.now());
        }
    }

    /// Polls the connection, then the timer, and passes the first input to the protocol.
    fn poll_input(&mut self, until: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_connection(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(until) = until else { return Poll::Pending };
        // Chunks move the deadline without arming the timer again: one that elapses early is armed for the rest,
        // which is cheaper than arming it for each chunk.
        if self.armed.is_none_or(|armed| until < armed) {
            self.timer.arm(until.saturating_duration_since(self.timer.now()));
            self.armed = Some(until);
        }
        ready!(self.timer.poll_elapsed(cx));
        self.armed = None;
        self.protocol.handle_time(self.timer.now());
        Poll::Ready(())
    }

    fn poll_connection(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.connection {
            Connection::None => return Poll::Pending,
            Connection::Requested(response) => match ready!(response.as_mut().poll(cx)) {
                Ok((head, body)) => {
                    self.connection = Connection::Open(body);
                    let accepts =
                        self.accept.as_mut().map_or_else(|| opens_event_stream(&head), |f| f(&head));
                    self.protocol.handle_response_as(head, accepts, self.timer.now());
                }
                Err(error) => self.lose(error),
            },
            Connection::Open(body) => match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    // Trailers are not part of an event stream.
                    if let Ok(chunk) = frame.into_data() {
                        self.protocol.handle_chunk(chunk, self.timer.now());
                    }
                }
                Some(Err(error)) => self.lose(error),
                None => {
                    self.connection = Connection::None;
                    self.protocol.handle_end();
                }
            },
        }
        Poll::Ready(())
    }

    fn lose(&mut self, error: TransportError) {
        self.connection = Connection::None;
        self.protocol.handle_error(error);
    }
}

impl<B: 'static> Stream for EventSource<B> {
    type Item = Result<Update, EventSourceError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(handle) = &this.handle {
            handle.apply(&mut this.protocol, cx);
        }
        for _ in 0..MAX_COMMANDS_PER_POLL {
            match this.protocol.next_command(this.timer.now()) {
                Command::Connect(headers) => this.start(headers),
                Command::Disconnect => this.connection = Connection::None,
                Command::Deliver(update) => return Poll::Ready(Some(Ok(update))),
                Command::Decide(failure) => this.decide_on(&failure),
                Command::Fail(error) => return Poll::Ready(Some(Err(error))),
                Command::Wait(until) => ready!(this.poll_input(until, cx)),
                Command::Finished => {
                    this.is_done = true;
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

impl<B: 'static> FusedStream for EventSource<B> {
    fn is_terminated(&self) -> bool {
        self.is_done
    }
}

/// Adds the client's headers to the application's request. `Accept` and `Cache-Control` of the application
/// stay.
fn apply(client: HeaderMap, request: &mut HeaderMap) {
    request.remove(LAST_EVENT_ID);
    for (name, value) in client {
        if let Some(name) = name {
            request.entry(name).or_insert(value);
        }
    }
}

/// Bounds the work of one poll when a body is always ready and has nothing but comments.
const MAX_COMMANDS_PER_POLL: usize = 64;
