use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds the bytes of pages in memory, over all subscribers.
#[derive(Debug)]
pub(super) struct Budget(Arc<Semaphore>);

/// A share of the budget, returned when it is dropped.
#[derive(Debug)]
pub(super) struct Share(OwnedSemaphorePermit);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(BYTES / UNIT)))
    }

    /// Waits for a share of the expected size of a page. A single page may take the whole budget.
    pub(super) async fn share(&self, bytes: usize) -> Option<Share> {
        let permit = Arc::clone(&self.0).acquire_many_owned(units(bytes)).await;
        // The semaphore is never closed.
        permit.ok().map(Share)
    }
}

impl Share {
    /// Adjusts the share to the actual size of the page.
    ///
    /// If the page is larger than expected, takes more only if it is available. Waiting while holding a page
    /// could deadlock with others that do the same.
    pub(super) fn settle(&mut self, bytes: usize) {
        let (held, wanted) = (self.0.num_permits(), units(bytes) as usize);
        if wanted < held {
            drop(self.0.split(held - wanted));
        } else if let Ok(more) = Arc::clone(self.0.semaphore()).try_acquire_many_owned((wanted - held) as u32)
        {
            self.0.merge(more);
        }
    }
}

fn units(bytes: usize) -> u32 {
    bytes.div_ceil(UNIT).clamp(1, BYTES / UNIT) as u32
}

/// The bytes that all pages together may take. A page has about half a megabyte, or one entry.
const BYTES: usize = 16 << 20;
const UNIT: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_share_is_what_the_page_has_and_comes_back_when_it_goes() {
        let budget = Budget::new();
        let all = budget.0.available_permits();
        let mut share = budget.share(10 * UNIT).await.unwrap();
        share.settle(3 * UNIT);
        assert_eq!(budget.0.available_permits(), all - 3);
        share.settle(7 * UNIT);
        assert_eq!(budget.0.available_permits(), all - 7);
        // More than is left: it stays as it is.
        let other = budget.share(UNIT).await.unwrap();
        share.settle(usize::MAX);
        assert_eq!(budget.0.available_permits(), all - 8);
        drop((share, other));
        let whole = budget.share(usize::MAX).await.unwrap();
        assert_eq!(budget.0.available_permits(), 0);
        drop(whole);
        assert_eq!(budget.0.available_permits(), all);
    }
}
