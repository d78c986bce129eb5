//! What a client's `Protocol` may do, whatever happens to it.

use std::time::{Duration, Instant};

use http::{HeaderValue, Response, StatusCode, response::Parts};
use proptest::{collection::vec, option, prelude::*, sample::select};
use ssekit::client::{
    Command, DisconnectReason, EventSourceError, Failure, Policy, Protocol, ReadyState, TransportError,
    Update, Verdict,
};

use crate::{
    streams::stream,
    twin::{Seen, interpret},
};

/// The numbers of a policy. Times are in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) last_event_id: String,
    pub(crate) time: u64,
    pub(crate) bounds: (u64, u64),
    pub(crate) backoff: (u64, u64),
    pub(crate) sustained_uptime: u64,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) connect_timeout: Option<u64>,
    pub(crate) idle_timeout: Option<u64>,
    pub(crate) max_retry_after: u64,
    pub(crate) max_error_body_bytes: usize,
    pub(crate) has_jitter: bool,
    pub(crate) resends: bool,
    /// Whether comments, reconnection times and IDs are delivered.
    pub(crate) has_details: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Response {
        status: u16,
        content_type: Vec<u8>,
        retry_after: Option<Vec<u8>>,
        date: Option<Vec<u8>>,
    },
    Chunk(Vec<u8>),
    End,
    Error,
    /// So much time passes, which the protocol is told or not.
    Time {
        passes: u64,
        told: bool,
    },
    /// One command is pulled.
    Pull,
    /// Commands are pulled until there is nothing to do now.
    PullAll,
    /// From now on this is the verdict, or none is given.
    Verdict(Option<Verdict>),
    /// Whether the requests from now on are idempotent.
    Idempotent(bool),
    Reconnect,
    ReconnectAfter(String),
    Pause,
    Resume,
    Close,
}

/// A protocol, and what is known of it.
struct Watched {
    setup: Setup,
    protocol: Protocol,
    now: Instant,
    connection: Connection,
    /// What was handed in since the connection was lost, or the protocol closed, is ignored.
    lost: bool,
    /// Whether the protocol may have noticed a silence: if not all was decoded that might hide one.
    may_be_lost: bool,
    /// Whether the last command was an update, so that the time until the next one is the application's.
    delivered: bool,
    closed: bool,
    failed: bool,
    finished: bool,
    attempts: u32,
    backoffs: u32,
    verdict: Option<Verdict>,
    /// Of the requests to come, and of the last one.
    idempotent: (bool, bool),
    /// What the server set, and whether that is known.
    retry: Option<Duration>,
    retry_known: bool,
    /// What the next commands have to be.
    awaited: Awaited,
    reconnection: Option<Reconnection>,
    /// When the protocol was last told the time since the decision to reconnect.
    told_at: Option<Instant>,
    /// Whether a request is to be made now.
    due: bool,
}

enum Awaited {
    Nothing,
    /// The connection was dropped because of the application: the update about it.
    Steered {
        pauses: bool,
    },
    Decide {
        progress: bool,
        dispatched: bool,
    },
    /// The failure was handed out.
    Verdict {
        failure: Failure,
        progress: bool,
        decided: Option<(Verdict, Instant)>,
    },
}

struct Reconnection {
    until: Option<Instant>,
    /// Whether the protocol was told that it is over.
    over: bool,
}

enum Connection {
    None,
    Requested {
        at: Instant,
    },
    /// A response that is no event stream, and so many bytes of its body.
    Refused {
        at: Instant,
        status: StatusCode,
        bytes: usize,
    },
    Open(Open),
}

struct Open {
    since: Instant,
    heard: Instant,
    announced: bool,
    /// The last event ID at its beginning.
    last_event_id: String,
    stream: Vec<u8>,
    /// Whether all of that is certainly decoded.
    decoded: bool,
    /// The events that it is to dispatch, and how many of them it has.
    events: Vec<Seen>,
    dispatched: usize,
    /// The reconnection time that it sets.
    retry: Option<Duration>,
}

impl Open {
    /// Takes bytes, and works out again what they are to lead to.
    fn take(&mut self, bytes: &[u8]) {
        self.stream.extend(bytes);
        let body = self.stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.stream);
        let stream = [b"id: ", self.last_event_id.as_bytes(), b"\n\n", body].concat();
        let outcome = interpret(&stream);
        let is_event = |seen: &Seen| matches!(seen, Seen::Event { .. });
        self.events = outcome.items.into_iter().filter(is_event).collect();
        self.retry = outcome.reconnection_time;
    }
}

/// Does all of that to a protocol.
///
/// Panics at the first command that it must not give.
pub(crate) fn run(setup: Setup, steps: impl IntoIterator<Item = Step>) {
    let mut watched = Watched::new(setup);
    for step in steps {
        watched.step(step);
    }
    watched.close();
    watched.pull_all();
    assert!(watched.finished);
}

impl Watched {
    fn new(setup: Setup) -> Self {
        let bounds = (millis(setup.bounds.0), millis(setup.bounds.1));
        let policy = Policy::default()
            .with_reconnection_time(millis(setup.time))
            .with_reconnection_time_bounds(bounds.0, bounds.1)
            .with_backoff(millis(setup.backoff.0), millis(setup.backoff.1))
            .with_sustained_uptime(millis(setup.sustained_uptime))
            .with_max_attempts(setup.max_attempts)
            .with_connect_timeout(setup.connect_timeout.map(millis))
            .with_idle_timeout(setup.idle_timeout.map(millis))
            .with_max_retry_after(millis(setup.max_retry_after))
            .with_max_error_body_bytes(setup.max_error_body_bytes)
            .with_jitter(setup.has_jitter)
            .with_resend(setup.resends);
        let mut protocol =
            Protocol::new(setup.seed).with_policy(policy).with_last_event_id(setup.last_event_id.clone());
        if setup.has_details {
            protocol = protocol.with_comments().with_reconnection_times().with_last_event_ids();
        }
        Self {
            setup,
            protocol,
            now: Instant::now(),
            connection: Connection::None,
            lost: false,
            may_be_lost: false,
            delivered: false,
            closed: false,
            failed: false,
            finished: false,
            attempts: 0,
            backoffs: 0,
            verdict: None,
            idempotent: (true, true),
            retry: None,
            retry_known: true,
            awaited: Awaited::Nothing,
            reconnection: None,
            told_at: None,
            due: true,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Response { status, content_type, retry_after, date } => {
                let mut response = Response::builder().status(status);
                let fields =
                    [("content-type", Some(content_type)), ("retry-after", retry_after), ("date", date)];
                for (name, value) in fields {
                    if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(&value).ok()) {
                        response = response.header(name, value);
                    }
                }
                self.respond(response.body(()).unwrap().into_parts().0);
            }
            Step::Chunk(bytes) => self.hand_in(bytes),
            Step::End => {
                self.protocol.handle_end();
                self.lost = true;
            }
            Step::Error => {
                self.protocol.handle_error(TransportError::new("broken"));
                self.lost = true;
            }
            Step::Time { passes, told } => {
                self.now += millis(passes);
                if told {
                    self.protocol.handle_time(self.now);
                    self.told_at = Some(self.now);
                    self.notice_silence();
                    if let Some(reconnection) = &mut self.reconnection {
                        reconnection.over |= reconnection.until.is_some_and(|at| self.now >= at);
                        self.due |= reconnection.over;
                    }
                }
            }
            Step::Pull => {
                self.pull();
            }
            Step::PullAll => self.pull_all(),
            Step::Verdict(verdict) => self.verdict = verdict,
            Step::Idempotent(idempotent) => self.idempotent.0 = idempotent,
            Step::Reconnect => {
                self.settle();
                let before = self.protocol.ready_state();
                self.protocol.reconnect();
                self.reconnected(before);
            }
            Step::ReconnectAfter(id) => {
                self.settle();
                let before = self.protocol.ready_state();
                self.protocol.reconnect_after(id.clone());
                assert!(before == ReadyState::Closed || self.protocol.last_event_id() == id);
                self.reconnected(before);
            }
            Step::Pause => {
                self.settle();
                let paused = self.protocol.ready_state() == ReadyState::Paused;
                self.protocol.pause();
                if !paused {
                    self.steered(true);
                }
            }
            Step::Resume => {
                let before = self.protocol.ready_state();
                if before == ReadyState::Paused {
                    self.reconnected(before);
                }
                self.protocol.resume();
                assert_ne!(self.protocol.ready_state(), ReadyState::Paused);
            }
            Step::Close => self.close(),
        }
    }

    fn hand_in(&mut self, bytes: Vec<u8>) {
        match &mut self.connection {
            Connection::Open(open) if !self.lost => {
                open.take(&bytes);
                if !bytes.is_empty() {
                    (open.heard, open.decoded) = (self.now, false);
                }
            }
            Connection::Refused { bytes: count, .. } if !self.lost => {
                *count = (*count + bytes.len()).min(self.setup.max_error_body_bytes);
                self.lost = *count == self.setup.max_error_body_bytes;
            }
            _ => {}
        }
        self.protocol.handle_chunk(bytes.into(), self.now);
    }

    /// Learns of a delay that may be over before it was told.
    fn settle(&mut self) {
        if self.told_at.is_some() && self.decided().is_some() {
            self.pull_all();
        }
    }

    fn reconnected(&mut self, before: ReadyState) {
        if before == ReadyState::Paused {
            self.row_ends();
            self.due = true;
        } else if !self.due {
            self.steered(false);
        }
    }

    fn row_ends(&mut self) {
        (self.attempts, self.backoffs) = (0, 0);
    }

    /// The application has reconnected or paused.
    fn steered(&mut self, pauses: bool) {
        if self.protocol.ready_state() == ReadyState::Closed {
            return;
        }
        if let Connection::Open(open) = &self.connection {
            self.retry = open.retry.or(self.retry);
            self.retry_known &= open.decoded;
        }
        if !pauses {
            self.row_ends();
        }
        self.awaited = Awaited::Steered { pauses };
        self.due = !pauses;
        self.reconnection = None;
        self.lost = true;
    }

    fn respond(&mut self, response: Parts) {
        let status = response.status;
        let known = match response.headers.get("content-type").map(HeaderValue::as_bytes) {
            Some(b"text/event-stream") => Some(true),
            Some(b"text/plain") | None => Some(false),
            Some(_) => None,
        };
        self.protocol.handle_response(response, self.now);

        let Connection::Requested { .. } = self.connection else { return };
        if self.lost || self.closed {
            assert_ne!(self.protocol.ready_state(), ReadyState::Open, "it opens what is lost");
            return;
        }
        let opens = self.protocol.ready_state() == ReadyState::Open;
        assert!(status == StatusCode::OK || !opens);
        assert!(status != StatusCode::OK || known.is_none_or(|known| known == opens), "a type is misread");
        if opens {
            self.connection = Connection::Open(Open {
                since: self.now,
                heard: self.now,
                announced: false,
                last_event_id: self.protocol.last_event_id().to_owned(),
                stream: Vec::new(),
                decoded: true,
                events: Vec::new(),
                dispatched: 0,
                retry: None,
            });
        } else if status == StatusCode::NO_CONTENT {
            self.lost = true;
            assert_eq!(self.protocol.ready_state(), ReadyState::Closed);
        } else {
            self.connection = Connection::Refused { at: self.now, status, bytes: 0 };
            self.lost = self.setup.max_error_body_bytes == 0;
        }
    }

    fn close(&mut self) {
        // One that has closed by itself may still have to tell why.
        self.closed |= self.protocol.ready_state() != ReadyState::Closed;
        self.protocol.close();
    }

    fn notice_silence(&mut self) {
        let over = |since: Instant, timeout: Option<u64>| {
            let until = timeout.and_then(|timeout| since.checked_add(millis(timeout)));
            until.is_some_and(|until| self.now >= until)
        };
        match &self.connection {
            Connection::None => {}
            Connection::Requested { at } => self.lost |= over(*at, self.setup.connect_timeout),
            Connection::Refused { at, .. } => self.lost |= over(*at, Some(ERROR_BODY_TIME)),
            Connection::Open(open) if over(open.heard, self.setup.idle_timeout) => {
                self.lost |= open.decoded;
                self.may_be_lost |= !open.decoded;
            }
            Connection::Open(_) => {}
        }
    }

    fn pull_all(&mut self) {
        // Each byte that was handed in leads to at most one update.
        while self.pull() {}
    }

    /// Pulls one command. Returns whether there may be another one now.
    fn pull(&mut self) -> bool {
        if let (true, Connection::Open(open)) = (self.delivered, &mut self.connection) {
            open.heard = self.now;
        }
        let command = self.protocol.next_command(self.now);
        self.delivered = matches!(command, Command::Deliver(_));
        assert!(!self.finished || matches!(command, Command::Finished), "{command:?} after the end");
        if self.closed {
            assert!(matches!(command, Command::Disconnect | Command::Finished), "{command:?} once closed");
        }
        assert!(!self.failed || matches!(command, Command::Finished), "{command:?} after the failure");
        match command {
            Command::Connect(headers) => {
                assert!(matches!(self.connection, Connection::None), "a second connection");
                assert!(matches!(self.awaited, Awaited::Nothing), "something is left out");
                if let Some(reconnection) = self.reconnection.take() {
                    assert!(reconnection.over, "it does not wait");
                }
                let id = self.protocol.last_event_id();
                let value = headers.get("last-event-id").map(HeaderValue::as_bytes);
                assert!(value.is_none_or(|value| value == id.as_bytes() && !value.is_empty()));
                assert!(value.is_some() || id.is_empty() || !fits_in_a_header(id), "{id:?} is withheld");
                assert_eq!(self.protocol.attempt().number, self.attempts);
                self.protocol.handle_request(self.idempotent.0);
                self.idempotent.1 = self.idempotent.0;
                self.connection = Connection::Requested { at: self.now };
                (self.lost, self.may_be_lost, self.due) = (false, false, false);
            }
            Command::Disconnect => self.disconnected(),
            Command::Decide(failure) => self.decide(failure),
            Command::Deliver(update) => self.told(update),
            Command::Fail(error) => self.fail(&error),
            Command::Wait(until) => {
                self.assert_wait(until);
                if let Connection::Open(open) = &mut self.connection {
                    (open.decoded, self.may_be_lost) = (true, false);
                }
                return false;
            }
            Command::Finished => {
                let stops = match self.decided() {
                    Some((Verdict::Stop, _)) | None => true,
                    Some(_) => self.closed,
                };
                assert!(stops || self.failed, "it stops without a word");
                self.finished = true;
                assert!(matches!(self.connection, Connection::None), "it is finished with a connection");
                assert_eq!(self.protocol.ready_state(), ReadyState::Closed);
                return false;
            }
            other => panic!("{other:?}"),
        }
        true
    }

    fn disconnected(&mut self) {
        let connection = std::mem::replace(&mut self.connection, Connection::None);
        if self.closed || matches!(self.awaited, Awaited::Steered { .. }) {
            return;
        }
        let (mut progress, mut dispatched) = (false, false);
        if let Connection::Open(open) = connection {
            // An end that the protocol has noticed comes after all that was received.
            assert!(self.may_be_lost || open.dispatched == open.events.len());
            self.retry = open.retry.or(self.retry);
            self.retry_known |= open.retry.is_some();
            dispatched = open.dispatched > 0;
            let uptime = self.now.saturating_duration_since(open.since);
            progress = dispatched || uptime >= millis(self.setup.sustained_uptime);
        }
        if progress {
            self.row_ends();
        }
        // A 204 asks nothing.
        if self.protocol.ready_state() != ReadyState::Closed {
            self.awaited = Awaited::Decide { progress, dispatched };
        }
    }

    fn decide(&mut self, failure: Failure) {
        let Awaited::Decide { progress, dispatched } = self.awaited else { panic!("{failure:?}") };
        assert_eq!((failure.has_delivered(), failure.attempts()), (dispatched, self.attempts));
        assert_eq!(failure.default(), self.default_verdict(failure.reason()), "{failure:?}");
        assert!(failure.body().len() <= self.setup.max_error_body_bytes);
        assert!(failure.retry_after().is_none_or(|asked| asked <= millis(self.setup.max_retry_after)));
        let decided = self.verdict.map(|verdict| (verdict, self.now));
        self.awaited = Awaited::Verdict { failure, progress, decided };
        if let Some(verdict) = self.verdict {
            self.protocol.handle_verdict(verdict, self.now);
        }
        self.told_at = None;
    }

    fn default_verdict(&self, reason: &DisconnectReason) -> Verdict {
        let verdict = match reason {
            DisconnectReason::Status(response) => match response.status().as_u16() {
                501 | 505 => Verdict::Fail,
                408 | 425 | 429 | 500..=599 => Verdict::Reconnect,
                _ => Verdict::Fail,
            },
            DisconnectReason::ContentType(_) | DisconnectReason::ContentEncoding(_) => Verdict::Fail,
            _ => Verdict::Reconnect,
        };
        let id = self.protocol.last_event_id();
        let resumes = !id.is_empty() && fits_in_a_header(id);
        match (verdict, reason) {
            (Verdict::Reconnect, _) if self.idempotent.1 || self.setup.resends || resumes => verdict,
            (Verdict::Reconnect, DisconnectReason::Ended) => Verdict::Stop,
            _ => Verdict::Fail,
        }
    }

    /// Returns the verdict that is in force, and when it was given.
    fn decided(&self) -> Option<(Verdict, Instant)> {
        match &self.awaited {
            Awaited::Verdict { failure, decided, .. } => {
                Some(decided.unwrap_or((failure.default(), self.now)))
            }
            _ => None,
        }
    }

    fn fail(&mut self, error: &EventSourceError) {
        assert!(matches!(self.connection, Connection::None), "it fails with a connection");
        let (verdict, _) = self.decided().expect("it fails unasked");
        match error {
            EventSourceError::Attempts { attempts, .. } => {
                assert!(matches!(verdict, Verdict::Reconnect | Verdict::ReconnectAfter(_)));
                assert!(self.setup.max_attempts.is_some_and(|max| max <= *attempts));
                assert_eq!(*attempts, self.attempts);
            }
            _ => assert_eq!(verdict, Verdict::Fail),
        }
        self.failed = true;
    }

    fn told(&mut self, update: Update) {
        match (update, &mut self.connection) {
            (Update::Opened(response), Connection::Open(open)) => {
                assert_eq!(response.status, StatusCode::OK);
                assert!(!open.announced, "it opens twice");
                open.announced = true;
            }
            (Update::Event(event), Connection::Open(open)) => {
                assert!(open.announced, "an event before it opens");
                let seen = Seen::Event {
                    event_type: event.event_type().to_owned(),
                    data: event.data().to_owned(),
                    last_event_id: event.last_event_id().to_owned(),
                };
                assert_eq!(Some(&seen), open.events.get(open.dispatched));
                assert_eq!(event.last_event_id(), self.protocol.last_event_id());
                open.dispatched += 1;
            }
            (Update::Reconnecting { delay, reason: DisconnectReason::Requested }, Connection::None) => {
                assert!(matches!(self.awaited, Awaited::Steered { pauses: false }));
                assert_eq!(delay, Duration::ZERO);
                self.awaited = Awaited::Nothing;
            }
            (Update::Reconnecting { delay, .. }, Connection::None) => self.reconnecting(delay),
            (Update::Paused, Connection::None) => {
                assert!(matches!(self.awaited, Awaited::Steered { pauses: true }));
                self.awaited = Awaited::Nothing;
            }
            (Update::LastEventIdWithheld(id), Connection::None) => {
                assert!(!fits_in_a_header(&id), "{id:?} is withheld");
            }
            (Update::LastEventId(id), Connection::Open(_)) if self.setup.has_details => {
                assert_eq!(id, self.protocol.last_event_id());
            }
            (Update::Comment(_) | Update::ReconnectionTime(_), Connection::Open(_))
                if self.setup.has_details => {}
            (update, _) => panic!("{update:?} does not fit"),
        }
    }

    fn reconnecting(&mut self, delay: Duration) {
        assert!(self.reconnection.is_none());
        let (verdict, at) = self.decided().expect("it reconnects unasked");
        self.assert_delay(delay, verdict);
        let until = at.checked_add(delay);
        let over = until.is_some_and(|until| self.told_at.is_some_and(|told| told >= until));
        self.reconnection = Some(Reconnection { until, over });
        self.due = over;
        self.awaited = Awaited::Nothing;
    }

    fn assert_delay(&mut self, delay: Duration, verdict: Verdict) {
        let Setup { time, bounds, backoff, max_attempts, has_jitter, .. } = self.setup;
        assert!(max_attempts.is_none_or(|max| self.attempts < max), "one attempt too many");
        self.attempts += 1;
        let least = millis(bounds.0.min(bounds.1));
        let Awaited::Verdict { failure, progress, .. } = &self.awaited else { panic!() };
        match verdict {
            Verdict::ReconnectAfter(after) => return assert_eq!(delay, after.max(least)),
            Verdict::Reconnect => {}
            other => panic!("it reconnects after {other:?}"),
        }
        let time = self.retry.unwrap_or(millis(time)).max(millis(bounds.0)).min(millis(bounds.1));
        if *progress {
            let jitter = if has_jitter { time / 10 } else { Duration::ZERO };
            assert!(!self.retry_known || delay <= time && delay >= (time - jitter).max(least.min(time)));
            return;
        }
        let factor = 2_u128.checked_pow(self.backoffs).unwrap_or(u128::MAX);
        let window = u128::from(backoff.0).saturating_mul(factor).min(backoff.1.into()) as u64;
        self.backoffs += 1;
        let time = time.max(failure.retry_after().unwrap_or_default());
        let in_window = delay < time.saturating_add(millis(window)) || window == 0 && delay == time;
        let saturated = delay == Duration::MAX;
        assert!(
            !self.retry_known || delay >= time && (in_window || saturated),
            "{delay:?}: {time:?} and {window} ms"
        );
    }

    fn assert_wait(&self, until: Option<Instant>) {
        let within = |since: Instant, timeout: Option<u64>| match (until, timeout) {
            (until, None) => assert_eq!(until, None),
            (None, Some(timeout)) => assert_eq!(self.now.checked_add(millis(timeout)), None),
            (Some(until), Some(timeout)) => {
                assert!(since.checked_add(millis(timeout)).is_some_and(|earliest| until >= earliest));
                assert!(self.now.checked_add(millis(timeout)).is_none_or(|latest| until <= latest));
            }
        };
        match &self.connection {
            Connection::None if self.protocol.ready_state() == ReadyState::Paused => assert_eq!(until, None),
            Connection::None => {
                let reconnection = self.reconnection.as_ref().expect("it waits for nothing");
                assert!(!reconnection.over);
                assert_eq!(until, reconnection.until);
            }
            Connection::Requested { at } => {
                assert!(!self.lost, "it waits for a response on a lost connection");
                within(*at, self.setup.connect_timeout);
            }
            Connection::Refused { at, status, .. } => {
                assert!(!self.lost, "it waits for the body of a {status}");
                within(*at, Some(ERROR_BODY_TIME));
            }
            Connection::Open(open) => {
                assert!(!self.lost, "it waits on a lost connection");
                assert!(open.announced);
                assert_eq!(open.dispatched, open.events.len(), "an event is held back");
                within(open.heard, self.setup.idle_timeout);
            }
        }
    }
}

const ERROR_BODY_TIME: u64 = 5_000;

fn fits_in_a_header(id: &str) -> bool {
    HeaderValue::from_bytes(id.as_bytes()).is_ok() && id.trim_matches([' ', '\t']) == id
}

fn millis(millis: u64) -> Duration {
    if millis == u64::MAX { Duration::MAX } else { Duration::from_millis(millis) }
}

pub(crate) fn setups() -> impl Strategy<Value = Setup> {
    let time = || prop_oneof![8 => 0..1000_u64, 2 => 0..1_000_000_u64, 1 => Just(u64::MAX)];
    let last_event_id = prop_oneof![4 => Just(""), 1 => select(vec!["7", " 7", "é", "\u{1}", "\u{7F}"])];
    let limits = (option::of(0..5_u32), option::of(time()), option::of(time()), time());
    let times = (time(), (time(), time()), (time(), time()), time());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), select(vec![0_usize, 7, 16_384]));
    (any::<u64>(), last_event_id, times, limits, flags).prop_map(|(seed, id, times, limits, flags)| Setup {
        seed,
        last_event_id: id.to_owned(),
        time: times.0,
        bounds: times.1,
        backoff: times.2,
        sustained_uptime: times.3,
        max_attempts: limits.0,
        connect_timeout: limits.1,
        idle_timeout: limits.2,
        max_retry_after: limits.3,
        max_error_body_bytes: flags.3,
        has_jitter: flags.0,
        resends: flags.1,
        has_details: flags.2,
    })
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let status = prop_oneof![
        8 => Just(200_u16),
        4 => select(vec![204_u16, 400, 408, 425, 429, 500, 501, 502, 503, 504, 529]),
        1 => 100..1000_u16,
    ];
    let content_type = prop_oneof![
        8 => Just(b"text/event-stream".to_vec()),
        1 => Just(b"text/plain".to_vec()),
        1 => select(vec![&b"text/plain, text/event-stream;a=\"b, "[..], b"TEXT/event-stream ;", b"a/b,;\"\\"])
            .prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..20),
    ];
    let seconds = (0..100_u64).prop_map(|seconds| seconds.to_string().into_bytes());
    let other = select(vec![
        &b"99999999999999999999999"[..],
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:50:00 GMT",
        b"Sat, 29 Feb 0000 23:59:60 GMT",
        b"Sat, 31 Jan 0000 00:00:00 GMT",
        b"Fri, 31 Dec 9999 23:59:59 GMT",
        b" 7 ",
        b"+7",
        b"",
    ]);
    let other = || prop_oneof![6 => other.clone().prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..40)];
    let retry_after = prop_oneof![3 => Just(None), 1 => seconds.prop_map(Some), 1 => other().prop_map(Some)];
    let response = (status, content_type, retry_after, option::of(other()));
    let response = response.prop_map(|(status, content_type, retry_after, date)| Step::Response {
        status,
        content_type,
        retry_after,
        date,
    });
    let passes = prop_oneof![4 => 0..2000_u64, 1 => 0..2_000_000_u64];
    let step = prop_oneof![
        10 => response,
        10 => stream().prop_map(Step::Chunk),
        3 => Just(Step::End),
        3 => Just(Step::Error),
        12 => (passes, prop_oneof![4 => Just(true), 1 => Just(false)])
            .prop_map(|(passes, told)| Step::Time { passes, told }),
        6 => Just(Step::Pull),
        30 => Just(Step::PullAll),
        3 => option::of(verdicts()).prop_map(Step::Verdict),
        1 => any::<bool>().prop_map(Step::Idempotent),
        2 => Just(Step::Reconnect),
        2 => select(vec!["", "7", " 7", "é", "\u{1}"]).prop_map(|id| Step::ReconnectAfter(id.to_owned())),
        2 => Just(Step::Pause),
        3 => Just(Step::Resume),
        1 => Just(Step::Close),
    ];
    vec(step, 0..100)
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        4 => Just(Verdict::Reconnect),
        2 => (0..5_000_u64).prop_map(|after| Verdict::ReconnectAfter(millis(after))),
        1 => Just(Verdict::Stop),
        1 => Just(Verdict::Fail),
    ]
}
