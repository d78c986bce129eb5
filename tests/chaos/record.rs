//! What one client saw, and how the events look that it saw.

use serde::Deserialize;

/// A client's own record.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) topics: Vec<u32>,
    /// Whether it asked for the oldest event held when it was new.
    pub(crate) from_oldest: bool,
    pub(crate) seen: Vec<Seen>,
    /// How often it connected again.
    pub(crate) reconnections: usize,
    last_event_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Seen {
    Event {
        id: Id,
        topic: u32,
        sequence: u32,
    },
    /// A notice of where it is.
    Position(Id),
    /// A gap that it was told, and where it is now.
    Gap(Reason, Id),
    /// It was stopped with 204, be it by the hub that it began with or by a later one.
    End {
        hub_was_replaced: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reason {
    Evicted,
    Unknown,
}

/// An event ID of a hub that makes them itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Id {
    pub(crate) epoch: u64,
    pub(crate) number: u64,
}

impl Record {
    pub(crate) fn new(topics: Vec<u32>, from_oldest: bool) -> Self {
        Self { topics, from_oldest, seen: Vec::new(), reconnections: 0, last_event_id: String::new() }
    }

    /// Returns the path of its stream.
    pub(crate) fn path(&self) -> String {
        let topics: Vec<_> = self.topics.iter().map(|topic| format!("topic={topic}")).collect();
        let start = if self.from_oldest { "oldest" } else { "now" };
        format!("/events?{}&from={start}", topics.join("&"))
    }

    /// Returns the ID with which it comes back; an empty one for a new client.
    pub(crate) fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// Takes down an event, be it the application's or a notice.
    pub(crate) fn note(&mut self, event_type: &str, data: &str, last_event_id: &str) {
        let id = Id::parse(last_event_id).expect("one of the hub's IDs");
        last_event_id.clone_into(&mut self.last_event_id);
        self.seen.push(match event_type {
            "position" => {
                assert_eq!(data, "");
                Seen::Position(id)
            }
            "reset" => {
                #[derive(Deserialize)]
                struct Reset {
                    reason: Reason,
                }
                Seen::Gap(serde_json::from_str::<Reset>(data).unwrap().reason, id)
            }
            "message" => {
                let (topic, sequence) = numbers_in(data);
                assert_eq!(data, self::data(topic, sequence), "an event is damaged");
                Seen::Event { id, topic, sequence }
            }
            other => panic!("an event of the type {other}"),
        });
    }

    /// Returns where it is.
    pub(crate) fn position(&self) -> Option<Id> {
        self.seen.iter().rev().find_map(|seen| match seen {
            Seen::Event { id, .. } | Seen::Position(id) | Seen::Gap(_, id) => Some(*id),
            Seen::End { .. } => None,
        })
    }

    pub(crate) fn events(&self) -> usize {
        self.count(|seen| matches!(seen, Seen::Event { .. }))
    }

    pub(crate) fn gaps(&self, reason: Reason) -> usize {
        self.count(|seen| matches!(seen, Seen::Gap(told, _) if *told == reason))
    }

    pub(crate) fn ends(&self) -> usize {
        self.count(|seen| matches!(seen, Seen::End { .. }))
    }

    fn count(&self, is_counted: impl Fn(&Seen) -> bool) -> usize {
        self.seen.iter().filter(|seen| is_counted(seen)).count()
    }
}

impl Id {
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (epoch, number) = id.split_once('-')?;
        Some(Self { epoch: u64::from_str_radix(epoch, 16).ok()?, number: number.parse().ok()? })
    }
}

/// Returns the data of an event: its topic, its own number, and text that both decide.
///
/// The text has what a wrong encoder or decoder stumbles at: spaces at the ends of lines, empty lines, colons,
/// characters of several bytes. One in twenty is long.
pub(crate) fn data(topic: u32, sequence: u32) -> String {
    let mut data = format!("{topic} {sequence}");
    let lines = if sequence % 20 == 0 { 60 } else { sequence % 5 };
    for line in 0..lines {
        data += ["\n data: \u{e9}\u{20ac}\u{1f600} ", "\n", "\n:", "\nid: 7", "\nretry: 1 and so on"]
            [((sequence + line) % 5) as usize];
    }
    data
}

fn numbers_in(data: &str) -> (u32, u32) {
    let line = data.lines().next().expect("an event without data");
    let (topic, sequence) = line.split_once(' ').unwrap();
    (topic.parse().unwrap(), sequence.parse().unwrap())
}
