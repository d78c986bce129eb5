use crate::relay::log::{Entry, Limit};

/// The number of entries to read at a time, so that a page stays within its bytes. It is estimated from the
/// sizes of earlier entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageSize(usize);

impl PageSize {
    pub(super) const fn new() -> Self {
        Self(1)
    }

    /// Returns the amount to read, if the largest entry known has this many bytes.
    pub(super) fn limit(self, greatest: usize) -> Limit {
        let entries = self.0.min(PAGE_BYTES / greatest.max(1)).max(1);
        Limit { entries, bytes: PAGE_BYTES }
    }

    /// For a log that keeps within the bytes of a limit, so that there is nothing to learn.
    pub(super) const fn counted() -> Self {
        Self(MAX_COUNTED_ENTRIES)
    }

    /// Learns from a page: uses as many entries as would have fitted, but at most twice as many as before.
    pub(super) fn learn(&mut self, entries: &[Entry]) {
        if self.0 == MAX_COUNTED_ENTRIES {
            return;
        }
        if let Some(greatest) = entries.iter().map(weight).max() {
            self.0 = (PAGE_BYTES / greatest).clamp(1, (self.0 * 2).min(MAX_PAGE_ENTRIES));
        }
    }
}

/// Returns the approximate size of an entry in memory, in bytes.
pub(super) fn weight(entry: &Entry) -> usize {
    entry.record.as_ref().map_or(0, super::Record::text_len) + OVERHEAD
}

/// The maximum size of a page, in bytes. A page of one entry may be larger.
pub(super) const PAGE_BYTES: usize = 512 * 1024;
/// The maximum number of entries in a page of unknown size, in case large entries follow small ones.
pub(super) const MAX_PAGE_ENTRIES: usize = 64;
/// The maximum number of entries in a page whose sizes are known.
pub(super) const MAX_KNOWN_ENTRIES: usize = 512;
/// The maximum number of entries in a page of a log that counts bytes.
const MAX_COUNTED_ENTRIES: usize = 4_096;
const OVERHEAD: usize = 128;

#[cfg(all(test, not(ssekit_loom)))]
mod tests {
    use super::*;
    use crate::{Event, EventId, relay::Record};

    fn entry(topic: &str, data: usize) -> Entry {
        let record = Record::Event { topic: topic.to_owned(), event: Event::new("x".repeat(data)) };
        Entry { id: EventId::from_static("1"), record: Ok(record) }
    }

    #[test]
    fn a_page_has_as_many_entries_as_fit_and_at_most_twice_as_many_as_the_last_one() {
        let mut size = PageSize(4);
        size.learn(&[entry("a", 10), entry("a", 10)]);
        assert_eq!(size.0, 8);
        size.learn(&[entry("a", 10), entry("a", PAGE_BYTES / 3)]);
        assert_eq!(size.0, 2);
        size.learn(&[entry("a", 2 * PAGE_BYTES)]);
        assert_eq!(size.0, 1);
        assert_eq!(weight(&entry("abc", 1_000)) - weight(&entry("a", 1_000)), 2);
    }
}
