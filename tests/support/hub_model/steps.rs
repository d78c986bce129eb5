//! What is done to the hub, in any order.

use std::collections::BTreeSet;

use proptest::{
    collection::{btree_set, vec},
    option,
    prelude::*,
};

pub(crate) const TOPICS: usize = 4;
pub(crate) const CLIENTS: usize = 4;
pub(crate) const LABELS: u8 = 2;

#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) age: Option<u64>,
    pub(crate) max_bytes: usize,
    pub(crate) max_topics: usize,
    /// Whether the IDs are the application's: numbers, of which some are left out.
    pub(crate) ordered: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Publish {
        topic: usize,
        events: Vec<New>,
    },
    Finish {
        topic: usize,
    },
    Remove {
        topic: usize,
    },
    Expire,
    Advance(u64),
    /// A new client takes this one's place.
    Subscribe(usize, Options),
    /// The client is cut, if it has a stream, and comes back with its last event ID.
    Resume(usize),
    /// The same with another ID.
    ResumeFrom(usize, Last),
    Cut(usize),
    Poll {
        client: usize,
        times: usize,
    },
    /// Nothing is sent for so long that a keep-alive is due.
    Silence(usize),
    Close {
        deadline: Option<u64>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct New {
    pub(crate) data: usize,
    pub(crate) typed: bool,
    /// How many numbers are left out before it.
    pub(crate) left_out: u64,
    pub(crate) key: Option<u8>,
    /// Whether it removes its key.
    pub(crate) removal: bool,
    /// Its label, unless it has a key: then the label follows from that.
    pub(crate) label: Option<u8>,
}

impl New {
    /// Returns the label. Events of one key have one, so that a filter gives one answer for all of them. A value that
    /// moves to another label is a removal of one key and a value of another.
    pub(crate) fn label(&self) -> Option<u8> {
        self.key.map(|key| key % LABELS).or(self.label)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) topics: BTreeSet<usize>,
    pub(crate) oldest: bool,
    pub(crate) skip: bool,
    pub(crate) only_typed: bool,
    pub(crate) only_label: Option<u8>,
    pub(crate) lifetime: Option<u64>,
}

/// The last event ID that a client says it has.
#[derive(Clone, Debug)]
pub(crate) enum Last {
    /// The position before all events.
    Start,
    /// One that was published, whatever became of it.
    Published(usize),
    Ahead(u64),
    Foreign,
    NoId,
}

pub(crate) fn setups() -> impl Strategy<Value = Setup> {
    let events = prop_oneof![1..4_usize, 1..20_usize, Just(1000_usize)];
    let bytes = prop_oneof![1 => 150..1000_usize, 3 => Just(1_000_000_usize)];
    let max_bytes = prop_oneof![1 => 600..6000_usize, 2 => Just(usize::MAX)];
    (events, bytes, option::of(1..20_u64), max_bytes, 0..6_usize, any::<bool>()).prop_map(
        |(events, bytes, age, max_bytes, max_topics, ordered)| Setup {
            events,
            bytes,
            age,
            max_bytes,
            max_topics,
            ordered,
        },
    )
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let topic = || prop_oneof![4 => 0..2_usize, 1 => 0..TOPICS];
    let data = prop_oneof![20 => 0..50_usize, 2 => 100..500_usize, 1 => 10_000..40_000_usize];
    let left_out = prop_oneof![3 => Just(0_u64), 1 => 1..5_u64];
    // Few and many keys, and none.
    let key = prop_oneof![2 => Just(None), 2 => (0..4_u8).prop_map(Some), 1 => any::<u8>().prop_map(Some)];
    let label = option::of(0..LABELS);
    let new = (data, any::<bool>(), left_out, key, prop::bool::weighted(0.2), label).prop_map(
        |(data, typed, left_out, key, removal, label)| New { data, typed, left_out, key, removal, label },
    );
    let options = (
        btree_set(topic(), 1..4),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        option::of(0..LABELS),
        prop_oneof![4 => Just(None), 1 => (0..20_u64).prop_map(Some)],
    )
        .prop_map(|(topics, oldest, skip, only_typed, only_label, lifetime)| Options {
            topics,
            oldest,
            skip,
            only_typed,
            only_label,
            lifetime,
        });
    let from = prop_oneof![
        2 => Just(Last::Start),
        6 => any::<usize>().prop_map(Last::Published),
        1 => (0..3_u64).prop_map(Last::Ahead),
        1 => Just(Last::Foreign),
        1 => Just(Last::NoId),
    ];
    let client = || 0..CLIENTS;
    let publish = |topic, events| Step::Publish { topic, events };
    // So many keys that a section is full, and so many changes of them that some are rebuilt.
    let state = (any::<u8>(), 1..120_usize).prop_map(|(seed, keys)| {
        let key = |n: usize| ((n * 7 + usize::from(seed)) % keys) as u8;
        let new = |n| New {
            data: n % 9,
            typed: false,
            left_out: 0,
            key: Some(key(n)),
            removal: n % 13 == 0,
            label: None,
        };
        (0..560).map(new).collect::<Vec<_>>()
    });
    let step = prop_oneof![
        1 => (topic(), state).prop_map(move |(topic, events)| publish(topic, events)),
        60 => (topic(), vec(new.clone(), 1..4)).prop_map(move |(topic, events)| publish(topic, events)),
        1 => (topic(), vec(new.clone(), 66..80)).prop_map(move |(topic, events)| publish(topic, events)),
        // So many that one poll looks only at some of them, and a filter may let none of those through.
        3 => (topic(), vec(new, 66..80)).prop_map(move |(topic, mut events)| {
            let (_, but_the_last) = events.split_last_mut().unwrap();
            but_the_last.iter_mut().for_each(|event| event.typed = false);
            publish(topic, events)
        }),
        2 => topic().prop_map(|topic| Step::Finish { topic }),
        2 => topic().prop_map(|topic| Step::Remove { topic }),
        4 => Just(Step::Expire),
        8 => (0..10_u64).prop_map(Step::Advance),
        16 => (client(), options).prop_map(|(client, options)| Step::Subscribe(client, options)),
        20 => client().prop_map(Step::Resume),
        8 => (client(), from).prop_map(|(client, from)| Step::ResumeFrom(client, from)),
        6 => client().prop_map(Step::Cut),
        50 => (client(), prop_oneof![1..3_usize, Just(1000)])
            .prop_map(|(client, times)| Step::Poll { client, times }),
        20 => client().prop_map(Step::Silence),
        1 => option::of(0..10_u64).prop_map(|deadline| Step::Close { deadline }),
    ];
    vec(step, 0..150)
}
