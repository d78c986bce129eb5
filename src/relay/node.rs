use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

use crate::{
    base::trace::relay::log_fault,
    event::id::EventId,
    history::{
        ids::{IdOrder, Ids},
        position::Position,
    },
    hub::{builder::HubBuilder, close::Close},
    relay::{
        backoff::Backoff,
        budget::{Budget, Share},
        generation::Generation,
        log::{Entry, Limit, Log, Page},
        oldest::Oldest,
        page_size::{PAGE_BYTES, weight},
    },
};

/// State shared by a relay, its tail and its subscriptions.
#[derive(Debug)]
pub(super) struct Core<L> {
    pub(super) log: L,
    pub(super) node: Node,
}

/// The part that does not depend on the type of the log.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) order: Arc<dyn IdOrder>,
    /// Creates the hub of each generation.
    pub(super) builder: HubBuilder,
    pub(super) progress: watch::Sender<Progress>,
    link: Mutex<Link>,
    /// Bounds the pages in memory.
    budget: Budget,
    /// Bounds the concurrent look-ups of IDs. It is separate from the pages, so that clients with invented
    /// IDs do not delay those that are being served.
    lookups: Semaphore,
    oldest: Oldest,
    /// The size of the largest entry read so far, in bytes.
    pub(super) greatest: AtomicUsize,
    pub(super) paging: AtomicUsize,
    pub(super) paged: AtomicU64,
    pub(super) invalid: AtomicU64,
    pub(super) failed_publishes: AtomicU64,
    pub(super) resets: AtomicU64,
}

/// The progress of the tail. Waiters are woken whenever it has read more.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// `None` until the log has been read for the first time.
    pub(super) current: Option<Arc<Generation>>,
    /// No further generation will follow, because the relay is about to close.
    pub(super) sealed: bool,
    /// All streams end: the relay is closed, or its tail is gone.
    pub(super) closed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) connected: bool,
    pub(super) reconnects: u64,
    faulty: bool,
    /// The time since which the hub is or may be behind the log.
    behind: Option<Instant>,
}

/// Reads a log, whatever its type.
pub(super) trait Pages: Send + Sync {
    fn node(&self) -> &Node;

    /// Reads a page, retrying until the log can be reached. Returns `None` if the relay is closed first.
    fn page(self: Arc<Self>, after: Option<EventId>, limit: Limit) -> PageFuture;
}

/// A page, and its share of the memory for pages.
#[derive(Debug)]
pub(super) struct HeldPage {
    pub(super) page: Page,
    pub(super) share: Option<Share>,
}

pub(super) type PageFuture = Pin<Box<dyn Future<Output = Option<HeldPage>> + Send>>;

impl<L: Log> Core<L> {
    pub(super) fn new(log: L, builder: HubBuilder) -> Self {
        let order: Arc<dyn IdOrder> = Arc::new(log.order());
        let builder = builder.ids(Ids::ordered(SharedOrder(Arc::clone(&order))));
        Self {
            log,
            node: Node {
                order,
                builder,
                progress: watch::Sender::new(Progress::default()),
                link: Mutex::new(Link { behind: Some(Instant::now()), ..Link::default() }),
                budget: Budget::new(),
                lookups: Semaphore::new(MAX_LOOKUPS),
                oldest: Oldest::default(),
                greatest: AtomicUsize::new(0),
                paging: AtomicUsize::new(0),
                paged: AtomicU64::new(0),
                invalid: AtomicU64::new(0),
                failed_publishes: AtomicU64::new(0),
                resets: AtomicU64::new(0),
            },
        }
    }

    /// Reads a page once, when there is memory for it.
    pub(super) async fn try_page(&self, after: Option<&EventId>, limit: Limit) -> Result<HeldPage, L::Error> {
        let greatest = self.node.greatest.load(Ordering::Relaxed);
        // The log also reads the entry that the page follows, to show that it is still there.
        let expected = PAGE_BYTES.max(greatest).saturating_add(greatest);
        // The share comes before the read, as a page that was read takes memory while it waits.
        let mut share = self.node.budget.share(expected).await;
        let page = self.log.read(after, limit).await?;
        let sizes = page.entries.iter().map(weight);
        self.node.greatest.fetch_max(sizes.clone().max().unwrap_or(0), Ordering::Relaxed);
        if let Some(share) = &mut share {
            share.settle(sizes.sum());
        }
        Ok(HeldPage { page, share })
    }

    /// Returns whether the log holds an entry with this ID.
    pub(super) async fn holds(&self, id: &EventId) -> Result<bool, L::Error> {
        let _permit = self.node.lookups.acquire().await;
        self.log.holds(id).await
    }

    /// Returns whether the log has removed nothing, and its oldest entry without the text of its event.
    pub(super) async fn oldest(&self) -> Result<(bool, Option<Entry>), L::Error> {
        self.node.oldest.get(self.log.read(None, Limit::entries(1))).await
    }
}

impl<L: Log> Pages for Core<L> {
    fn node(&self) -> &Node {
        &self.node
    }

    fn page(self: Arc<Self>, after: Option<EventId>, limit: Limit) -> PageFuture {
        Box::pin(async move {
            let mut backoff = Backoff::new();
            let read = async {
                loop {
                    match self.try_page(after.as_ref(), limit).await {
                        Ok(page) => return page,
                        Err(error) => {
                            log_fault(&error);
                            backoff.wait().await;
                        }
                    }
                }
            };
            self.node.unless_closed(read).await
        })
    }
}

impl Node {
    pub(super) fn current(&self) -> Option<Arc<Generation>> {
        self.progress.borrow().current.clone()
    }

    /// Returns whether the relay is closed, or about to be.
    pub(super) fn is_sealed(&self) -> bool {
        self.progress.borrow().sealed
    }

    /// Closes the current generation, and ends all that follows the log.
    pub(super) fn close(&self, close: Close) {
        let mut current = None;
        self.progress.send_if_modified(|progress| {
            progress.sealed = true;
            // A relay that never reached its log gets an empty hub, which builds its refusals.
            let empty = || Arc::new(Generation::new(self.builder.clone().build(), 1));
            current = Some(Arc::clone(progress.current.get_or_insert_with(empty)));
            false
        });
        // Outside the channel's lock, because closing wakes tasks, and they read the progress.
        if let Some(current) = current {
            current.hub.close(close);
        }
        self.progress.send_modify(|progress| progress.closed = true);
    }

    /// Ends all streams and lets no new ones begin, because nothing reads the log any more. Publishing still
    /// works.
    pub(super) fn abandon(&self) {
        self.lost();
        // Before the hub is closed: a stream that this wakes must find that no generation will
        // follow.
        self.progress.send_modify(|progress| progress.closed = true);
        if let Some(current) = self.current() {
            current.hub.close(Close::new());
        }
    }

    /// Returns whether no new stream can begin.
    pub(super) fn is_closed(&self) -> bool {
        self.progress.borrow().closed
    }

    pub(super) fn position(&self, id: &EventId) -> Option<Position> {
        self.order.position(id.as_str())
    }

    pub(super) fn id(&self, position: Position) -> EventId {
        self.order.id(position)
    }

    /// Waits for a future, but only until the relay is closed.
    pub(super) async fn unless_closed<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut progress = self.progress.subscribe();
        let (mut future, mut closed) = (pin!(future), pin!(progress.wait_for(|progress| progress.closed)));
        poll_fn(|cx| match future.as_mut().poll(cx) {
            // The future first, so that what is ready is not lost to a close at the same time.
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => closed.as_mut().poll(cx).map(|_| None),
        })
        .await
    }

    /// Records that the log has answered, and whether the hub holds all of it.
    pub(super) fn reached(&self, all: bool) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody is woken yet. Those who wait act on `closed`, and by then the hub must be closed.
        link.reconnects += u64::from(std::mem::replace(&mut link.faulty, false));
        link.connected = true;
        if all {
            link.behind = None;
        } else {
            link.behind.get_or_insert_with(Instant::now);
        }
    }

    /// Records that the log does not answer, or is no longer tailed.
    pub(super) fn lost(&self) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.connected = false;
        link.faulty = true;
        link.behind.get_or_insert_with(Instant::now);
    }

    /// Returns whether the log is being tailed, the number of reconnects, and for how long the hub has been
    /// behind.
    pub(super) fn link(&self) -> (bool, u64, Duration) {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        (link.connected, link.reconnects, link.behind.map_or(Duration::ZERO, |since| since.elapsed()))
    }
}

/// An order with several owners.
#[derive(Debug)]
struct SharedOrder(Arc<dyn IdOrder>);

impl IdOrder for SharedOrder {
    fn position(&self, id: &str) -> Option<u128> {
        self.0.position(id)
    }

    fn id(&self, position: u128) -> EventId {
        self.0.id(position)
    }
}

const MAX_LOOKUPS: usize = 4;
