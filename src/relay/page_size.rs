use crate::relay::log::{Entry, Limit};

/// How many entries to read at a time, so that a page has few enough bytes: what they will have is only known from
/// what others had.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageSize(usize);

impl PageSize {
    pub(super) const fn new() -> Self {
        Self(1)
    }

    /// Returns how much to read, if the greatest entry known has this many bytes.
    pub(super) fn limit(self, greatest: usize) -> Limit {
        let entries = self.0.min(PAGE_BYTES / greatest.max(1)).max(1);
        Limit { entries, bytes: PAGE_BYTES }
    }

    /// Learns from a page: as many as would have fitted, and not more than twice as many as before.
    pub(super) fn learn(&mut self, entries: &[Entry]) {
        if let Some(greatest) = entries.iter().map(weight).max() {
            self.0 = (PAGE_BYTES / greatest).clamp(1, (self.0 * 2).min(MAX_PAGE_ENTRIES));
        }
    }
}

/// Returns about how many bytes an entry takes in memory.
pub(super) fn weight(entry: &Entry) -> usize {
    entry.record.as_ref().map_or(0, super::Record::text_len) + OVERHEAD
}

/// How many bytes a page has at most, unless it is one entry.
pub(super) const PAGE_BYTES: usize = 512 * 1024;
/// So that not too many large entries come at once when only small ones were seen before.
pub(super) const MAX_PAGE_ENTRIES: usize = 64;
/// How many entries a page has at most whose sizes are known.
pub(super) const MAX_KNOWN_ENTRIES: usize = 512;
const OVERHEAD: usize = 128;
