//! What a client's `Machine` may do, whatever happens to it.

use std::time::{Duration, Instant};

use http::{HeaderValue, Response, StatusCode, response::Parts};
use proptest::{collection::vec, option, prelude::*, sample::select};
use ssekit::client::{
    Change, Command, EventSourceError, Machine, Policy, ReadyState, Reason, TransportError,
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
    /// So much time passes, which the machine is told or not.
    Time {
        passes: u64,
        told: bool,
    },
    /// One command is pulled.
    Pull,
    /// Commands are pulled until there is nothing to do now.
    PullAll,
    Close,
}

/// A machine, and what is known of it.
struct Watched {
    setup: Setup,
    machine: Machine,
    now: Instant,
    connection: Connection,
    /// What was handed in since the connection was lost, or the machine closed, is ignored.
    lost: bool,
    /// Whether the machine may have noticed a silence: if not all was decoded that might hide one.
    may_be_lost: bool,
    /// Whether the last command was a change, so that the time until the next one is the application's.
    delivered: bool,
    closed: bool,
    failed: bool,
    finished: bool,
    attempts: u32,
    retry: Option<Duration>,
    reconnection: Option<Reconnection>,
    /// When the response came that leads to the next reconnection, if one does, and what it asks for.
    asked: Option<Asked>,
    disconnected_at: Option<Instant>,
    /// When the machine was last told the time since then, or since that response.
    told_at: Option<Instant>,
}

struct Asked {
    at: Instant,
    /// `None` if that cannot be said.
    to_wait: Option<Duration>,
}

struct Reconnection {
    until: Option<Instant>,
    /// Whether the machine was told that it is over.
    over: bool,
}

enum Connection {
    None,
    Requested { at: Instant },
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

/// Does all of that to a machine.
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
            .with_max_retry_after(millis(setup.max_retry_after));
        let machine =
            Machine::new(setup.seed).with_policy(policy).with_last_event_id(setup.last_event_id.clone());
        Self {
            setup,
            machine,
            now: Instant::now(),
            connection: Connection::None,
            lost: false,
            may_be_lost: false,
            delivered: false,
            closed: false,
            failed: false,
            finished: false,
            attempts: 0,
            retry: None,
            reconnection: None,
            asked: None,
            disconnected_at: None,
            told_at: None,
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
            Step::Chunk(bytes) => {
                if let (Connection::Open(open), false) = (&mut self.connection, self.lost) {
                    open.take(&bytes);
                    if !bytes.is_empty() {
                        (open.heard, open.decoded) = (self.now, false);
                    }
                }
                self.machine.handle_chunk(bytes.into(), self.now);
            }
            Step::End => {
                self.machine.handle_end();
                self.lost = true;
            }
            Step::Error => {
                self.machine.handle_error(TransportError::new("broken"));
                self.lost = true;
            }
            Step::Time { passes, told } => {
                self.now += millis(passes);
                if told {
                    self.machine.handle_time(self.now);
                    self.told_at = Some(self.now);
                    self.notice_silence();
                    if let Some(reconnection) = &mut self.reconnection {
                        reconnection.over |= reconnection.until.is_some_and(|at| self.now >= at);
                    }
                }
            }
            Step::Pull => {
                self.pull();
            }
            Step::PullAll => self.pull_all(),
            Step::Close => self.close(),
        }
    }

    fn respond(&mut self, response: Parts) {
        let is_ok = response.status == StatusCode::OK;
        let known = match response.headers.get("content-type").map(HeaderValue::as_bytes) {
            Some(b"text/event-stream") => Some(true),
            Some(b"text/plain") | None => Some(false),
            Some(_) => None,
        };
        let retry_after = response.headers.get("retry-after").map(HeaderValue::as_bytes);
        let to_wait = match retry_after {
            None => Some(Duration::ZERO),
            Some(value) if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                let seconds = std::str::from_utf8(value).unwrap().parse().unwrap_or(u64::MAX);
                Some(Duration::from_secs(seconds).min(millis(self.setup.max_retry_after)))
            }
            Some(_) => None,
        };
        let is_temporary = [408, 425, 429, 500, 502, 503, 504].contains(&response.status.as_u16());
        self.machine.handle_response(response, self.now);

        let Connection::Requested { .. } = self.connection else { return };
        if self.lost || self.closed {
            assert_ne!(self.machine.ready_state(), ReadyState::Open, "it opens what is lost");
            return;
        }
        let opens = self.machine.ready_state() == ReadyState::Open;
        assert!(is_ok || !opens);
        assert!(!is_ok || known.is_none_or(|known| known == opens), "the content type is misread");
        if opens {
            self.connection = Connection::Open(Open {
                since: self.now,
                heard: self.now,
                announced: false,
                last_event_id: self.machine.last_event_id().to_owned(),
                stream: Vec::new(),
                decoded: true,
                events: Vec::new(),
                dispatched: 0,
                retry: None,
            });
        } else if is_temporary {
            self.asked = Some(Asked { at: self.now, to_wait });
            self.told_at = None;
            self.lost = true;
        } else {
            self.lost = true;
            assert_eq!(self.machine.ready_state(), ReadyState::Closed);
        }
    }

    fn close(&mut self) {
        // One that has closed by itself may still have to tell why.
        self.closed |= self.machine.ready_state() != ReadyState::Closed;
        self.machine.close();
    }

    fn notice_silence(&mut self) {
        let over = |since: Instant, timeout: Option<u64>| {
            let until = timeout.and_then(|timeout| since.checked_add(millis(timeout)));
            until.is_some_and(|until| self.now >= until)
        };
        match &self.connection {
            Connection::None => {}
            Connection::Requested { at } => self.lost |= over(*at, self.setup.connect_timeout),
            Connection::Open(open) if over(open.heard, self.setup.idle_timeout) => {
                self.lost |= open.decoded;
                self.may_be_lost |= !open.decoded;
            }
            Connection::Open(_) => {}
        }
    }

    fn pull_all(&mut self) {
        // Each byte that was handed in leads to at most one event.
        while self.pull() {}
    }

    /// Pulls one command. Returns whether there may be another one now.
    fn pull(&mut self) -> bool {
        if let (true, Connection::Open(open)) = (self.delivered, &mut self.connection) {
            open.heard = self.now;
        }
        let command = self.machine.next_command(self.now);
        self.delivered = matches!(command, Command::Deliver(_));
        assert!(!self.finished || matches!(command, Command::Finished), "{command:?} after the end");
        if self.closed {
            assert!(matches!(command, Command::Disconnect | Command::Finished), "{command:?} once closed");
        }
        assert!(!self.failed || matches!(command, Command::Finished), "{command:?} after the failure");
        match command {
            Command::Connect(headers) => {
                assert!(matches!(self.connection, Connection::None), "a second connection");
                if let Some(reconnection) = self.reconnection.take() {
                    assert!(reconnection.over, "it does not wait");
                }
                let id = self.machine.last_event_id();
                let value = headers.get("last-event-id").map(HeaderValue::as_bytes);
                assert!(value.is_none_or(|value| value == id.as_bytes() && !value.is_empty()));
                assert!(value.is_some() || id.is_empty() || !fits_in_a_header(id), "{id:?} is withheld");
                self.connection = Connection::Requested { at: self.now };
                (self.lost, self.may_be_lost, self.asked) = (false, false, None);
            }
            Command::Disconnect => {
                if let Connection::Open(open) = &self.connection {
                    // An end that the machine has noticed comes after all that was received.
                    assert!(self.closed || self.may_be_lost || open.dispatched == open.events.len());
                    self.retry = open.retry.or(self.retry);
                    let uptime = self.now.saturating_duration_since(open.since);
                    if uptime >= millis(self.setup.sustained_uptime) {
                        self.attempts = 0;
                    }
                }
                self.connection = Connection::None;
                self.disconnected_at = Some(self.now);
                if self.asked.is_none() {
                    self.told_at = None;
                }
            }
            Command::Deliver(change) => self.told(change),
            Command::Fail(error) => {
                assert!(matches!(self.connection, Connection::None), "it fails with a connection");
                if let EventSourceError::Attempts { attempts, .. } = error {
                    assert_eq!(Some(attempts), self.setup.max_attempts);
                    assert_eq!(attempts, self.attempts);
                }
                self.failed = true;
            }
            Command::Wait(until) => {
                self.assert_wait(until);
                if let Connection::Open(open) = &mut self.connection {
                    (open.decoded, self.may_be_lost) = (true, false);
                }
                return false;
            }
            Command::Finished => {
                self.finished = true;
                assert!(matches!(self.connection, Connection::None), "it is finished with a connection");
                assert_eq!(self.machine.ready_state(), ReadyState::Closed);
                return false;
            }
            other => panic!("{other:?}"),
        }
        true
    }

    fn told(&mut self, change: Change) {
        match (change, &mut self.connection) {
            (Change::Opened(response), Connection::Open(open)) => {
                assert_eq!(response.status, StatusCode::OK);
                assert!(!open.announced, "it opens twice");
                open.announced = true;
            }
            (Change::Event(event), Connection::Open(open)) => {
                assert!(open.announced, "an event before it opens");
                let seen = Seen::Event {
                    event_type: event.event_type().to_owned(),
                    data: event.data().to_owned(),
                    last_event_id: event.last_event_id().to_owned(),
                };
                assert_eq!(Some(&seen), open.events.get(open.dispatched));
                assert_eq!(event.last_event_id(), self.machine.last_event_id());
                open.dispatched += 1;
            }
            (Change::Reconnecting { delay, reason }, Connection::None) => {
                assert!(self.reconnection.is_none());
                self.assert_delay(delay);
                self.attempts += 1;
                let since = match reason {
                    Reason::Status(_) => self.asked.as_ref().unwrap().at,
                    _ => self.disconnected_at.unwrap(),
                };
                let until = since.checked_add(delay);
                let over = until.is_some_and(|until| self.told_at.is_some_and(|told| told >= until));
                self.reconnection = Some(Reconnection { until, over });
            }
            (Change::LastEventIdWithheld(id), Connection::None) => {
                assert!(!fits_in_a_header(&id), "{id:?} is withheld");
            }
            (change, _) => panic!("{change:?} does not fit"),
        }
    }

    fn assert_delay(&self, delay: Duration) {
        let Setup { time, bounds, backoff, max_attempts, .. } = self.setup;
        assert!(max_attempts.is_none_or(|max| self.attempts < max), "one attempt too many");
        let time = self.retry.unwrap_or(millis(time)).max(millis(bounds.0)).min(millis(bounds.1));
        let factor = 2_u128.checked_pow(self.attempts).unwrap_or(u128::MAX);
        let window = u128::from(backoff.0).saturating_mul(factor).min(backoff.1.into()) as u64;
        let (least, most) = match &self.asked {
            None => (time, time),
            Some(Asked { to_wait: Some(asked), .. }) => (time.max(*asked), time.max(*asked)),
            Some(_) => (time, time.max(millis(self.setup.max_retry_after))),
        };
        let in_window = delay < most.saturating_add(millis(window)) || window == 0 && delay == most;
        let saturated = delay == Duration::MAX;
        assert!(
            delay >= least && (in_window || saturated),
            "{delay:?}: {least:?} to {most:?} and {window} ms"
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
            Connection::None => {
                let reconnection = self.reconnection.as_ref().expect("it waits for nothing");
                assert!(!reconnection.over);
                assert_eq!(until, reconnection.until);
            }
            Connection::Requested { at } => {
                assert!(!self.lost, "it waits for a response on a lost connection");
                within(*at, self.setup.connect_timeout);
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
    (any::<u64>(), last_event_id, times, limits).prop_map(|(seed, id, times, limits)| Setup {
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
    })
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let status = prop_oneof![
        8 => Just(200_u16),
        4 => select(vec![204_u16, 408, 425, 429, 500, 502, 503, 504]),
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
        1 => Just(Step::Close),
    ];
    vec(step, 0..100)
}
