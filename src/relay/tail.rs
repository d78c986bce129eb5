use std::{
    convert::Infallible,
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use crate::{
    base::trace::relay as trace,
    event::{id::EventId, value::Event},
    hub::{close::Close, publish_error::PublishError},
    relay::{
        backoff::Backoff,
        generation::Generation,
        log::{AppendError, Entry, Log},
        node::{Core, Node},
        page_size::{PageSize, weight},
        record::Record,
    },
};

/// Reads a [`Log`] into the hub of a [`Relay`](super::Relay), until the relay is closed.
///
/// Each relay is created with one. If it is dropped, or the task that runs it is aborted, the relay's streams
/// end and no new ones begin, because no events would arrive. Publishing still works.
#[must_use = "it does nothing until `run` is spawned"]
pub struct Tail<L: Log> {
    core: Arc<Core<L>>,
    /// The last entry read.
    last: Option<EventId>,
    size: PageSize,
    max_ids: usize,
    on_fault: Option<OnFault<L>>,
}

type OnFault<L> = Box<dyn FnMut(&<L as Log>::Error) + Send>;

/// The reason why the log cannot be followed any further.
enum Broken<E> {
    /// The log cannot be reached.
    Fault(E),
    /// Its entries are not in the order of their IDs.
    Disordered,
    /// The last entry read is gone: the log was trimmed past it, or was replaced.
    Replaced,
}

impl<E: Error> Broken<E> {
    fn report(&self) {
        match self {
            Self::Fault(error) => trace::log_fault(error),
            Self::Disordered => trace::log_replaced("its entries are not in the order of their IDs"),
            Self::Replaced => trace::log_replaced("the last entry that was read is gone"),
        }
    }
}

impl<L: Log> Tail<L> {
    pub(super) fn new(core: Arc<Core<L>>) -> Self {
        let size = if core.log.counts_bytes() { PageSize::counted() } else { PageSize::new() };
        Self { core, last: None, size, max_ids: MAX_IDS, on_fault: None }
    }

    /// Sets how many IDs of the newest entries the node remembers (default: 65,536), at 20 bytes each.
    ///
    /// A client that resumes with one of them is served from the local hub without asking the log, if the hub
    /// holds everything that the client missed. Set at least the number of events that the hub holds. At
    /// least one is remembered.
    pub fn remembered_ids(mut self, ids: usize) -> Self {
        self.max_ids = ids;
        self
    }

    /// Registers a callback for each failure to reach the log.
    ///
    /// It runs on the tail's task, so it should return quickly. If it panics, the log is still followed, and
    /// the callback is called again at the next failure.
    pub fn on_fault(mut self, callback: impl FnMut(&L::Error) + Send + 'static) -> Self {
        self.on_fault = Some(Box::new(callback));
        self
    }

    /// Tails the log until the relay is closed or its last handle is dropped. Spawn it on the runtime.
    ///
    /// It never fails. Faults show in the relay's [statistics](super::Relay::stats). The log is tried again
    /// after a delay that doubles from 50 ms up to 5 s, with jitter.
    pub async fn run(mut self) {
        let core = Arc::clone(&self.core);
        core.node.unless_closed(self.tail()).await;
    }

    async fn tail(&mut self) {
        let mut backoff = Backoff::new();
        loop {
            let Err(broken) = self.follow(&mut backoff).await;
            broken.report();
            if let Broken::Fault(error) = &broken {
                if let Some(on_fault) = &mut self.on_fault {
                    // A panic in the callback must not stop the tail.
                    let _ = catch_unwind(AssertUnwindSafe(|| on_fault(error)));
                }
            } else {
                // The hub holds entries that the log no longer has, or not in this order. Without
                // `last` the next round fills a new hub.
                self.last = None;
            }
            // A log that was replaced answers, and is read again at once. Its streams wait for
            // that.
            if !matches!(broken, Broken::Replaced) {
                self.core.node.lost();
                backoff.wait().await;
            }
        }
    }

    async fn follow(&mut self, backoff: &mut Backoff) -> Result<Infallible, Broken<L::Error>> {
        let core = Arc::clone(&self.core);
        // Taken, so that if filling fails there is no `last`, and the next round fills again.
        let (mut last, generation) = match (self.last.take(), core.node.current()) {
            (Some(last), Some(generation)) => (last, generation),
            _ => self.read_whole_log().await?,
        };
        loop {
            // Set before each read: if that fails, the next round continues after what the hub was
            // fed.
            self.last = Some(last.clone());
            let page = core.log.follow(&last, self.size.limit(0)).await?;
            if !page.held {
                return Err(Broken::Replaced);
            }
            backoff.reset();
            core.node.reached(page.at_end);
            self.size.learn(&page.entries);
            if let Some(newest) = page.entries.last() {
                last = newest.id.clone();
                feed(&core.node, &generation, page.entries).ok_or(Broken::Disordered)?;
                // After the feed, so that those who wake find the entries in the hub.
                core.node.progress.send_modify(|_| {});
            }
        }
    }

    /// Reads the whole log into a new hub, which then replaces the previous one.
    async fn read_whole_log(&mut self) -> Result<(EventId, Arc<Generation>), Broken<L::Error>> {
        let Core { log, node } = &*self.core;
        let generation = Arc::new(Generation::new(node.builder.clone().build(), self.max_ids));
        let mut last: Option<EventId> = None;
        let last = loop {
            let page = log.read(last.as_ref(), self.size.limit(0)).await?;
            // Of the first page, `held` tells whether the log has removed nothing. Of a later one,
            // it tells whether the entry that the page follows is still there.
            if !page.held && last.is_some() {
                return Err(Broken::Replaced);
            }
            if last.is_none() && !page.entries.is_empty() {
                generation.set_whole(page.held);
            }
            // Even at the end of the log, more may have been appended since. Only `follow` can tell
            // that all was read.
            node.reached(false);
            let is_end = page.at_end;
            self.size.learn(&page.entries);
            last = page.entries.last().map(|entry| entry.id.clone()).or(last);
            feed(node, &generation, page.entries).ok_or(Broken::Disordered)?;
            match &last {
                Some(last) if is_end => break last.clone(),
                Some(_) => {}
                // A last entry is needed to detect that the log was replaced, so an empty log gets one.
                None => match log.append(Record::Begin, None).await {
                    Ok(_) | Err(AppendError::Finished) => {}
                    Err(AppendError::Refused(error) | AppendError::Unacknowledged(error)) => {
                        return Err(Broken::Fault(error));
                    }
                },
            }
        };
        let mut before = None;
        node.progress.send_modify(|progress| {
            // A sealed relay keeps the generation that `close` closes. Nobody would close another
            // one.
            if !progress.sealed {
                before = progress.current.replace(Arc::clone(&generation));
            }
        });
        if let Some(before) = before {
            node.resets.fetch_add(1, Ordering::Relaxed);
            trace::log_reset();
            // Only now, when the new generation can be seen: the streams that this wakes ask for it
            // at once.
            before.hub.close(Close::new());
        }
        Ok((last, generation))
    }
}

/// Feeds entries to the hub, with consecutive events of one topic in one call. Returns `None` if they are out
/// of order.
fn feed(node: &Node, generation: &Generation, entries: Vec<Entry>) -> Option<()> {
    let mut last = generation.last().unwrap_or(0);
    let mut run = Run { generation, topic: String::new(), events: Vec::new() };
    let mut noted = Vec::with_capacity(entries.len());
    for entry in entries {
        let size = weight(&entry);
        let Entry { id, record } = entry;
        // An entry that is not newer, or whose ID has no position, is of another log. The caller
        // then gives up this hub, so that it does not matter what it was fed of the page.
        last = node.position(&id).filter(|position| *position > last)?;
        noted.push((last, size));
        node.greatest.fetch_max(size, Ordering::Relaxed);
        match record {
            Ok(Record::Event { topic, event }) if !node.builder.is_reserved(&event) => {
                // Events of one topic in a row are fed under one lock. A run ends where the topic
                // changes, so the order across topics is kept.
                if topic != run.topic {
                    run.end()?;
                    run.topic = topic;
                }
                run.events.push(event.with_id(id));
            }
            Ok(Record::Finish { topic }) => {
                run.end()?;
                generation.hub.finish(&topic);
            }
            Ok(Record::Begin) => {
                run.end()?;
                generation.hub.advance(last);
            }
            Ok(Record::Event { .. }) | Err(_) => {
                trace::invalid_entry(id.as_str());
                node.invalid.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    run.end()?;
    // Entries that are no events move the hub's position as well, so a client can resume after
    // them.
    if !noted.is_empty() {
        generation.hub.advance(last);
    }
    // Noted only once they were fed: a position that is noted promises that the hub has had the
    // entry.
    generation.note(noted);
    Some(())
}

/// Consecutive events of one topic.
struct Run<'a> {
    generation: &'a Generation,
    topic: String,
    events: Vec<Event>,
}

impl Run<'_> {
    fn end(&mut self) -> Option<()> {
        let fed = match &self.events[..] {
            [] => Ok(()),
            events => self.generation.hub.feed(&self.topic, events),
        };
        self.events.clear();
        // A closed hub takes no more events, and has no readers.
        matches!(fed, Ok(()) | Err(PublishError::Closed)).then_some(())
    }
}

const MAX_IDS: usize = 1 << 16;

impl<E> From<E> for Broken<E> {
    fn from(error: E) -> Self {
        Self::Fault(error)
    }
}

impl<L: Log> Drop for Tail<L> {
    fn drop(&mut self) {
        self.core.node.abandon();
    }
}

impl<L: Log + fmt::Debug> fmt::Debug for Tail<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("log", &self.core.log).field("last", &self.last).finish_non_exhaustive()
    }
}
