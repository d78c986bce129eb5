use crate::{
    history::position::Position,
    hub::{core::state::State, policies::Start, reader::cursor::Cursor},
};

/// Opens the topics and finds the start in each. Also returns whether one of them has a gap.
pub(crate) fn find(
    topics: &[String],
    start: Start,
    after: Option<Position>,
    state: &mut State,
) -> (Vec<Cursor>, bool) {
    let mut gap = after.is_some_and(|position| state.ids.is_before_known(position));
    let mut cursors = Vec::with_capacity(topics.len());
    for name in topics {
        let key = state.topics.open(name);
        let topic = state.topics.get(key);
        // Several positions are the same place. Using one for all lets readers share what was read there.
        let (oldest, newest) = (topic.log.evicted(), topic.log.last());
        let after = match (after, start) {
            (Some(position), _) => {
                // Something after the client's position was evicted. At `oldest` itself nothing is
                // missing.
                gap |= position < oldest;
                position.clamp(oldest, newest)
            }
            (None, Start::Now) => newest,
            (None, Start::Oldest) => {
                gap |= topic.has_lost();
                oldest
            }
        };
        cursors.push(Cursor { topic: key, name: topic.name.clone(), after });
    }
    (cursors, gap)
}
