use std::{future::Future, sync::atomic::Ordering};

use bytes::BytesMut;

use crate::{
    event::value::Event,
    history::position::Position,
    hub::{history_page::HistoryPage, notice::GapReason, topic_stats::TopicStats},
    relay::{
        generation::Generation,
        handle::Relay,
        log::{Entry, Limit, Log},
        node::{Core, HeldPage},
        page_size::{MAX_KNOWN_ENTRIES, PAGE_BYTES, PageSize},
        patience::Patience,
        record::Record,
    },
    request::LastEventId,
};

/// A page of the history could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError<E> {
    /// The log could not be read.
    #[error("the log could not be read")]
    Log(#[source] E),
    /// The log did not answer in time, or this node has not read it yet.
    #[error("the log did not answer in time")]
    TimedOut,
    /// The relay is closed, or nothing reads the log for it, because its [`Tail`](super::Tail) is gone.
    #[error("the relay is closed")]
    Closed,
}

impl<L: Log> Relay<L> {
    /// Reads events of a topic as values: up to `limit` of them after a last event ID, or from the oldest
    /// one.
    ///
    /// As [`Topic::history`](crate::hub::Topic::history), but what the local hub does not hold comes from the
    /// log. Pages may come from different nodes. A page from the hub ends with the newest event that this
    /// node has read, which may not yet be one that was published a moment ago.
    ///
    /// One call reads at most 16 pages of the log, of up to half a megabyte or one entry each. If the topic
    /// has few events among many of others, a page may therefore have fewer than `limit` events, or none,
    /// although [more follow](HistoryPage::has_more); its [position](HistoryPage::position) has moved on.
    ///
    /// Of events with a [key](crate::Event::with_key), a page from the hub has the newest, and a page from
    /// the log also superseded ones. That is harmless if you keep the last value of each key, because the
    /// newest event always follows.
    ///
    /// Waits at most 5 seconds for the log, and only until the relay is closed.
    ///
    /// # Errors
    ///
    /// Returns a [`HistoryError`] if the relay is closed, or if it must ask the log and cannot read it. If
    /// some of the log was read before that, returns a page that ends there instead.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # use ssekit::relay::{DiskLog, Relay};
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-history-{}", std::process::id()));
    /// # let log = DiskLog::open(&folder).await?;
    /// use ssekit::{Bounds, Hub};
    ///
    /// // The hub holds one event, and the log all.
    /// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(1)));
    /// tokio::spawn(tail.run());
    /// let first = relay.publish("orders", "two coffees").await?;
    /// relay.publish("orders", "one tea").await?;
    /// relay.publish("orders", "a cake").await?;
    /// # while relay.stats().hub.published < 3 { tokio::task::yield_now().await; }
    /// let page = relay.history("orders", &first, 10).await?;
    /// assert_eq!(page.events()[0].data(), "one tea");
    /// assert!(page.gap().is_none());
    /// # relay.close(ssekit::hub::Close::new());
    /// # drop(relay);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn history(
        &self,
        topic: &str,
        after: impl Into<Option<LastEventId>>,
        limit: usize,
    ) -> Result<HistoryPage, HistoryError<L::Error>> {
        let core = &*self.core;
        if core.node.is_sealed() {
            return Err(HistoryError::Closed);
        }
        let walk = Walk::new(core, topic, after.into(), limit);
        core.node.unless_closed(walk.read()).await.unwrap_or(Err(HistoryError::Closed))
    }

    /// Returns the statistics of a topic as this node knows it: the events that its hub holds, and the
    /// subscriptions to its hub.
    ///
    /// The log may hold more events, and other nodes have subscriptions of their own. Subscriptions of this
    /// node that are served from the log at the moment do not count; see [`Stats::paging`](super::Stats).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # use ssekit::relay::{DiskLog, Relay};
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-topic-{}", std::process::id()));
    /// # let log = DiskLog::open(&folder).await?;
    /// use ssekit::{Bounds, Hub};
    ///
    /// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    /// tokio::spawn(tail.run());
    /// let client = relay.subscribe("orders").await?;
    /// assert_eq!(relay.topic_stats("orders").subscribers, 1);
    /// # drop(client);
    /// # relay.close(ssekit::hub::Close::new());
    /// # drop(relay);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn topic_stats(&self, topic: &str) -> TopicStats {
        self.core.node.current().map(|current| current.hub.topic_stats(topic)).unwrap_or_default()
    }
}

/// A page of the history while it is read: from the local hub if that holds everything that follows, and
/// otherwise from the log, page by page.
struct Walk<'a, L> {
    core: &'a Core<L>,
    topic: &'a str,
    limit: usize,
    patience: Patience,
    page: HistoryPage,
    /// Everything up to this position is in the page, or does not concern it. `None` begins at the oldest
    /// entry.
    at: Option<Position>,
    /// The position after which the page should begin, if the log no longer holds that entry.
    lost: Option<Position>,
    /// Some of the log was read, so `at` has moved.
    moved: bool,
    size: PageSize,
    /// The number of entries to read next. It grows, so that a short page of a busy log is found soon.
    entries: usize,
}

impl<'a, L: Log> Walk<'a, L> {
    fn new(core: &'a Core<L>, topic: &'a str, after: Option<LastEventId>, limit: usize) -> Self {
        let at = after.as_ref().and_then(LastEventId::as_id).and_then(|id| core.node.position(id));
        let unknown = after.is_some() && at.is_none();
        Self {
            core,
            topic,
            limit,
            patience: Patience::new(),
            page: HistoryPage::new(after, unknown.then_some(GapReason::Unknown)),
            at,
            lost: None,
            moved: false,
            size: if core.log.counts_bytes() { PageSize::counted() } else { PageSize::new() },
            entries: limit.saturating_add(1).max(LEAST_ENTRIES),
        }
    }

    async fn read(mut self) -> Result<HistoryPage, HistoryError<L::Error>> {
        let mut progress = self.core.node.progress.subscribe();
        let known = self.patience.within(progress.wait_for(|progress| progress.current.is_some())).await;
        // The sender lives as long as the relay.
        drop(known.ok_or(HistoryError::TimedOut)?);
        for _ in 0..MAX_PAGES {
            match self.step().await {
                Ok(true) => return Ok(self.page),
                Ok(false) => {}
                Err(error) if !self.moved => return Err(error),
                Err(_) => break,
            }
        }
        self.end_at_position(true);
        Ok(self.page)
    }

    /// Reads from the hub or a page of the log. Returns whether the page is complete.
    async fn step(&mut self) -> Result<bool, HistoryError<L::Error>> {
        if let Some(generation) = self.core.node.current() {
            if self.lost.is_none() && self.is_here(&generation).await? {
                let is_whole = generation.is_whole() || self.at.is_some();
                if generation.hub.go_on_with_history(&mut self.page, self.topic, self.at, self.limit) {
                    if !is_whole {
                        self.page.tell(GapReason::Evicted);
                    }
                    return Ok(true);
                }
            }
        }
        let id = self.at.map(|at| self.core.node.id(at));
        let held = self.within(self.core.try_page(id.as_ref(), self.entries())).await?;
        self.entries = self.entries.saturating_mul(2);
        Ok(self.take(held))
    }

    /// Returns whether the hub was fed the entry at the position, in the same state of the log.
    async fn is_here(&self, generation: &Generation) -> Result<bool, HistoryError<L::Error>> {
        let Some(at) = self.at else { return Ok(true) };
        if generation.has_tailed(at) {
            return Ok(true);
        }
        // The log tells, which takes time, so it is asked once, and only if that helps.
        let last = generation.last().filter(|last| !self.moved && at <= *last);
        let Some(last) = last.filter(|_| generation.hub.holds_history(self.topic, at)) else {
            return Ok(false);
        };
        let node = &self.core.node;
        Ok(self.within(self.core.holds(&node.id(at))).await?
            && self.within(self.core.holds(&node.id(last))).await?)
    }

    /// Adds the events of a page of the log. Returns whether the page is complete.
    fn take(&mut self, held: HeldPage) -> bool {
        let (page, node) = (held.page, &self.core.node);
        if let (false, Some(at)) = (page.held, self.at) {
            if self.moved {
                // Trimmed meanwhile. The next page tells the gap.
                self.end_at_position(true);
            } else {
                (self.lost, self.at) = (Some(at), None);
            }
            return self.moved;
        }
        if self.at.is_none() {
            let first = page.entries.first().and_then(|entry| node.position(&entry.id));
            match self.lost.take() {
                Some(lost) if first.is_some_and(|first| first > lost) => self.page.tell(GapReason::Evicted),
                Some(_) => self.page.tell(GapReason::Unknown),
                None if !page.held => self.page.tell(GapReason::Evicted),
                None => {}
            }
        }
        self.size.learn(&page.entries);
        self.moved |= !page.entries.is_empty();
        let mut text = BytesMut::new();
        for entry in &page.entries {
            if let Some(event) = self.event_in(entry) {
                text.clear();
                event.clone().with_id(entry.id.clone()).encode_into(&mut text);
                if !self.page.add(&text, self.limit) {
                    self.end_at_position(true);
                    return true;
                }
            }
            self.at = node.position(&entry.id).or(self.at);
        }
        let is_complete = page.at_end || page.entries.is_empty() || self.page.events().len() >= self.limit;
        self.end_at_position(!page.at_end);
        is_complete
    }

    fn event_in<'e>(&self, entry: &'e Entry) -> Option<&'e Event> {
        match &entry.record {
            Ok(Record::Event { topic, event })
                if topic == self.topic && !self.core.node.builder.is_reserved(event) =>
            {
                Some(event)
            }
            _ => None,
        }
    }

    fn end_at_position(&mut self, has_more: bool) {
        let position = self.at.map(|at| LastEventId::from(self.core.node.id(at)));
        self.page.end_at(position, has_more);
    }

    /// Returns the amount to read next.
    fn entries(&self) -> Limit {
        let node = &self.core.node;
        let known = self.at.and_then(|at| node.current()?.fitting(at, PAGE_BYTES));
        let fitting = match known {
            Some(entries) => Limit { entries: entries.min(MAX_KNOWN_ENTRIES), bytes: PAGE_BYTES },
            None => self.size.limit(node.greatest.load(Ordering::Relaxed)),
        };
        Limit { entries: fitting.entries.min(self.entries), ..fitting }
    }

    async fn within<T>(
        &self,
        future: impl Future<Output = Result<T, L::Error>>,
    ) -> Result<T, HistoryError<L::Error>> {
        match self.patience.within(future).await {
            Some(answer) => answer.map_err(HistoryError::Log),
            None => Err(HistoryError::TimedOut),
        }
    }
}

/// The pages of the log that one call reads at most.
const MAX_PAGES: usize = 16;
/// The entries that the first of them has at least, if there are so many.
const LEAST_ENTRIES: usize = 16;
