use std::task::Waker;

use crate::{
    base::sync::Arc,
    hub::{
        core::state::State,
        notice::GapReason,
        policies::Start,
        reader::{
            find::find,
            multi_topic::MultiTopic,
            reading::{Cursors, Reader, Step, freshest},
        },
        steering::{Change, Steering},
    },
};

/// Changes of topics while a reader runs.
impl Reader {
    /// Lets handles change its topics from now on. Returns a waker, to be dropped without the lock.
    ///
    /// It reads under the hub's lock from now on, and no longer from a lane: a lane's snapshot may be newer
    /// than a change that it has not applied.
    pub(super) fn steer(&mut self, steering: Arc<Steering>, state: &mut State) -> Option<Waker> {
        self.options.choose().steering = Some(steering);
        // The counter of changes does not tell of a handle's changes, so that the next poll must
        // take the lock.
        self.unpark();
        let seen = self.seen();
        let Cursors::SingleTopic(single) = &mut self.cursors else { return None };
        let cursor = single.cursor(seen, state);
        // Counted twice for a moment, so that the topic stays.
        state.topics.follow(cursor.topic);
        let waker = single.leave(state);
        // Only a reader of several topics can gain and lose some. It begins with its one topic, at
        // the same place.
        self.cursors = Cursors::MultiTopic(Box::new(MultiTopic::new(vec![cursor], state)));
        waker
    }

    /// Returns whether a change waits to be applied.
    #[inline]
    pub(super) fn has_changes(&self) -> bool {
        self.options.steering().is_some_and(Steering::has_changes)
    }

    /// Applies the changes that wait, before the next read. Returns a step if a new topic has lost events
    /// after the client's position: the gap, or the end if a log may hold them.
    #[cold]
    pub(super) fn apply_changes(&mut self, state: &mut State) -> Option<Step> {
        let has_log = self.options.has_log();
        let changes = self.options.steering()?.take_changes();
        let seen = self.seen();
        let Cursors::MultiTopic(multi) = &mut self.cursors else { return None };
        let mut gap = false;
        for change in changes {
            match change {
                Change::Add(mut topics) => {
                    // A topic that it has already goes on where it is; adding it again must not
                    // repeat events.
                    topics.retain(|topic| multi.cursors().iter().all(|cursor| *cursor.name != **topic));
                    // From the stream's own position, so that one last event ID holds for all its
                    // topics.
                    let (cursors, lost) = find(&topics, Start::Now, Some(seen), state);
                    cursors.iter().for_each(|cursor| state.topics.follow(cursor.topic));
                    multi.add(cursors, state);
                    gap |= lost;
                }
                Change::Remove(topics) => {
                    multi.remove(|topic| topics.iter().any(|gone| gone == topic), state)
                }
            }
        }
        match gap {
            false => None,
            // The log may still hold what the hub has evicted, so that the stream goes on there
            // without a gap.
            true if has_log => Some(Step::End(None)),
            true => {
                state.gaps += 1;
                let position = freshest(multi.cursors(), seen, state);
                self.advance(position, Some(position));
                Some(Step::Gap(GapReason::Evicted, state.ids.mark(position)))
            }
        }
    }
}
