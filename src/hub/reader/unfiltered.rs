use bytes::Bytes;

use crate::{
    history::{beside::Beside, position::Position, run::Run},
    hub::{
        core::{name::Name, topic_state::TopicState},
        event_info::EventInfo,
    },
};

/// A piece that has not been filtered.
pub(crate) struct Unfiltered {
    topic: Name,
    pub(crate) bytes: Bytes,
    /// The offset at which each event ends.
    ends: Vec<usize>,
    /// The key and label of each event, or nothing if no event has any.
    beside: Vec<Option<Beside>>,
    /// The position of its last event.
    pub(crate) last: Position,
}

impl Unfiltered {
    /// Takes the run of a topic that was just read from its history.
    pub(crate) fn new(topic: &TopicState, run: Run) -> Self {
        let (ends, beside) = topic.log.parts(&run);
        Self { topic: Name::clone(&topic.name), bytes: run.bytes, ends, beside, last: run.last }
    }

    /// Calls a function with each event, and the offsets at which its text starts and ends.
    pub(crate) fn each(&self, mut call: impl FnMut(&EventInfo<'_>, usize, usize)) {
        let mut start = 0;
        for (at, end) in self.ends.iter().copied().enumerate() {
            let beside = self.beside.get(at).and_then(Option::as_ref);
            let (key, label) = (beside.and_then(Beside::key), beside.and_then(Beside::label));
            call(&EventInfo::new(&self.topic, &self.bytes[start..end], key, label), start, end);
            start = end;
        }
    }
}
