//! The client as a state machine. Inputs and commands are here, the end of connections in `losing`, the
//! application's calls in `steering`.

mod losing;
mod lost;
mod options;
mod phase;
mod steering;

use std::{collections::VecDeque, mem, time::Instant};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, CACHE_CONTROL},
    response::Parts,
};

use crate::{
    base::random::SplitMix64,
    client::{
        attempt::Attempt,
        command::Command,
        content_type::opens_event_stream,
        disconnect_reason::DisconnectReason,
        policy::Policy,
        protocol::phase::Phase,
        reader::Reader,
        refused::Refused,
        row::Row,
        transport_error::TransportError,
        update::{ReadyState, Update},
    },
    request::LAST_EVENT_ID,
};

/// The processing model of an event source (9.2.3), with no I/O, clock or randomness of its own.
///
/// Use it to run a client where [`EventSource`](crate::EventSource) cannot: over a blocking socket, in a
/// simulation, in another language's event loop. Pull commands with [`next_command`](Self::next_command) and
/// carry them out until one is [`Wait`](Command::Wait). Then pass in the first input that arrives:
/// [`handle_response`], [`handle_chunk`], [`handle_end`] or [`handle_error`] from the connection, or
/// [`handle_time`] when the wait is over. An input that does not fit the state, such as a chunk of a dropped
/// connection, is ignored.
///
/// You may call [`reconnect`](Self::reconnect), [`reconnect_after`](Self::reconnect_after),
/// [`pause`](Self::pause), [`resume`](Self::resume) and [`close`](Self::close) at any time. Pull commands
/// afterwards.
///
/// It holds at most the chunk being decoded, the decoder's state within its
/// [`Limits`](crate::decode::Limits), the beginning of an error's body and a few commands.
///
/// [`handle_response`]: Self::handle_response
/// [`handle_chunk`]: Self::handle_chunk
/// [`handle_end`]: Self::handle_end
/// [`handle_error`]: Self::handle_error
/// [`handle_time`]: Self::handle_time
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use ssekit::client::{Command, Protocol, Update};
///
/// let now = Instant::now();
/// let mut protocol = Protocol::new(42);
/// let Command::Connect(headers) = protocol.next_command(now) else { panic!("a request comes first") };
/// assert_eq!(headers["accept"], "text/event-stream");
///
/// let response = http::Response::builder().header("content-type", "text/event-stream");
/// protocol.handle_response(response.body(()).unwrap().into_parts().0, now);
/// protocol.handle_chunk("data: hello\n\n".into(), now);
/// assert!(matches!(protocol.next_command(now), Command::Deliver(Update::Opened(_))));
/// let Command::Deliver(Update::Event(event)) = protocol.next_command(now) else { panic!("then the event") };
/// assert_eq!(event.data(), "hello");
/// assert!(matches!(protocol.next_command(now), Command::Wait(Some(_))));
/// ```
#[derive(Debug)]
pub struct Protocol {
    policy: Policy,
    random: SplitMix64,
    reader: Reader,
    phase: Phase,
    /// Commands that precede all those that `phase`, `reader` and `lost` lead to.
    queue: VecDeque<Command>,
    /// The reason why the connection is lost. Takes effect once everything received is decoded.
    lost: Option<DisconnectReason>,
    /// The reason why the last connection was lost.
    reason: Option<DisconnectReason>,
    row: Row,
    /// The last request is idempotent, so it can be repeated.
    is_idempotent: bool,
    /// The last command was `Deliver`, so the time until the next call is the application's.
    has_delivered: bool,
}

impl Protocol {
    /// Creates a client with [`Policy::default`]. Its first command is a request.
    ///
    /// `seed` determines the random part of every delay. Use a different one for each client, or the same one
    /// to reproduce the delays.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use ssekit::client::{Command, Protocol};
    ///
    /// let mut protocol = Protocol::new(42);
    /// assert!(matches!(protocol.next_command(Instant::now()), Command::Connect(_)));
    /// ```
    pub fn new(seed: u64) -> Self {
        Self {
            policy: Policy::default(),
            random: SplitMix64::new(seed),
            reader: Reader::default(),
            phase: Phase::DUE,
            queue: VecDeque::new(),
            lost: None,
            reason: None,
            row: Row::default(),
            is_idempotent: true,
            has_delivered: false,
        }
    }

    /// Handles the status and headers of the response to the last request. [`opens_event_stream`] decides
    /// whether it is an event stream.
    ///
    /// Pass the final response: the transport follows redirects, if anything does.
    ///
    /// # Examples
    ///
    /// ```
    /// # let response = || {
    /// #     let response = http::Response::builder().header("content-type", "text/event-stream");
    /// #     response.body(()).unwrap().into_parts().0
    /// # };
    /// use std::time::Instant;
    /// use ssekit::client::{Command, Protocol, ReadyState};
    ///
    /// let now = Instant::now();
    /// let mut protocol = Protocol::new(42);
    /// assert!(matches!(protocol.next_command(now), Command::Connect(_)));
    /// protocol.handle_response(response(), now);
    /// assert_eq!(protocol.ready_state(), ReadyState::Open);
    /// ```
    pub fn handle_response(&mut self, response: Parts, now: Instant) {
        let is_event_stream = opens_event_stream(&response);
        self.handle_response_as(response, is_event_stream, now);
    }

    /// Handles the status and headers of the response, and reads it as an event stream if `is_event_stream`
    /// is set.
    ///
    /// A 204 is never an event stream. It stops the client.
    pub fn handle_response_as(&mut self, response: Parts, is_event_stream: bool, now: Instant) {
        let Phase::Requested { .. } = self.phase else { return };
        // The request timed out: this response is too late.
        if self.lost.is_some() {
            return;
        }
        if response.status == StatusCode::NO_CONTENT {
            self.close();
        } else if is_event_stream {
            self.phase = Phase::Open { since: now, heard: now };
            self.queue.push_back(Command::Deliver(Update::Opened(Box::new(response))));
        } else {
            let refused = Refused::new(response, self.policy.max_error_body_bytes(), now);
            self.phase = Phase::Refused(Box::new(refused));
            self.refuse_if(Refused::is_full);
        }
    }

    /// Handles the next bytes of the response's body. Any byte ends a silence.
    ///
    /// They are copied, and decoded one event at a time, as you pull commands. To bound memory, pass a chunk
    /// only after the last one has led to [`Wait`](Command::Wait).
    pub fn handle_chunk(&mut self, chunk: Bytes, now: Instant) {
        match &mut self.phase {
            Phase::Open { heard, .. } if self.lost.is_none() && !chunk.is_empty() => {
                *heard = now;
                self.reader.feed(&chunk);
            }
            Phase::Refused(refused) if self.lost.is_none() => {
                refused.push(&chunk);
                self.refuse_if(Refused::is_full);
            }
            _ => {}
        }
    }

    /// Handles the end of the response's body. An unfinished event is discarded (9.2.6).
    ///
    /// # Examples
    ///
    /// ```
    /// # let response = || {
    /// #     let response = http::Response::builder().header("content-type", "text/event-stream");
    /// #     response.body(()).unwrap().into_parts().0
    /// # };
    /// use std::time::Instant;
    /// use ssekit::client::{Command, Protocol, Update};
    ///
    /// let now = Instant::now();
    /// let mut protocol = Protocol::new(42);
    /// assert!(matches!(protocol.next_command(now), Command::Connect(_)));
    /// protocol.handle_response(response(), now);
    /// protocol.handle_end();
    /// assert!(matches!(protocol.next_command(now), Command::Deliver(Update::Opened(_))));
    /// assert!(matches!(protocol.next_command(now), Command::Disconnect));
    /// let Command::Decide(failure) = protocol.next_command(now) else { panic!() };
    /// assert_eq!(failure.reason().to_string(), "the event stream ended");
    /// ```
    pub fn handle_end(&mut self) {
        self.lose(DisconnectReason::Ended);
        self.refuse_if(|_| true);
    }

    /// Handles an error of the connection: the request failed, or the response broke off.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use ssekit::client::{Command, Protocol, TransportError};
    ///
    /// let now = Instant::now();
    /// let mut protocol = Protocol::new(42);
    /// assert!(matches!(protocol.next_command(now), Command::Connect(_)));
    /// protocol.handle_error(TransportError::new("connection refused"));
    /// assert!(matches!(protocol.next_command(now), Command::Disconnect));
    /// let Command::Decide(failure) = protocol.next_command(now) else { panic!() };
    /// assert_eq!(failure.reason().to_string(), "connection refused");
    /// ```
    pub fn handle_error(&mut self, error: TransportError) {
        self.lose(DisconnectReason::Transport(error));
        self.refuse_if(|_| true);
    }

    /// Handles the passing of time. Call it when a [`Wait`](Command::Wait) is over and there is nothing to
    /// read.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use ssekit::client::{Command, Protocol};
    ///
    /// let now = Instant::now();
    /// let mut protocol = Protocol::new(42);
    /// assert!(matches!(protocol.next_command(now), Command::Connect(_)));
    /// let Command::Wait(Some(until)) = protocol.next_command(now) else { panic!() };
    /// protocol.handle_time(until); // no response arrived
    /// assert!(matches!(protocol.next_command(until), Command::Disconnect));
    /// assert!(matches!(protocol.next_command(until), Command::Decide(_)));
    /// ```
    pub fn handle_time(&mut self, now: Instant) {
        let deadline = self.deadline();
        if deadline.is_none_or(|deadline| now < deadline) || !self.reader.is_empty() {
            return;
        }
        match self.phase {
            Phase::Waiting { .. } => self.phase = Phase::DUE,
            Phase::Requested { .. } => {
                let timeout = self.policy.connect_timeout().unwrap_or_default();
                self.lose(DisconnectReason::NoResponse(timeout));
            }
            Phase::Open { .. } => {
                let timeout = self.policy.idle_timeout().unwrap_or_default();
                self.lose(DisconnectReason::Silence(timeout));
            }
            Phase::Refused(_) => self.refuse_if(|_| true),
            Phase::Due { .. } | Phase::Lost(_) | Phase::Paused | Phase::Closed => {}
        }
    }

    /// Returns the next command.
    ///
    /// The time between a [`Deliver`](Command::Deliver) and the next call counts as the application's, not as
    /// silence of the server.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use ssekit::client::{Command, Protocol};
    ///
    /// let now = Instant::now();
    /// let mut protocol = Protocol::new(42);
    /// assert!(matches!(protocol.next_command(now), Command::Connect(_)));
    /// assert!(matches!(protocol.next_command(now), Command::Wait(Some(_))));
    /// ```
    pub fn next_command(&mut self, now: Instant) -> Command {
        if mem::take(&mut self.has_delivered) {
            if let Phase::Open { heard, .. } = &mut self.phase {
                *heard = now;
            }
        }
        let command = self.command(now);
        self.has_delivered = matches!(command, Command::Deliver(_));
        command
    }

    /// Returns the state of the client.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::client::{Protocol, ReadyState};
    ///
    /// let mut protocol = Protocol::new(42);
    /// assert_eq!(protocol.ready_state(), ReadyState::Connecting);
    /// protocol.close();
    /// assert_eq!(protocol.ready_state(), ReadyState::Closed);
    /// ```
    pub const fn ready_state(&self) -> ReadyState {
        match self.phase {
            Phase::Open { .. } => ReadyState::Open,
            Phase::Paused => ReadyState::Paused,
            Phase::Closed => ReadyState::Closed,
            _ => ReadyState::Connecting,
        }
    }

    /// Returns the last event ID that the next request will send; empty if none.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::client::Protocol;
    ///
    /// assert_eq!(Protocol::new(42).after("41").last_event_id(), "41");
    /// ```
    pub fn last_event_id(&self) -> &str {
        self.reader.last_event_id()
    }

    /// Describes the attempt that [`Connect`](Command::Connect) asks for.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::client::Protocol;
    ///
    /// let protocol = Protocol::new(42).after("41");
    /// assert_eq!((protocol.attempt().number, protocol.attempt().last_event_id), (0, "41"));
    /// ```
    pub fn attempt(&self) -> Attempt<'_> {
        Attempt {
            number: self.row.attempts(),
            last_event_id: self.reader.last_event_id(),
            reason: self.reason.as_ref(),
        }
    }

    fn command(&mut self, now: Instant) -> Command {
        loop {
            if let Some(command) = self.queue.pop_front() {
                return command;
            }
            match &self.phase {
                Phase::Due { is_withheld_known } => return self.connect(*is_withheld_known, now),
                // The application gave no verdict, so the default applies.
                Phase::Lost(lost) => self.handle_verdict(lost.default_verdict(), now),
                Phase::Closed => return Command::Finished,
                _ => {
                    if let Some(update) = self.reader.next() {
                        return Command::Deliver(update);
                    }
                    match self.lost.take() {
                        Some(reason) => self.disconnect_for(reason, now),
                        None => return Command::Wait(self.deadline()),
                    }
                }
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Requested { since } => since.checked_add(self.policy.connect_timeout()?),
            Phase::Open { heard, .. } => heard.checked_add(self.policy.idle_timeout()?),
            Phase::Refused(refused) => refused.deadline(),
            Phase::Waiting { until } => *until,
            Phase::Due { .. } | Phase::Lost(_) | Phase::Paused | Phase::Closed => None,
        }
    }

    /// Makes a request (9.2.3, 9.2.4), or first reports that the request will lack the last event ID.
    fn connect(&mut self, is_withheld_known: bool, now: Instant) -> Command {
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let id = self.reader.last_event_id();
        if let Some(value) = header_value(id) {
            headers.insert(LAST_EVENT_ID, value);
        } else if !id.is_empty() && !is_withheld_known {
            self.phase = Phase::Due { is_withheld_known: true };
            return Command::Deliver(Update::LastEventIdWithheld(id.to_owned()));
        }
        debug_assert!(self.reader.is_empty(), "nothing is left of the connection before");
        self.phase = Phase::Requested { since: now };
        self.is_idempotent = true;
        Command::Connect(headers)
    }

    /// Discards the connection and the commands that it led to.
    fn disconnect(&mut self) {
        self.reader.reset();
        self.lost = None;
        self.queue.clear();
        self.queue.push_back(Command::Disconnect);
    }
}

/// Returns a header value that the server reads as `id`, if there is one; `None` for an empty ID.
///
/// The value is UTF-8 (9.2.3). A header cannot hold control characters, and a parser strips whitespace at the
/// ends of a value (RFC 9110, 5.5).
fn header_value(id: &str) -> Option<HeaderValue> {
    let blank = [' ', '\t'];
    if id.is_empty() || id.starts_with(blank) || id.ends_with(blank) {
        return None;
    }
    HeaderValue::from_bytes(id.as_bytes()).ok()
}
