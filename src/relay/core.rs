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

/// What a relay, its tail and its subscriptions have in common.
#[derive(Debug)]
pub(super) struct Core<L> {
    pub(super) log: L,
    pub(super) node: Node,
}

/// The part that does not depend on the kind of log.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) order: Arc<dyn IdOrder>,
    /// Makes the hub of each generation.
    pub(super) builder: HubBuilder,
    pub(super) progress: watch::Sender<Progress>,
    link: Mutex<Link>,
    /// Bounds the pages that are in memory at a time.
    budget: Budget,
    /// Bounds how many IDs are looked up at a time. They are apart from the pages, so that clients with IDs that
    /// nobody was given do not hold up those that are being served.
    lookups: Semaphore,
    oldest: Oldest,
    /// The greatest entry that was read so far, in bytes.
    pub(super) greatest: AtomicUsize,
    pub(super) paging: AtomicUsize,
    pub(super) paged: AtomicU64,
    pub(super) invalid: AtomicU64,
    pub(super) failed_publishes: AtomicU64,
    pub(super) resets: AtomicU64,
}

/// How far the tail is. Whoever waits for it is woken whenever it has read on.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// `None` until the log has been read for the first time.
    pub(super) current: Option<Arc<Generation>>,
    /// Whether no other generation is to come, since the relay is about to close.
    pub(super) sealed: bool,
    /// Whether all streams are to end: the relay is closed, or its tail has gone.
    pub(super) closed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) connected: bool,
    pub(super) reconnects: u64,
    faulty: bool,
    /// Since when the hub is known to be behind the log, or may be.
    behind: Option<Instant>,
}

/// Reading a log, whatever its kind.
pub(super) trait Pages: Send + Sync {
    fn node(&self) -> &Node;

    /// Reads a page, again and again until the log can be reached. `None` if the relay is closed before.
    fn page(self: Arc<Self>, after: Option<EventId>, limit: Limit) -> PageFuture;
}

/// A page, and its share of what all may have together.
#[derive(Debug)]
pub(super) struct HeldPage {
    pub(super) page: Page,
    pub(super) share: Option<Share>,
}

pub(super) type PageFuture = Pin<Box<dyn Future<Output = Option<HeldPage>> + Send>>;

impl<L: Log> Core<L> {
    pub(super) fn new(log: L, builder: HubBuilder) -> Self {
        let order: Arc<dyn IdOrder> = Arc::new(log.order());
        let builder = builder.with_ids(Ids::ordered(SharedOrder(Arc::clone(&order))));
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

    /// Reads a page once, when there is room for it.
    async fn try_page(&self, after: Option<&EventId>, limit: Limit) -> Result<HeldPage, L::Error> {
        let greatest = self.node.greatest.load(Ordering::Relaxed);
        // The entry after which it is read comes along, to show that it is there.
        let expected = PAGE_BYTES.max(greatest).saturating_add(greatest);
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

    /// Returns whether the log has let go of nothing, and its oldest entry without the texts of its event.
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
                        Err(_) => backoff.wait().await,
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

    /// Closes the current generation, and all that follows the log.
    pub(super) fn close(&self, close: Close) {
        let mut current = None;
        self.progress.send_if_modified(|progress| {
            progress.sealed = true;
            let empty = || Arc::new(Generation::new(self.builder.clone().build(), 1));
            current = Some(Arc::clone(progress.current.get_or_insert_with(empty)));
            false
        });
        if let Some(current) = current {
            current.hub.close(close);
        }
        self.progress.send_modify(|progress| progress.closed = true);
    }

    /// Ends all streams, and lets no more begin, since nothing reads the log any more. Publishing goes on.
    pub(super) fn abandon(&self) {
        self.lost();
        self.progress.send_modify(|progress| progress.closed = true);
        if let Some(current) = self.current() {
            current.hub.close(Close::new());
        }
    }

    /// Returns whether streams can begin no more.
    pub(super) fn is_closed(&self) -> bool {
        self.progress.borrow().closed
    }

    pub(super) fn position(&self, id: &EventId) -> Option<Position> {
        self.order.position(id.as_str())
    }

    pub(super) fn id(&self, position: Position) -> EventId {
        self.order.id(position)
    }

    /// Waits for a future, but no longer than until the relay is closed.
    pub(super) async fn unless_closed<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut progress = self.progress.subscribe();
        let (mut future, mut closed) = (pin!(future), pin!(progress.wait_for(|progress| progress.closed)));
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => closed.as_mut().poll(cx).map(|_| None),
        })
        .await
    }

    /// Notes that the log has answered, and whether the hub has all that it holds.
    pub(super) fn reached(&self, all: bool) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.reconnects += u64::from(std::mem::replace(&mut link.faulty, false));
        link.connected = true;
        if all {
            link.behind = None;
        } else {
            link.behind.get_or_insert_with(Instant::now);
        }
    }

    /// Notes that the log does not answer, or is no longer tailed.
    pub(super) fn lost(&self) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.connected = false;
        link.faulty = true;
        link.behind.get_or_insert_with(Instant::now);
    }

    /// Tells whether the log is being tailed, how often it was reached again, and how far the hub is behind.
    pub(super) fn link(&self) -> (bool, u64, Duration) {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        (link.connected, link.reconnects, link.behind.map_or(Duration::ZERO, |since| since.elapsed()))
    }
}

/// One order, used by many.
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
