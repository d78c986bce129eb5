//! A server in memory and a virtual clock, for a client's `Protocol`.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use http::{HeaderMap, Response, response::Parts};
use ssekit::client::{Command, Failure, Protocol, TransportError, Update, Verdict};

/// What the server does on one request: steps, each so long after the one before.
#[derive(Default)]
pub(crate) struct Answer(VecDeque<(Duration, Step)>);

enum Step {
    Pass,
    Head(Parts),
    Chunk(Vec<u8>),
    End,
    Error(&'static str),
}

impl Answer {
    /// Sends nothing, not even a status.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Sends a status, headers and an empty body at once.
    pub(crate) fn head(status: u16, headers: &[(&str, &str)]) -> Self {
        Self::begin(status, headers).end()
    }

    /// Sends a status and headers at once.
    pub(crate) fn begin(status: u16, headers: &[(&str, &str)]) -> Self {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        Self::none().then(Step::Head(response.body(()).unwrap().into_parts().0))
    }

    /// Begins an event stream at once.
    pub(crate) fn stream() -> Self {
        Self::begin(200, &[("content-type", "text/event-stream")])
    }

    /// Sends a piece of the body.
    pub(crate) fn chunk(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(Step::Chunk(bytes.into()))
    }

    /// Ends the body.
    pub(crate) fn end(self) -> Self {
        self.then(Step::End)
    }

    /// Breaks the connection.
    pub(crate) fn error(self, error: &'static str) -> Self {
        self.then(Step::Error(error))
    }

    /// Lets time pass.
    pub(crate) fn pause(mut self, seconds: f64) -> Self {
        self.0.push_back((Duration::from_secs_f64(seconds), Step::Pass));
        self
    }

    fn then(mut self, step: Step) -> Self {
        self.0.push_back((Duration::ZERO, step));
        self
    }
}

/// A protocol and what has become of it.
pub(crate) struct Simulation {
    pub(crate) protocol: Protocol,
    /// The headers of the requests.
    pub(crate) requests: Vec<HeaderMap>,
    /// What the client did and told: one line each, with the seconds since the start.
    pub(crate) log: Vec<String>,
    start: Instant,
    now: Instant,
    decide: Option<Decide>,
    is_idempotent: bool,
}

type Decide = Box<dyn FnMut(&Failure) -> Verdict>;

impl Simulation {
    pub(crate) fn new(protocol: Protocol) -> Self {
        let now = Instant::now();
        Self {
            protocol,
            requests: Vec::new(),
            log: Vec::new(),
            start: now,
            now,
            decide: None,
            is_idempotent: true,
        }
    }

    /// Sets what decides.
    #[allow(dead_code, reason = "not every test decides")]
    pub(crate) fn decide(mut self, decide: impl FnMut(&Failure) -> Verdict + 'static) -> Self {
        self.decide = Some(Box::new(decide));
        self
    }

    /// Sets whether the requests can be repeated.
    #[allow(dead_code, reason = "most tests have no POST")]
    pub(crate) fn idempotent(mut self, is_idempotent: bool) -> Self {
        self.is_idempotent = is_idempotent;
        self
    }

    /// Runs the protocol against a server that gives these answers, one for each request.
    ///
    /// Stops at a request that is left without an answer, when nothing will ever happen, or at the end.
    pub(crate) fn run(mut self, answers: impl IntoIterator<Item = Answer>) -> Self {
        let mut answers = answers.into_iter();
        let mut answer = Answer::none();
        loop {
            match self.protocol.next_command(self.now) {
                Command::Connect(headers) => {
                    self.note("request");
                    self.requests.push(headers);
                    self.protocol.handle_request(self.is_idempotent);
                    match answers.next() {
                        Some(next) => answer = next,
                        None => return self,
                    }
                }
                Command::Disconnect => answer = Answer::none(),
                Command::Decide(failure) => {
                    if let Some(decide) = &mut self.decide {
                        self.protocol.handle_verdict(decide(&failure), self.now);
                    }
                }
                Command::Deliver(update) => self.note(&describe(&update)),
                Command::Fail(error) => self.note(&format!("failed: {error}")),
                Command::Wait(until) => {
                    if !self.wait(until, &mut answer) {
                        self.note("waits for ever");
                        return self;
                    }
                }
                Command::Finished => {
                    self.note("finished");
                    return self;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Returns the log without the requests and times.
    #[allow(dead_code, reason = "not every test reads it")]
    pub(crate) fn told(&self) -> Vec<&str> {
        let lines = self.log.iter().map(|line| line.split_once(' ').unwrap().1);
        lines.filter(|line| *line != "request").collect()
    }

    /// Returns the `Last-Event-ID` of each request, as far as it is ASCII.
    #[allow(dead_code, reason = "not every test reads it")]
    pub(crate) fn last_event_ids(&self) -> Vec<Option<&str>> {
        let value = |headers: &HeaderMap| headers.get("last-event-id").cloned();
        self.requests
            .iter()
            .map(|headers| value(headers).map(|_| headers["last-event-id"].to_str().unwrap()))
            .collect()
    }

    /// Returns the times of the requests, in milliseconds.
    pub(crate) fn request_times(&self) -> Vec<u128> {
        let requests = self.log.iter().filter(|line| line.ends_with(" request"));
        requests.map(|line| (line.split_once(' ').unwrap().0.parse::<f64>().unwrap() * 1e3) as u128).collect()
    }

    fn wait(&mut self, until: Option<Instant>, answer: &mut Answer) -> bool {
        let step = answer.0.front().map(|(pause, _)| self.now + *pause);
        match (step, until) {
            (Some(at), until) if until.is_none_or(|until| at <= until) => {
                self.now = at;
                match answer.0.pop_front().unwrap().1 {
                    Step::Pass => {}
                    Step::Head(head) => self.protocol.handle_response(head, self.now),
                    Step::Chunk(bytes) => self.protocol.handle_chunk(bytes.into(), self.now),
                    Step::End => self.protocol.handle_end(),
                    Step::Error(error) => self.protocol.handle_error(TransportError::new(error)),
                }
            }
            (step, Some(until)) => {
                if let Some(at) = step {
                    answer.0.front_mut().unwrap().0 = at - until;
                }
                self.now = until;
                self.protocol.handle_time(self.now);
            }
            (_, None) => return false,
        }
        true
    }

    fn note(&mut self, line: &str) {
        let seconds = (self.now - self.start).as_secs_f64();
        self.log.push(format!("{seconds:.3} {line}"));
    }
}

/// Describes a update in one line.
pub(crate) fn describe(update: &Update) -> String {
    match update {
        Update::Opened(head) => format!("opened: {}", head.status.as_u16()),
        Update::Event(event) => {
            format!("event: {} {:?} id {:?}", event.event_type(), event.data(), event.last_event_id())
        }
        Update::LimitExceeded(exceeded) => format!("lost an event: {exceeded}"),
        Update::Reconnecting { delay, reason } => format!("reconnecting in {delay:?}: {reason}"),
        Update::LastEventIdWithheld(id) => format!("withheld {id:?}"),
        Update::Comment(text) => format!("comment {text:?}"),
        Update::ReconnectionTime(time) => format!("reconnection time {time:?}"),
        Update::LastEventId(id) => format!("last event ID {id:?}"),
        Update::Paused => "paused".to_owned(),
        other => panic!("{other:?}"),
    }
}
