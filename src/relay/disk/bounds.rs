use std::time::Duration;

use crate::relay::disk::{index::Index, segment::Segment};

/// How much history a log keeps.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) max_events: u64,
    pub(super) max_bytes: u64,
    pub(super) max_age: Option<Duration>,
}

impl Bounds {
    /// Returns whether an entry or a batch must begin a new file. A file holds up to an eighth of the bounds.
    pub(super) fn is_full(&self, last: &Segment, coming: u64, now: u64) -> bool {
        // An empty segment is never full, or an entry larger than its share would begin one after
        // another.
        let Some((first_time, _)) = last.times else { return false };
        last.bytes.saturating_add(coming) > self.max_bytes / PARTS
            || last.entries() >= (self.max_events / PARTS).max(1)
            || self.max_age.is_some_and(|age| now.saturating_sub(first_time) > millis(age / PARTS as u32))
    }

    /// Returns whether the bounds allow or require removing the oldest file.
    pub(super) fn lets_go_of_oldest(&self, index: &Index, coming: u64, now: u64) -> bool {
        // The last one stays, because entries are appended to it.
        let Some(oldest) = index.segments.front().filter(|_| index.segments.len() > 1) else { return false };
        let oldest_age = oldest.times.map_or(u64::MAX, |(_, last)| now.saturating_sub(last));
        index.bytes().saturating_add(coming) > self.max_bytes
            // A segment goes as a whole, so only once the others hold enough without it.
            || index.next() - index.first() - oldest.entries() >= self.max_events
            || self.max_age.is_some_and(|age| oldest_age > millis(age))
    }
}

const PARTS: u64 = 8;

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
