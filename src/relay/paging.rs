use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use tokio::sync::watch;

use crate::{
    base::trace::hub as trace,
    event::{id::EventId, value::Event},
    history::position::Position,
    hub::{
        end::End,
        event_info::EventInfo,
        feed::Joined,
        notice::{Gap, GapReason, SharedNotices},
        policies::Lag,
        reader::{join::join, live::Live, options::Filter},
        steering::{Change, Steering},
    },
    relay::{
        log::{Entry, Limit, Page},
        node::{HeldPage, Node, PageFuture, Pages, Progress},
        page_size::{MAX_KNOWN_ENTRIES, PAGE_BYTES, PageSize, weight},
        reading::Reading,
        record::Record,
    },
};

/// A subscription while it reads the log itself, page by page, until the local hub holds everything that
/// follows.
pub(super) struct Paging {
    pages: Arc<dyn Pages>,
    topics: Arc<[String]>,
    lag: Lag,
    notices: SharedNotices,
    steering: Option<Arc<Steering>>,
    filter: Option<Filter>,
    /// The entry after which the next page begins. `None` for the oldest entry of the log.
    after: Option<EventId>,
    /// Everything up to this position was delivered, or does not concern the client.
    pub(super) seen: Position,
    /// The last position sent to the client.
    pub(super) told: Position,
    size: PageSize,
    /// Reports the tail's progress since the last page was requested.
    progress: Option<watch::Receiver<Progress>>,
    /// The last page reached the end of the log, so there is nothing to read until the tail makes progress.
    at_end: bool,
    /// The log no longer holds the next entry. The page being read is its oldest entry.
    lost: bool,
    /// The oldest entry of the log when the client's beginning was decided, if the next page begins with it.
    /// If that page begins elsewhere, entries were lost since.
    oldest: Option<Position>,
    /// The client was sent a gap, or a block that changes its position, since its stream began. If not, the
    /// stream must report the gap before it ends: otherwise the client would resume at the same place for
    /// ever.
    pub(super) advanced: bool,
    filtering: bool,
    wait: Wait,
}

/// The result of a poll.
pub(super) enum Step {
    Block(Bytes),
    /// The local hub continues.
    Live(Live),
    End(Option<Bytes>),
}

enum Wait {
    Nothing,
    Page(PageFuture),
    Progress(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Paging {
    /// Begins after an entry that the log holds, or at its oldest one.
    pub(super) fn new(reading: &Reading, filter: Option<Filter>, after: Option<Position>) -> Self {
        let pages = Arc::clone(&reading.pages);
        pages.node().paging.fetch_add(1, Ordering::Relaxed);
        let seen = after.unwrap_or(0);
        Self {
            topics: Arc::clone(&reading.topics),
            lag: reading.lag,
            notices: SharedNotices::clone(&reading.notices),
            steering: reading.steering.clone(),
            filter,
            after: after.map(|position| pages.node().id(position)),
            pages,
            seen,
            told: seen,
            size: PageSize::new(),
            progress: None,
            at_end: false,
            lost: false,
            oldest: None,
            advanced: false,
            filtering: false,
            wait: Wait::Nothing,
        }
    }

    /// Moves past the oldest entry of the log if it does not concern the client.
    ///
    /// If it does, it is not kept, so that nothing is held for a client that may never read.
    pub(super) fn begin_at(&mut self, oldest: &Entry) {
        let position = self.pages.node().position(&oldest.id);
        if self.event_in(oldest).is_some() {
            self.oldest = position;
        } else if let Some(position) = position {
            (self.seen, self.told) = (position, position);
            self.after = Some(oldest.id.clone());
        }
    }

    /// Returns a block with the client's position, if the position has moved since it was last sent. If a due
    /// event can carry it, the block is that event.
    pub(super) fn moved(&mut self, due: Option<&Bytes>) -> Option<Bytes> {
        if self.seen <= self.told || self.filtering || !self.notices.sends_positions() {
            return None;
        }
        self.told = self.seen;
        let block = self.notices.moved(self.pages.node().id(self.seen), due);
        self.advanced |= block.is_some();
        block
    }

    /// Returns the last block of a stream that delivered nothing before its lifetime was over.
    pub(super) fn position_at_lifetime(&mut self) -> Option<Bytes> {
        // If reading what does not concern the client takes longer than a lifetime, it would never get past it.
        self.position_at_end(!self.advanced)
    }

    /// Returns the last block of a stream: the position, if it has moved.
    ///
    /// If it is needed, it is sent in any form: otherwise the client would come back to the same end for
    /// ever.
    fn position_at_end(&mut self, is_needed: bool) -> Option<Bytes> {
        if !is_needed || self.notices.sends_positions() || self.seen <= self.told {
            return self.moved(None);
        }
        self.told = self.seen;
        self.notices.position_at_end(Some(self.pages.node().id(self.seen)), None)
    }

    /// Lets handles change its topics from now on.
    pub(super) fn steer(&mut self, steering: Arc<Steering>) {
        self.steering = Some(steering);
    }

    /// Applies changes of the topics, between pages. The next page begins at the stream's position, so no
    /// event of a new topic is missing in it.
    fn apply_changes(&mut self) {
        let changes = self.steering.as_ref().map(|steering| steering.take_changes()).unwrap_or_default();
        for change in changes {
            let mut topics = self.topics.to_vec();
            match change {
                Change::Add(added) => topics.extend(added),
                Change::Remove(removed) => topics.retain(|topic| !removed.contains(topic)),
            }
            topics.sort_unstable();
            topics.dedup();
            self.topics = topics.into();
        }
    }

    /// Returns the last block, if the stream is ended now.
    pub(super) fn finish(&mut self, end: &End) -> Option<Bytes> {
        let moved = self.seen > self.told && !self.filtering;
        self.told = if moved { self.seen } else { self.told };
        // Otherwise the client has its position, unless a filter has panicked before it got one.
        let id = (moved || end.retry.is_some() && !self.filtering).then(|| self.pages.node().id(self.seen));
        join(self.notices.position(id, end.retry).into_iter().chain(end.last.clone()).collect())
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        if self.filtering {
            // The filter panicked. Its events are lost, and continuing would hide that.
            return Poll::Ready(Step::End(None));
        }
        loop {
            match &mut self.wait {
                Wait::Nothing => {
                    if let Some(step) = self.turn() {
                        return Poll::Ready(step);
                    }
                }
                Wait::Page(page) => {
                    let held = ready!(page.as_mut().poll(cx));
                    self.wait = Wait::Nothing;
                    // The share is returned once the page has become a block.
                    let step = held.and_then(|HeldPage { page, share: _share }| self.take(page));
                    if let Some(step) = step {
                        return Poll::Ready(step);
                    }
                }
                Wait::Progress(progress) => {
                    ready!(progress.as_mut().poll(cx));
                    (self.wait, self.at_end) = (Wait::Nothing, false);
                }
            }
        }
    }

    /// Continues in the hub if possible; otherwise sets what to wait for.
    fn turn(&mut self) -> Option<Step> {
        self.apply_changes();
        let node = self.pages.node();
        // Subscribed before anything is read, so that progress made from here on ends the wait.
        let progress = node.progress.subscribe();
        let (current, closed) = {
            let progress = progress.borrow();
            (progress.current.clone(), progress.closed)
        };
        // The hub reads the same log only if it was fed the entry at this position.
        let current = current.filter(|current| closed || current.has_tailed(self.seen));
        match current.map(|current| current.hub.join(&self.topics, Some(self.seen), Some(self.told))) {
            Some(Joined::Here(live, _)) => return Some(Step::Live(live.with_filter(self.filter.take()))),
            Some(Joined::Finished) => return Some(Step::End(self.position_at_end(self.filter.is_some()))),
            Some(Joined::Closed(last)) if closed => {
                let blocks = [self.moved(None), last].into_iter().flatten().collect::<Vec<_>>();
                return Some(Step::End((!blocks.is_empty()).then(|| blocks.concat().into())));
            }
            // No generation will follow that could take the stream over, so it ends where it is.
            _ if closed => return Some(Step::End(self.moved(None))),
            _ => {}
        }
        // `self.progress` is as old as the request for the last page. An entry that was appended
        // since has changed it, so the wait below ends at once and nothing is slept through.
        let since = if self.at_end { self.progress.take() } else { None };
        self.wait = match since {
            Some(mut progress) => Wait::Progress(Box::pin(async move {
                let _ = progress.changed().await;
            })),
            None => {
                self.progress = Some(progress);
                Wait::Page(Arc::clone(&self.pages).page(self.after.clone(), self.limit()))
            }
        };
        None
    }

    /// Returns the amount to read next: as many entries as fit in a page if that is known, otherwise an
    /// estimate.
    fn limit(&self) -> Limit {
        let node = self.pages.node();
        if self.lost {
            return Limit::entries(1);
        }
        let known = self.after.as_ref().and_then(|_| node.current()?.fitting(self.seen, PAGE_BYTES));
        match known {
            Some(entries) => Limit { entries: entries.min(MAX_KNOWN_ENTRIES), bytes: PAGE_BYTES },
            None => self.size.limit(node.greatest.load(Ordering::Relaxed)),
        }
    }

    /// Delivers the part of a page that concerns the client.
    fn take(&mut self, page: Page) -> Option<Step> {
        self.apply_changes();
        let begins = self.after.is_none();
        // A client that begins with the oldest entry was sent a gap for the entries before it, or there were none. An
        // entry not newer than those it has seen belongs to another state of the log.
        let first = self.first_in(&page);
        let is_older = first.is_some_and(|first| first <= self.seen);
        let is_other = begins && (is_older || !page.held && !self.advanced);
        if mem::replace(&mut self.lost, false) || is_other {
            return Some(self.lose(&page));
        }
        // The log was trimmed past the client while it read. Only the oldest entry tells which gap
        // that is, so it is read next.
        if !page.held && !begins {
            trace::lagged(self.topics.iter());
            if let Some(current) = self.pages.node().current() {
                current.hub.count_lagged();
            }
            if self.lag == Lag::Disconnect {
                let last = self.moved(None);
                if self.advanced {
                    return Some(Step::End(last));
                }
            }
            (self.lost, self.after) = (true, None);
            return None;
        }
        let moved = self.oldest.is_some_and(|oldest| first.is_some_and(|first| first != oldest));
        let reason = if self.lag == Lag::Skip { GapReason::Lagged } else { GapReason::Evicted };
        let gap = moved.then(|| self.tell(reason));
        let entries = page.entries;
        self.at_end = page.at_end;
        self.size.learn(&entries);
        // An empty page tells only that the end was reached.
        let newest = entries.last()?.id.clone();
        self.oldest = None;
        let block = join(gap.into_iter().chain(self.write(&entries)).collect());
        // Past entries of other topics, too. `moved` tells the client so, if they are many or the
        // stream ends.
        self.seen = self.pages.node().position(&newest).unwrap_or(self.seen);
        self.after = Some(newest);
        block.map(Step::Block)
    }

    /// Reports a gap in the log. Then continues with the oldest entry held, or ends.
    fn lose(&mut self, page: &Page) -> Step {
        let first = self.first_in(page);
        // If even the oldest entry is not newer, nothing was evicted: this is another log, or one in an older state.
        let evicted = first.is_some_and(|first| first > self.seen);
        let skips = evicted && self.lag == Lag::Skip;
        // A stream that has moved its client on ends without a gap: the client comes back with
        // another ID, and is answered for that one. If it has not, the gap is what keeps it from
        // coming back for ever.
        if !skips {
            let last = self.moved(None);
            if self.advanced {
                return Step::End(last);
            }
        }
        let reason = match (skips, evicted) {
            (true, _) => GapReason::Lagged,
            (false, true) => GapReason::Evicted,
            (false, false) => GapReason::Unknown,
        };
        if let (true, Some(oldest)) = (skips, page.entries.first()) {
            self.begin_at(oldest);
        }
        let block = self.tell(reason);
        if skips { Step::Block(block) } else { Step::End(Some(block)) }
    }

    fn first_in(&self, page: &Page) -> Option<Position> {
        page.entries.first().and_then(|entry| self.pages.node().position(&entry.id))
    }

    /// Returns the block that reports a gap, and counts it.
    fn tell(&mut self, reason: GapReason) -> Bytes {
        trace::gap(self.topics.iter(), reason.as_str());
        let node = self.pages.node();
        if let Some(current) = node.current() {
            current.hub.count_resumed(true);
        }
        self.advanced = true;
        let position = (self.seen > 0).then(|| node.id(self.seen));
        self.notices.gap(&Gap::new(reason, position))
    }

    /// Encodes the events of the client's topics that pass its filter, as one block.
    fn write(&mut self, entries: &[Entry]) -> Option<Bytes> {
        let expected = entries.iter().filter(|entry| self.event_in(entry).is_some()).map(weight).sum();
        // Taken, because the filter is called while `self` is borrowed.
        let mut filter = self.filter.take();
        let (mut block, mut count, mut last) = (BytesMut::with_capacity(expected), 0, None);
        // Still set after a panic in the filter. The next poll then ends the stream.
        self.filtering = true;
        for entry in entries {
            let Some((topic, event)) = self.event_in(entry) else { continue };
            let start = block.len();
            event.clone().with_id(entry.id.clone()).encode_into(&mut block);
            if filter.as_mut().is_none_or(|filter| {
                filter(&EventInfo::new(topic, &block[start..], event.key(), event.label()))
            }) {
                count += 1;
                last = Some(&entry.id);
            } else {
                block.truncate(start);
            }
        }
        self.filtering = false;
        self.filter = filter;
        let node = self.pages.node();
        self.told = last.and_then(|id| node.position(id)).unwrap_or(self.told);
        node.paged.fetch_add(count, Ordering::Relaxed);
        if let Some(current) = node.current() {
            current.hub.count_delivered(count);
        }
        self.advanced |= count > 0;
        let has_room = block.capacity() > block.len() * 2;
        (!block.is_empty()).then(|| {
            // If the filter dropped most of a page, do not keep the memory of the whole.
            if has_room { Bytes::copy_from_slice(&block) } else { block.freeze() }
        })
    }

    fn event_in<'a>(&self, entry: &'a Entry) -> Option<(&'a str, &'a Event)> {
        match &entry.record {
            Ok(Record::Event { topic, event })
                if self.topics.binary_search(topic).is_ok()
                    && !self.pages.node().builder.is_reserved(event) =>
            {
                Some((topic, event))
            }
            _ => None,
        }
    }
}

impl Drop for Paging {
    fn drop(&mut self) {
        let node: &Node = self.pages.node();
        node.paging.fetch_sub(1, Ordering::Relaxed);
        if node.progress.borrow().closed {
            // A caller may wait for the last subscription to end.
            node.progress.send_modify(|_| {});
        }
    }
}
