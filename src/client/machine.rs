use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes};
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CACHE_CONTROL},
    response::Parts,
};

use super::{Change, EventSourceError, Policy, ReadyState, Reason, TransportError, outcome::Outcome};
use crate::{
    LAST_EVENT_ID,
    decode::{Decoder, Item, Limits},
    random::SplitMix64,
};

/// The processing model of an event source (9.2.3) without I/O, clock or randomness of its own.
///
/// Use it to drive a client over something that [`EventSource`](crate::EventSource) cannot: a blocking socket, a
/// simulation, another language's event loop. Pull commands with [`next_command`](Self::next_command) and carry
/// them out until it says [`Wait`](Command::Wait); then hand in whatever happens first: [`handle_response`],
/// [`handle_chunk`], [`handle_end`] or [`handle_error`] from the connection, or [`handle_time`] once the wait is
/// over. An input that does not fit the state, such as a chunk of a connection that is gone, is ignored.
///
/// It holds at most the chunk that is being decoded, the decoder's [`Limits`] and a few commands.
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
/// use ssekit::client::{Change, Command, Machine};
///
/// let now = Instant::now();
/// let mut machine = Machine::new(42);
/// let Command::Connect(headers) = machine.next_command(now) else { panic!("a request comes first") };
/// assert_eq!(headers["accept"], "text/event-stream");
///
/// let response = http::Response::builder().header("content-type", "text/event-stream");
/// machine.handle_response(response.body(()).unwrap().into_parts().0, now);
/// machine.handle_chunk("data: hello\n\n".into(), now);
/// assert!(matches!(machine.next_command(now), Command::Deliver(Change::Opened(_))));
/// let Command::Deliver(Change::Event(event)) = machine.next_command(now) else { panic!("then the event") };
/// assert_eq!(event.data(), "hello");
/// assert!(matches!(machine.next_command(now), Command::Wait(Some(_))));
/// ```
#[derive(Debug)]
pub struct Machine {
    policy: Policy,
    random: SplitMix64,
    decoder: Decoder,
    phase: Phase,
    /// What comes before all that `phase`, `chunk` and `lost` lead to.
    queue: VecDeque<Command>,
    /// What is yet to be decoded of the body.
    chunk: Bytes,
    /// Why the connection is lost, once `chunk` is decoded.
    lost: Option<Reason>,
    /// The reconnections since the last sustained connection.
    attempts: u32,
    /// Whether the last command was a change, so that the application had the time until now.
    delivered: bool,
}

/// What a [`Machine`] wants done.
#[derive(Debug)]
#[non_exhaustive]
pub enum Command {
    /// Make a request with these headers, which replace those of the same names, and with no other
    /// `Last-Event-ID`.
    Connect(HeaderMap),
    /// Drop the connection at once, if it is still there: the request under way or the response's body.
    Disconnect,
    /// Tell the application.
    Deliver(Change),
    /// Tell the application that the connection failed. Only [`Finished`](Self::Finished) follows.
    Fail(EventSourceError),
    /// Wait for an input, until this instant; with `None` for as long as it takes.
    ///
    /// An input may come earlier than the instant; [`Machine::handle_time`] may come at any time.
    Wait(Option<Instant>),
    /// Nothing is left to do, now or later.
    Finished,
}

#[derive(Debug)]
enum Phase {
    /// A request is to be made, once the application knows what it lacks.
    Due {
        told: bool,
    },
    /// A request was made, no response has come.
    Requested {
        since: Instant,
    },
    /// The body is being read. `heard` is when the silence began.
    Open {
        since: Instant,
        heard: Instant,
    },
    /// The connection was lost. `None` is later than any `Instant`.
    Waiting {
        until: Option<Instant>,
    },
    Closed,
}

impl Machine {
    /// Creates a machine that is about to make its first request, with [`Policy::default`].
    ///
    /// The `seed` decides the random part of every delay: give each client its own, or the same one to see the
    /// same delays again.
    pub fn new(seed: u64) -> Self {
        Self {
            policy: Policy::default(),
            random: SplitMix64::new(seed),
            decoder: Decoder::new(),
            phase: Phase::Due { told: false },
            queue: VecDeque::new(),
            chunk: Bytes::new(),
            lost: None,
            attempts: 0,
            delivered: false,
        }
    }

    /// Sets when to reconnect and when to give up.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets what decides the random part of the delays from now on.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.random = SplitMix64::new(seed);
        self
    }

    /// Sets how much one event may take. Call it before the first response.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.decoder = Decoder::with_limits(limits).with_last_event_id(self.decoder.last_event_id());
        self
    }

    /// Sets the last event ID to begin with, such as one that was kept over a restart of the program.
    ///
    /// Call it before the first response.
    #[must_use]
    pub fn with_last_event_id(mut self, last_event_id: impl Into<String>) -> Self {
        self.decoder = Decoder::with_limits(*self.decoder.limits()).with_last_event_id(last_event_id);
        self
    }

    /// Takes the status and headers of the response to the last request.
    ///
    /// Hand in the final response: redirects are followed by whatever makes the requests, or not at all.
    pub fn handle_response(&mut self, response: Parts, now: Instant) {
        let Phase::Requested { .. } = self.phase else { return };
        // The request was given up: its response has come too late.
        if self.lost.is_some() {
            return;
        }
        let outcome = Outcome::of(&response, &self.policy);
        let response = Box::new(response);
        match outcome {
            Outcome::Open => {
                self.phase = Phase::Open { since: now, heard: now };
                self.queue.push_back(Command::Deliver(Change::Opened(response)));
            }
            Outcome::Stop => self.close(),
            Outcome::Reestablish(at_least) => self.reestablish(Reason::Status(response), at_least, now),
            Outcome::RefuseStatus => self.fail(EventSourceError::Status(response)),
            Outcome::RefuseContentType => self.fail(EventSourceError::ContentType(response)),
        }
    }

    /// Takes the next bytes of the response's body. Any byte ends a silence.
    ///
    /// They are decoded as commands are pulled, one event at a time. Hand in a chunk only once the last one has
    /// led to [`Wait`](Command::Wait): what is left of it would have to be copied.
    pub fn handle_chunk(&mut self, chunk: Bytes, now: Instant) {
        let Phase::Open { heard, .. } = &mut self.phase else { return };
        if self.lost.is_some() || chunk.is_empty() {
            return;
        }
        *heard = now;
        self.chunk = if self.chunk.is_empty() { chunk } else { [&self.chunk[..], &chunk].concat().into() };
    }

    /// Takes the end of the response's body. An unfinished event is discarded (9.2.6).
    pub fn handle_end(&mut self) {
        self.lose(Reason::Ended);
    }

    /// Takes an error of the connection: the request failed, or the response broke off.
    pub fn handle_error(&mut self, error: TransportError) {
        self.lose(Reason::Transport(error));
    }

    /// Takes the time. Call it when a [`Wait`](Command::Wait) is over and nothing is there to be read.
    pub fn handle_time(&mut self, now: Instant) {
        let deadline = self.deadline();
        if deadline.is_none_or(|deadline| now < deadline) || !self.chunk.is_empty() {
            return;
        }
        match self.phase {
            Phase::Waiting { .. } => self.phase = Phase::Due { told: false },
            Phase::Requested { .. } => {
                self.lose(Reason::NoResponse(self.policy.connect_timeout().unwrap_or_default()));
            }
            Phase::Open { .. } => self.lose(Reason::Silence(self.policy.idle_timeout().unwrap_or_default())),
            Phase::Due { .. } | Phase::Closed => {}
        }
    }

    /// Closes the client: drops the connection and makes no further request.
    ///
    /// What was received and not yet delivered is discarded.
    pub fn close(&mut self) {
        if !matches!(self.phase, Phase::Closed) {
            self.disconnect();
            self.phase = Phase::Closed;
        }
    }

    /// Returns what is to be done next.
    ///
    /// Time that passes between a [`Deliver`](Command::Deliver) and the next call belongs to the application:
    /// it is no silence of the server.
    pub fn next_command(&mut self, now: Instant) -> Command {
        if std::mem::take(&mut self.delivered) {
            if let Phase::Open { heard, .. } = &mut self.phase {
                *heard = now;
            }
        }
        let command = self.command(now);
        self.delivered = matches!(command, Command::Deliver(_));
        command
    }

    /// Returns the state that the client is in.
    pub fn ready_state(&self) -> ReadyState {
        match self.phase {
            Phase::Due { .. } | Phase::Requested { .. } | Phase::Waiting { .. } => ReadyState::Connecting,
            Phase::Open { .. } => ReadyState::Open,
            Phase::Closed => ReadyState::Closed,
        }
    }

    /// Returns the last event ID: what the next request says that this client has; empty if there is none.
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    fn command(&mut self, now: Instant) -> Command {
        if let Some(command) = self.queue.pop_front() {
            return command;
        }
        if let Phase::Due { told } = self.phase {
            return self.connect(told, now);
        }
        if let Some(change) = self.decode() {
            return Command::Deliver(change);
        }
        if let Some(reason) = self.lost.take() {
            self.reestablish(reason, Duration::ZERO, now);
            return self.command(now);
        }
        match self.phase {
            Phase::Closed => Command::Finished,
            _ => Command::Wait(self.deadline()),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Requested { since } => since.checked_add(self.policy.connect_timeout()?),
            Phase::Open { heard, .. } => heard.checked_add(self.policy.idle_timeout()?),
            Phase::Waiting { until } => until,
            Phase::Due { .. } | Phase::Closed => None,
        }
    }

    /// Makes a request (9.2.3, 9.2.4), or first tells that it will lack the last event ID.
    fn connect(&mut self, told: bool, now: Instant) -> Command {
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let id = self.decoder.last_event_id();
        if !id.is_empty() {
            match header_value(id) {
                Some(value) => {
                    headers.insert(LAST_EVENT_ID, value);
                }
                None if told => {}
                None => {
                    self.phase = Phase::Due { told: true };
                    return Command::Deliver(Change::LastEventIdWithheld(id.to_owned()));
                }
            }
        }
        self.phase = Phase::Requested { since: now };
        Command::Connect(headers)
    }

    /// Decodes up to the next change, or to the end of the chunk.
    fn decode(&mut self) -> Option<Change> {
        let mut rest = &self.chunk[..];
        let mut items = self.decoder.decode(&mut rest);
        let change = loop {
            match items.next() {
                Some(Item::Event(event)) => break Some(Change::Event(event.to_owned())),
                Some(Item::LimitExceeded(exceeded)) => break Some(Change::LimitExceeded(exceeded)),
                // The decoder keeps the reconnection time, and a comment has been heard as a byte.
                Some(_) => {}
                None => break None,
            }
        };
        let taken = self.chunk.len() - rest.len();
        self.chunk.advance(taken);
        if self.chunk.is_empty() {
            self.chunk = Bytes::new();
        }
        change
    }

    fn lose(&mut self, reason: Reason) {
        if let Phase::Requested { .. } | Phase::Open { .. } = self.phase {
            self.lost.get_or_insert(reason);
        }
    }

    fn reestablish(&mut self, reason: Reason, at_least: Duration, now: Instant) {
        if let Phase::Open { since, .. } = self.phase {
            if now.saturating_duration_since(since) >= self.policy.sustained_uptime() {
                self.attempts = 0;
            }
        }
        if self.policy.max_attempts().is_some_and(|max| self.attempts >= max) {
            return self.fail(EventSourceError::Attempts { attempts: self.attempts, last: reason });
        }
        let time = self.decoder.reconnection_time().unwrap_or(self.policy.initial_reconnection_time());
        let backoff = self.random.below(self.policy.backoff_window(self.attempts));
        let delay = self.policy.bound(time).max(at_least).saturating_add(backoff);
        self.attempts = self.attempts.saturating_add(1);
        self.disconnect();
        self.phase = Phase::Waiting { until: now.checked_add(delay) };
        self.queue.push_back(Command::Deliver(Change::Reconnecting { delay, reason }));
    }

    fn fail(&mut self, error: EventSourceError) {
        self.close();
        self.queue.push_back(Command::Fail(error));
    }

    /// Forgets the connection and all that it has led to.
    fn disconnect(&mut self) {
        self.decoder.reset();
        self.chunk = Bytes::new();
        self.lost = None;
        self.queue.clear();
        self.queue.push_back(Command::Disconnect);
    }
}

/// Returns a header value that reaches the server as `id`, if one can.
///
/// It is UTF-8 as it is (9.2.3). A control character is not allowed in a header, and whitespace at the ends of a
/// value is not part of it (RFC 9110, 5.5).
fn header_value(id: &str) -> Option<HeaderValue> {
    let blank = [' ', '\t'];
    if id.starts_with(blank) || id.ends_with(blank) {
        return None;
    }
    HeaderValue::from_bytes(id.as_bytes()).ok()
}
