use std::{collections::BTreeMap, mem};

use crate::history::position::Position;

/// Records of topics without subscribers and history.
///
/// A record stores a randomly keyed hash of the name instead of the name, so that its size does not depend on
/// the name. The chance that two of a million names share one of 2^64 hashes is about one in thirty million;
/// then one topic gets the other's record.
#[derive(Debug)]
pub(crate) struct Records {
    of_open: Kind,
    /// Kept separately, so that no number of open topics makes the hub forget that another one is finished.
    of_finished: Kind,
    /// The maximum number of records of each kind.
    max: usize,
    /// The maximum bytes of all records.
    max_bytes: usize,
    /// For a topic without a record, no event up to this position is known to be held.
    floor: Position,
    /// The newest position when the record of a finished topic was last dropped.
    ended: Option<Position>,
    /// Set once a record was dropped of a topic that had lost events.
    has_forgotten: bool,
}

/// Records in the order of their insertion.
#[derive(Debug, Default)]
struct Kind {
    records: BTreeMap<u64, Kept>,
    order: BTreeMap<u64, u64>,
    inserted: u64,
}

#[derive(Debug)]
struct Kept {
    /// Two words, which need less alignment than a `u128`.
    evicted: [u64; 2],
    /// The order of insertion, and in the lowest bit whether events were lost.
    at_and_lost: u64,
}

/// The record of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The newest position that is no longer held.
    pub(crate) evicted: Position,
    pub(crate) finished: bool,
    /// Some of its events are no longer held.
    pub(crate) lost: bool,
}

impl Records {
    /// The bytes that a record takes, in two trees whose nodes are two thirds full.
    pub(crate) const COST: usize = 96;

    pub(crate) fn new(floor: Position, max: usize, max_bytes: usize) -> Self {
        let [of_open, of_finished] = [Kind::default(), Kind::default()];
        Self { of_open, of_finished, max, max_bytes, floor, ended: None, has_forgotten: false }
    }

    /// Removes and returns the record of a topic that is in use again.
    pub(crate) fn take(&mut self, hash: u64) -> Option<Record> {
        let of_open = self.of_open.remove(hash).map(|kept| kept.record(false));
        of_open.or_else(|| self.of_finished.remove(hash).map(|kept| kept.record(true)))
    }

    pub(crate) fn is_finished(&self, hash: u64) -> bool {
        self.of_finished.records.contains_key(&hash)
    }

    /// Stores a record if it holds more than the defaults for an unknown topic. May drop others for it.
    pub(crate) fn keep(&mut self, hash: u64, record: Record, newest: Position) {
        if record.finished {
            self.of_finished.insert(hash, record);
        } else if record.evicted > self.floor {
            self.of_open.insert(hash, record);
        } else {
            // The record would say no more than the floor does, except that the topic has lost
            // something.
            self.has_forgotten |= record.lost;
        }
        // One record was added, so dropping one suffices.
        if self.of_finished.len() > self.max {
            self.forget_finished(newest);
        }
        if self.of_open.len() > self.max {
            self.forget_open();
        }
        if self.cost() > self.max_bytes && !self.forget_open() {
            self.forget_finished(newest);
        }
    }

    /// Drops the oldest record of an open topic. Returns whether there was one.
    fn forget_open(&mut self) -> bool {
        let Some(forgotten) = self.of_open.pop_first() else { return false };
        // From now on any topic without a record may have lost events up to there.
        self.floor = self.floor.max(forgotten);
        self.has_forgotten = true;
        true
    }

    fn forget_finished(&mut self, newest: Position) {
        if let Some(evicted) = self.of_finished.pop_first() {
            self.floor = self.floor.max(evicted);
            self.has_forgotten = true;
            // An upper bound of the IDs sent to its clients.
            self.ended = Some(newest);
        }
    }

    pub(crate) fn floor(&self) -> Position {
        self.floor
    }

    /// Returns whether an unknown topic may have lost events.
    pub(crate) fn has_forgotten(&self) -> bool {
        self.has_forgotten
    }

    /// Returns whether an unknown topic may have been finished since a client had this position.
    pub(crate) fn may_have_ended_since(&self, position: Position) -> bool {
        self.ended.is_some_and(|ended| position <= ended)
    }

    /// Returns the bytes that all records take.
    pub(crate) fn cost(&self) -> usize {
        (self.of_open.len() + self.of_finished.len()) * Self::COST
    }
}

impl Kind {
    fn insert(&mut self, hash: u64, record: Record) {
        self.inserted += 1;
        let Record { evicted, lost, .. } = record;
        let evicted = [(evicted >> 64) as u64, evicted as u64];
        let kept = Kept { evicted, at_and_lost: self.inserted << 1 | u64::from(lost) };
        if let Some(before) = self.records.insert(hash, kept) {
            // Two names with one hash share a record, of which the newer one counts.
            self.order.remove(&before.at());
        }
        self.order.insert(self.inserted, hash);
    }

    fn remove(&mut self, hash: u64) -> Option<Kept> {
        let kept = self.records.remove(&hash)?;
        self.order.remove(&kept.at());
        Some(kept)
    }

    fn pop_first(&mut self) -> Option<Position> {
        let (_, hash) = self.order.pop_first()?;
        self.records.remove(&hash).map(|kept| kept.position())
    }

    fn len(&self) -> usize {
        self.records.len()
    }
}

impl Kept {
    fn at(&self) -> u64 {
        self.at_and_lost >> 1
    }

    fn record(&self, finished: bool) -> Record {
        Record { evicted: self.position(), finished, lost: self.at_and_lost & 1 == 1 }
    }

    fn position(&self) -> Position {
        let [high, low] = self.evicted;
        Position::from(high) << 64 | Position::from(low)
    }
}

const _: () = assert!(mem::size_of::<Kept>() == 24);

#[cfg(all(test, not(ssekit_loom)))]
mod tests {
    use super::*;

    fn record(evicted: Position, finished: bool) -> Record {
        Record { evicted, finished, lost: evicted % 2 == 1 }
    }

    #[test]
    fn a_record_is_given_back_once() {
        let mut records = Records::new(0, 9, usize::MAX);
        for (hash, kept) in [(1, record(Position::MAX - 5, false)), (2, record(0, true))] {
            records.keep(hash, kept, 9);
            assert_eq!(records.cost(), Records::COST);
            assert_eq!((records.take(hash), records.take(hash)), (Some(kept), None));
        }
        assert_eq!(records.cost(), 0);
    }

    #[test]
    fn the_oldest_of_a_kind_goes_first_and_leaves_a_floor() {
        let mut records = Records::new(0, 2, usize::MAX);
        (1..=3).for_each(|n| records.keep(n, record(Position::from(n), false), 9));
        assert_eq!((records.floor(), records.may_have_ended_since(1)), (1, false));
        assert!(records.has_forgotten());
        (4..=6).for_each(|n| records.keep(n, record(Position::from(n), true), 9));
        assert_eq!((records.floor(), records.may_have_ended_since(9)), (4, true));
        assert!(!records.may_have_ended_since(10));
        assert_eq!((records.take(1), records.take(4)), (None, None));
        assert!([2, 3, 5, 6].iter().all(|hash| records.take(*hash).is_some()));
    }

    #[test]
    fn topics_that_are_not_finished_are_forgotten_first_for_want_of_memory() {
        let mut records = Records::new(0, usize::MAX, 2 * Records::COST);
        records.keep(1, record(1, true), 9);
        (2..=4).for_each(|n| records.keep(n, record(Position::from(n), false), 9));
        assert_eq!((records.floor(), records.ended), (3, None));
        records.keep(5, record(5, true), 9);
        records.keep(6, record(6, true), 9);
        assert_eq!((records.floor(), records.ended), (4, Some(9)));
        assert!(records.take(1).is_none() && records.cost() == 2 * Records::COST);
    }

    #[test]
    fn a_topic_of_which_a_record_would_say_nothing_has_none() {
        let mut records = Records::new(7, 9, usize::MAX);
        records.keep(1, record(6, false), 9);
        assert_eq!((records.take(1), records.cost(), records.has_forgotten()), (None, 0, false));
        // But if it had lost events, any topic without a record may have.
        records.keep(1, record(7, false), 9);
        assert_eq!((records.take(1), records.cost(), records.has_forgotten()), (None, 0, true));
    }
}
