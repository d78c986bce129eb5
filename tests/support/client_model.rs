//! What a client's `Protocol` may do, whatever happens to it.

#[path = "client_inputs.rs"]
mod inputs;
#[path = "client_rules.rs"]
mod rules;

use std::time::{Duration, Instant};

use http::{HeaderValue, StatusCode};
use ssekit::client::{
    Command, DisconnectReason, EventSourceError, Failure, Policy, Protocol, ReadyState, Update, Verdict,
};

use super::twin::{Seen, interpret};

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
        let mut protocol = Protocol::new(setup.seed).policy(policy).after(setup.last_event_id.clone());
        if setup.has_details {
            protocol = protocol.comments().reconnection_times().last_event_ids();
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
        // The default verdict is given only now, so no time was told since.
        let is_given = matches!(&self.awaited, Awaited::Verdict { decided: Some(_), .. });
        let over = is_given && until.is_some_and(|until| self.told_at.is_some_and(|told| told >= until));
        self.reconnection = Some(Reconnection { until, over });
        self.due = over;
        self.awaited = Awaited::Nothing;
    }
}

const ERROR_BODY_TIME: u64 = 5_000;

fn fits_in_a_header(id: &str) -> bool {
    HeaderValue::from_bytes(id.as_bytes()).is_ok() && id.trim_matches([' ', '\t']) == id
}

pub(crate) fn millis(millis: u64) -> Duration {
    if millis == u64::MAX { Duration::MAX } else { Duration::from_millis(millis) }
}
