use std::{future::Future, ops::ControlFlow, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use crate::{
    event::id::EventId,
    history::position::Position,
    hub::{
        feed::Joined,
        notice::{Gap, GapReason},
        policies::Start,
        refusal::{Refusal, RefusalReason},
        subscribe::Subscribe,
    },
    relay::{
        backoff::spread,
        core::{Core, Node, Pages},
        generation::Generation,
        log::{Entry, Log},
        paging::Paging,
        subscription::{Reading, Source, Subscription},
    },
    request::LastEventId,
};

/// Where a client stands that says what it saw last.
enum Origin {
    /// The log does not know the ID.
    Unknown,
    /// After an entry that the log holds.
    Held(Position),
    /// At the oldest entry of the log, since the one at this position is no longer there.
    Evicted(Position, Entry),
}

/// A client that is to be given a stream.
pub(super) struct Arrival<'a, L> {
    pub(super) core: &'a Arc<Core<L>>,
    pub(super) what: Subscribe,
}

impl<L: Log> Arrival<'_, L> {
    pub(super) async fn enter(mut self) -> Result<Subscription, Refusal> {
        let node = &self.core.node;
        let topics = self.what.topics.clone();
        // Closing ends all waiting. A relay whose tail has gone has nothing to wait for, either.
        let last_event_id = self.what.after.take();
        let resumed = node.unless_closed(self.resume_unless_closed(last_event_id)).await;
        match resumed {
            Some(resumed) => resumed,
            None => Err(node.refusal(&topics)),
        }
    }

    async fn resume_unless_closed(self, last_event_id: Option<LastEventId>) -> Result<Subscription, Refusal> {
        let core = Arc::clone(self.core);
        let patience = Patience::new();
        let mut progress = core.node.progress.subscribe();
        let ready = progress.wait_for(|progress| progress.current.is_some());
        let generation = patience.wait(ready).await?.current.clone().ok_or_else(unavailable)?;
        if core.node.is_closed() {
            return Err(core.node.refusal(&self.what.topics));
        }

        let Some(last_event_id) = last_event_id else {
            return self.start(false, generation, &patience).await;
        };
        let position = last_event_id.as_id().and_then(|id| core.node.position(id));
        let Some(position) = position else { return self.start(true, generation, &patience).await };
        let mut options = self;
        let tailed = generation.has_tailed(position);
        if tailed {
            match options.join(position, &generation) {
                ControlFlow::Break(joined) => return joined,
                ControlFlow::Continue(not_joined) => options = not_joined,
            }
        }
        // That this node has read the entry does not show that the log still holds what follows it: it is asked.
        let origin = match core.look_up(position, &patience).await {
            // It was there, and the stream itself tells if it turns out to be gone.
            Err(_) if tailed => Origin::Held(position),
            origin => origin?,
        };
        match origin {
            Origin::Unknown => options.start(true, generation, &patience).await,
            Origin::Held(position) => {
                if !tailed && core.is_same_log(&generation, position, &patience).await? {
                    match options.join(position, &generation) {
                        ControlFlow::Break(joined) => return joined,
                        ControlFlow::Continue(not_joined) => options = not_joined,
                    }
                }
                Ok(options.page(Some(position), None, None))
            }
            Origin::Evicted(position, oldest) => {
                let gap = (GapReason::Evicted, Some(position));
                Ok(options.page(None, Some(&oldest), Some(gap)))
            }
        }
    }

    /// Begins as a new client, where its options say.
    async fn start(
        self,
        unknown: bool,
        generation: Arc<Generation>,
        patience: &Patience,
    ) -> Result<Subscription, Refusal> {
        if self.what.start == Start::Now {
            return self.start_now(unknown, generation);
        }
        let (whole, oldest) = patience.wait(self.core.oldest()).await?;
        let reason = match (unknown, whole) {
            (true, _) => Some(GapReason::Unknown),
            // It asks for all that there was, and the log has let go of the beginning.
            (false, false) => Some(GapReason::Evicted),
            (false, true) => None,
        };
        Ok(self.page(None, oldest.as_ref(), reason.map(|reason| (reason, None))))
    }

    /// Begins in the hub, as a new client.
    fn start_now(self, unknown: bool, generation: Arc<Generation>) -> Result<Subscription, Refusal> {
        let node = &self.core.node;
        let reading = self.reading();
        // An empty ID is one that nobody was given.
        let last_event_id = unknown.then(|| LastEventId::from(EventId::from_static("")));
        let mut generation = generation;
        let live = loop {
            match generation.hub.subscribe(Subscribe::to(&self.what.topics).after(last_event_id.clone())) {
                Err(refusal) if refusal.reason() == RefusalReason::Closed && !node.is_sealed() => {
                    // Another has taken its place meanwhile, unless none is to come.
                    let current = node.current().filter(|_| !node.is_closed());
                    generation = current.ok_or_else(unavailable)?;
                }
                live => break live?,
            }
        };
        let live = live.with_filter(self.what.filter).ending_at(reading.ends_at);
        Ok(Subscription::new(Source::Live(live), reading, None, None))
    }

    /// Goes on in the hub after an entry of the log, if the hub holds all that follows.
    fn join(
        self,
        position: Position,
        generation: &Generation,
    ) -> ControlFlow<Result<Subscription, Refusal>, Self> {
        let node = &self.core.node;
        ControlFlow::Break(match generation.hub.join(&self.what.topics, position, None) {
            Joined::Here(live, position) => {
                let reading = self.reading();
                let live = live.with_filter(self.what.filter).ending_at(reading.ends_at);
                let first = node.builder.position_block(Some(node.id(position)), true);
                Ok(Subscription::new(Source::Live(live), reading, first, None))
            }
            Joined::Finished => Err(Refusal::finished()),
            Joined::Closed(_) if node.is_sealed() => {
                // It says so itself, and with what reconnection time.
                generation.hub.subscribe(&self.what.topics).map(|_| self.page(Some(position), None, None))
            }
            Joined::NotHere | Joined::Closed(_) => return ControlFlow::Continue(self),
        })
    }

    /// Goes on in the log.
    fn page(
        self,
        after: Option<Position>,
        oldest: Option<&Entry>,
        gap: Option<(GapReason, Option<Position>)>,
    ) -> Subscription {
        let node = &self.core.node;
        let reading = self.reading();
        let (pages, topics) = (Arc::clone(&reading.pages), Arc::clone(&reading.topics));
        let mut paging = Paging::new(pages, topics, self.what.lag, self.what.filter, after);
        if let Some((_, Some(lost))) = gap {
            (paging.seen, paging.told) = (lost, lost);
        }
        if let Some(oldest) = oldest {
            paging.begin_at(oldest);
        }
        paging.advanced = gap.is_some();
        let id = (paging.seen > 0).then(|| node.id(paging.seen));
        let gap = gap.map(|(reason, _)| Gap::new(reason, id.clone()));
        let first = match &gap {
            Some(gap) => Some(node.builder.gap_block(gap, true)),
            None => node.builder.position_block(id, true),
        };
        if let (true, Some(current)) = (gap.is_some() || after.is_some(), node.current()) {
            current.hub.count_resumed(gap.is_some());
        }
        Subscription::new(Source::Paging(Box::new(paging)), reading, first, gap)
    }

    fn reading(&self) -> Reading {
        let core = self.core;
        let lifetime = self.what.lifetime.map(|(max, jitter)| spread(max - jitter, jitter));
        let ends_at = lifetime.and_then(|lifetime| core.node.builder.clock().now().checked_add(lifetime));
        let pages: Arc<dyn Pages> = Arc::clone(core) as Arc<dyn Pages>;
        Reading { pages, topics: self.what.topics.clone().into(), lag: self.what.lag, ends_at }
    }
}

impl Node {
    /// Returns how a client is refused once streams can begin no more.
    fn refusal(&self, topics: &[String]) -> Refusal {
        let refused = match self.current() {
            // The hub knows with what reconnection time.
            Some(current) if self.is_sealed() => current.hub.subscribe(topics).err(),
            _ => None,
        };
        refused.unwrap_or_else(unavailable)
    }
}

impl<L: Log> Core<L> {
    /// Finds where an ID stands in the log.
    async fn look_up(&self, position: Position, patience: &Patience) -> Result<Origin, Refusal> {
        let id = self.node.id(position);
        if patience.wait(self.holds(&id)).await? {
            return Ok(Origin::Held(position));
        }
        let (_, oldest) = patience.wait(self.oldest()).await?;
        let evicted = oldest.filter(|oldest| self.node.position(&oldest.id).is_some_and(|at| position < at));
        Ok(evicted.map_or(Origin::Unknown, |oldest| Origin::Evicted(position, oldest)))
    }

    /// Returns whether an entry of the log is one that the hub was fed, though it is not among the newest: it is if
    /// the log is still the same.
    async fn is_same_log(
        &self,
        generation: &Generation,
        position: Position,
        patience: &Patience,
    ) -> Result<bool, Refusal> {
        let Some(last) = generation.last().filter(|last| position <= *last) else { return Ok(false) };
        patience.wait(self.holds(&self.node.id(last))).await
    }
}

/// How long a client is kept waiting for its answer.
struct Patience(Instant);

impl Patience {
    fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    async fn wait<T, E>(&self, future: impl Future<Output = Result<T, E>>) -> Result<T, Refusal> {
        timeout_at(self.0, future).await.ok().and_then(Result::ok).ok_or_else(unavailable)
    }
}

fn unavailable() -> Refusal {
    Refusal::unavailable(spread(RETRY, RETRY))
}

const PATIENCE: Duration = Duration::from_secs(5);
/// A client that is sent away comes back after this time, or up to twice as much.
const RETRY: Duration = Duration::from_secs(2);
