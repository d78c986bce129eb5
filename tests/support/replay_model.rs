//! The replay buffer as a plain list.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*};
use ssekit::{
    Bounds, Event, EventId, ReplayBuffer,
    replay::{Events, IdError, Ids, PushError, Replay},
};

use super::{clock::Clock, numbers::Numbers};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Own,
    Ordered { after: Option<u64> },
    Unordered,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// With so much data, an ID that is chosen by the number if it is the application's, and a key, or its removal.
    Push {
        data: usize,
        id: u64,
        key: Option<(u8, bool)>,
    },
    After {
        id: u64,
        read: usize,
    },
    All {
        read: usize,
    },
    Advance(u64),
    Expire,
}

/// The buffer as a plain list.
struct Model {
    kind: Kind,
    events: usize,
    bytes: usize,
    age: Option<Duration>,
    now: Duration,
    all: Vec<Pushed>,
    /// Those that are held: neither superseded nor evicted.
    held: Vec<usize>,
    /// Up to where some were held when a bound evicted them.
    evicted: usize,
}

struct Pushed {
    id: String,
    wire: String,
    key: Option<u8>,
    at: Duration,
}

#[derive(Debug, PartialEq)]
enum Answer {
    After(String),
    Evicted(String),
    Unknown,
}

impl Model {
    fn cost(&self) -> usize {
        let cost = |event: &Pushed| event.wire.len() + Bounds::EVENT_OVERHEAD + event.key.map_or(0, key_cost);
        self.held.iter().map(|event| cost(&self.all[*event])).sum()
    }

    fn text(&self, from: usize) -> String {
        let held = self.held.iter().filter(|event| **event >= from);
        held.map(|event| &*self.all[*event].wire).collect()
    }

    fn refusal(&self, id: Option<u64>, data: usize, key: Option<u8>) -> Option<PushError> {
        if matches!(self.kind, Kind::Unordered) && key.is_some() {
            return Some(PushError::Id(IdError::KeyUnordered));
        }
        let room = id.map_or("0123456789ab-".len() + 20, |id| id.to_string().len());
        let len = "id: \ndata: \n\n".len() + room + data + Bounds::EVENT_OVERHEAD + key.map_or(0, key_cost);
        if len > self.bytes {
            return Some(PushError::TooLarge { len, max: self.bytes });
        }
        let id = id?.to_string();
        let error = match self.kind {
            Kind::Own => return None,
            Kind::Ordered { after } => {
                let head = self.all.last().map_or(after.unwrap_or(0), |last| last.id.parse().unwrap());
                (id.parse::<u64>().unwrap() <= head).then_some(IdError::NotAfter)
            }
            Kind::Unordered => {
                let held = self.held.iter().any(|event| self.all[*event].id == id);
                held.then_some(IdError::Duplicate)
            }
        };
        error.map(PushError::Id)
    }

    fn push(&mut self, id: &EventId, data: &str, key: Option<u8>) {
        let wire = format!("id: {id}\ndata: {data}\n\n");
        // What is superseded is no gap.
        self.held.retain(|event| key.is_none() || self.all[*event].key != key);
        self.held.push(self.all.len());
        self.all.push(Pushed { id: id.to_string(), wire, key, at: self.now });
        while self.held.len() > self.events || self.cost() > self.bytes {
            self.evict();
        }
        self.expire();
    }

    fn evict(&mut self) {
        self.evicted = self.held.remove(0) + 1;
    }

    fn expire(&mut self) {
        let Some(age) = self.age else { return };
        while self.held.first().is_some_and(|oldest| self.now - self.all[*oldest].at >= age) {
            self.evict();
        }
    }

    fn after(&mut self, id: &str) -> Answer {
        self.expire();
        let seen = match self.kind {
            Kind::Own => self.all.iter().position(|event| event.id == id).map(|seen| seen + 1),
            Kind::Unordered => {
                let newest = self.all.len().saturating_sub(1);
                let findable = self.evicted.min(newest)..self.all.len();
                findable.into_iter().rfind(|event| self.all[*event].id == id).map(|seen| seen + 1)
            }
            Kind::Ordered { after } => {
                let number = |event: &Pushed| event.id.parse::<u64>().unwrap();
                let head = self.all.last().map(number).or(after);
                let id = id.parse().ok().filter(|id| head.is_some_and(|head| *id <= head));
                let Some(id) = id else { return Answer::Unknown };
                let known = after.or(self.all.first().map(number)).unwrap();
                let seen = self.all.iter().filter(|event| number(event) <= id).count();
                if id < known {
                    return Answer::Evicted(self.text(seen));
                }
                Some(seen)
            }
        };
        match seen {
            None => Answer::Unknown,
            Some(seen) if seen < self.evicted => Answer::Evicted(self.text(seen)),
            Some(seen) => Answer::After(self.text(seen)),
        }
    }
}

/// Does all of that to a buffer and to the list.
///
/// Panics at the first answer of the one that is not the other's.
pub(crate) fn run(kind: Kind, bounds: (usize, usize, Option<u64>), steps: impl IntoIterator<Item = Step>) {
    let (events, bytes, age) = bounds;
    let age = age.map(Duration::from_secs);
    let mut given = Bounds::events(events).with_bytes(bytes);
    if let Some(age) = age {
        given = given.with_age(age);
    }
    let ids = match kind {
        Kind::Own => Ids::generated(),
        Kind::Ordered { after: None } => Ids::ordered(Numbers),
        Kind::Ordered { after: Some(after) } => Ids::ordered(Numbers).after(after.into()),
        Kind::Unordered => Ids::unordered(),
    };
    let clock = Clock::new();
    let mut buffer = ReplayBuffer::with_ids(given, ids).clock(clock.now());
    let mut model = Model {
        kind,
        events,
        bytes,
        age,
        now: Duration::ZERO,
        all: Vec::new(),
        held: Vec::new(),
        evicted: 0,
    };
    let mut number = 0;
    let start = buffer.latest();

    for step in steps {
        match step {
            Step::Push { data, id, key } => {
                let mut event = Event::new("x".repeat(data));
                if let Some((key, removed)) = key {
                    let key = key_text(key);
                    event = if removed { event.with_removed_key(key) } else { event.with_key(key) };
                }
                let key = key.map(|(key, _)| key);
                let id = match kind {
                    Kind::Own => None,
                    Kind::Unordered => Some(id),
                    // One that does not grow now and then.
                    Kind::Ordered { .. } => Some(number + id),
                };
                if let Some(id) = id {
                    event = event.with_id(id);
                }
                let refusal = model.refusal(id, data, key);
                let pushed = buffer.push(&event);
                assert_eq!(pushed.as_ref().err().copied(), refusal);
                if let Ok(pushed) = pushed {
                    if let Some(id) = id {
                        assert_eq!(pushed.as_str(), id.to_string());
                        number = id;
                    }
                    model.push(&pushed, &"x".repeat(data), key);
                }
            }
            Step::After { id, read } => {
                let id = match (kind, id % 8, &start) {
                    (Kind::Own, 0, Some(start)) => start.to_string(),
                    (Kind::Own, 1, _) => "ahead-1".to_owned(),
                    (Kind::Own, 2, _) => ReplayBuffer::new(given).latest().unwrap().to_string(),
                    (_, 3, _) => "nonsense".to_owned(),
                    (Kind::Ordered { .. }, ..) => (id / 8 % (number + 3)).to_string(),
                    _ if model.all.is_empty() => "none".to_owned(),
                    _ => model.all[(id / 8) as usize % model.all.len()].id.clone(),
                };
                let expected = match &start {
                    Some(start) if matches!(kind, Kind::Own) && start == id.as_str() => {
                        model.expire();
                        let all = model.text(0);
                        if model.evicted > 0 { Answer::Evicted(all) } else { Answer::After(all) }
                    }
                    _ => model.after(&id),
                };
                let answer = match buffer.after(&id.as_str().try_into().unwrap()) {
                    Replay::After(events) => text(events, read).map(Answer::After),
                    Replay::Evicted(events) => text(events, read).map(Answer::Evicted),
                    Replay::Unknown => Some(Answer::Unknown),
                };
                if let Some(answer) = answer {
                    assert_eq!(answer, expected);
                }
            }
            Step::All { read } => {
                model.expire();
                if let Some(all) = text(buffer.all(), read) {
                    assert_eq!(all, model.text(0));
                }
            }
            Step::Advance(seconds) => {
                model.now += Duration::from_secs(seconds);
                clock.advance(Duration::from_secs(seconds));
            }
            Step::Expire => {
                model.expire();
                buffer.expire();
            }
        }
        assert_eq!(buffer.len(), model.held.len());
        assert_eq!(buffer.is_empty(), model.held.is_empty());
        assert_eq!(buffer.bytes(), model.cost());
        let oldest = model.held.first().map(|oldest| model.all[*oldest].id.clone());
        assert_eq!(buffer.oldest().map(|id| id.to_string()), oldest);
        if let Some(latest) = model.all.last() {
            assert_eq!(buffer.latest().unwrap().to_string(), &*latest.id);
        }
    }
}

/// Reads some of the events, each item of which is whole events, and then all of them if so many are left.
fn text(mut events: Events<'_>, read: usize) -> Option<String> {
    let mut text = Vec::new();
    for _ in 0..read {
        let before = events.remaining();
        let Some(bytes) = events.next() else { break };
        let count = bytes.windows(2).filter(|pair| pair == b"\n\n").count();
        assert_eq!(before - events.remaining(), count as u64);
        text.extend_from_slice(&bytes);
    }
    (events.remaining() == 0).then(|| String::from_utf8(text).unwrap())
}

/// One of few keys, short and long.
fn key_text(key: u8) -> String {
    "k".repeat(1 + 7 * usize::from(key))
}

fn key_cost(key: u8) -> usize {
    key_text(key).len() + Bounds::KEY_OVERHEAD
}

pub(crate) fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Own),
        Just(Kind::Ordered { after: None }),
        (0..10_u64).prop_map(|after| Kind::Ordered { after: Some(after) }),
        Just(Kind::Unordered),
    ]
}

pub(crate) fn bounds() -> impl Strategy<Value = (usize, usize, Option<u64>)> {
    let events = prop_oneof![1..5_usize, 1..100_usize, Just(usize::MAX)];
    let bytes = prop_oneof![100..2000_usize, 10_000..200_000_usize, Just(usize::MAX)];
    (events, bytes, option::of(0..30_u64))
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let data = prop_oneof![8 => 0..100_usize, 2 => 100..3000_usize, 1 => 10_000..40_000_usize];
    let key = option::of((0..6_u8, prop::bool::weighted(0.2)));
    let read = || prop_oneof![Just(1_usize), Just(usize::MAX)];
    let step = prop_oneof![
        8 => (data, 0..12_u64, key).prop_map(|(data, id, key)| Step::Push { data, id, key }),
        4 => (any::<u64>(), read()).prop_map(|(id, read)| Step::After { id, read }),
        1 => read().prop_map(|read| Step::All { read }),
        1 => (0..20_u64).prop_map(Step::Advance),
        1 => Just(Step::Expire),
    ];
    vec(step, 0..200)
}
