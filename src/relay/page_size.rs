use super::Entry;

/// How many entries to read at a time, so that a page has few enough bytes: what they will have is only known from
/// what they had.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageSize(usize);

impl PageSize {
    pub(super) const fn new() -> Self {
        Self(FIRST)
    }

    pub(super) fn limit(self) -> usize {
        self.0
    }

    /// Learns from a page that was read with this limit.
    pub(super) fn learn(&mut self, entries: &[Entry]) {
        let bytes: usize = entries.iter().map(weight).sum();
        let fitting = entries.len().saturating_mul(BYTES) / bytes.max(1);
        if !entries.is_empty() {
            self.0 = fitting.clamp(1, (self.0 * 2).min(MOST));
        }
    }
}

fn weight(entry: &Entry) -> usize {
    entry.record.as_ref().map_or(0, super::Record::text_len) + OVERHEAD
}

const FIRST: usize = 16;
const MOST: usize = 512;
const BYTES: usize = 512 * 1024;
const OVERHEAD: usize = 128;
