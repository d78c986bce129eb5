use std::{future::Future, ops::ControlFlow, sync::Arc, time::Duration};

use crate::{
    base::trace,
    event::id::EventId,
    history::position::Position,
    hub::{
        feed::Joined,
        notice::{Gap, GapReason, SharedNotices},
        policies::Start,
        refusal::{Refusal, RefusalReason},
        subscribe::Subscribe,
        subscription::Subscription,
    },
    relay::{
        backoff::spread,
        follower::{Follower, State},
        generation::Generation,
        log::{Entry, Log},
        node::{Core, Node, Pages},
        paging::Paging,
        patience::Patience,
        reading::Reading,
    },
    request::LastEventId,
};

/// The place of a client's last event ID in the log.
enum Origin {
    /// The log does not know the ID.
    Unknown,
    /// The log holds the entry with this position.
    Held(Position),
    /// The entry with this position is no longer there. The client begins at the oldest entry of the log.
    Evicted(Position, Entry),
}

/// A client that asks for a stream.
pub(super) struct Arrival<'a, L> {
    pub(super) core: &'a Arc<Core<L>>,
    pub(super) what: Subscribe,
}

impl<L: Log> Arrival<'_, L> {
    pub(super) async fn enter(mut self) -> Result<Subscription, Refusal> {
        let node = &self.core.node;
        let topics = self.what.topics.clone();
        // Closing ends all waiting. If its tail is gone, the relay has nothing to wait for either.
        let last_event_id = self.what.after.take();
        let notices = self.notices();
        let resume = node.unless_closed(self.resume_unless_closed(last_event_id.clone()));
        let resumed = trace::relay::subscribing(topics.iter(), resume).await;
        resumed.unwrap_or_else(|| Err(node.refusal(&topics))).map_err(|refusal| {
            // The hub reports its own refusals.
            if refusal.reason() == RefusalReason::Unavailable {
                trace::hub::refused(topics.iter(), &refusal);
            }
            refusal.for_client(last_event_id.as_ref(), &notices)
        })
    }

    async fn resume_unless_closed(self, last_event_id: Option<LastEventId>) -> Result<Subscription, Refusal> {
        let core = Arc::clone(self.core);
        let patience = Patience::new();
        let mut progress = core.node.progress.subscribe();
        // Until the log was read once, this node cannot tell whether the hub holds what follows an
        // ID, and a new client would begin before events that are old already.
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
        // Fast path: the hub decides under its lock, and the log is not asked.
        if tailed {
            match options.join(Some(position), None, &generation) {
                ControlFlow::Break(joined) => return joined,
                ControlFlow::Continue(not_joined) => options = not_joined,
            }
        }
        // This node has read the entry, but the log may no longer hold what follows it, so ask the log.
        let origin = match core.look_up(position, &patience).await {
            // The entry was there when this node read it. If it is gone, the stream reports that itself.
            Err(_) if tailed => Origin::Held(position),
            origin => origin?,
        };
        match origin {
            Origin::Unknown => options.start(true, generation, &patience).await,
            Origin::Held(position) => {
                // The log holds the entry, and this node remembers none of its position. If the log
                // is the one that filled the hub, everything up to the hub's last entry has gone
                // through the hub, and its decision counts.
                if !tailed && core.is_same_log(&generation, position, &patience).await? {
                    match options.join(Some(position), None, &generation) {
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

    /// Begins as a new client, at the start that its options set.
    async fn start(
        self,
        unknown: bool,
        generation: Arc<Generation>,
        patience: &Patience,
    ) -> Result<Subscription, Refusal> {
        if self.what.start == Start::Now {
            return self.start_now(unknown, generation);
        }
        let reason = |whole| match (unknown, whole) {
            (true, _) => Some(GapReason::Unknown),
            // The client asks for everything, but the log has removed its beginning.
            (false, false) => Some(GapReason::Evicted),
            (false, true) => None,
        };
        // If the hub has lost nothing, it has all that the log had when the hub was filled, without superseded events.
        let begun = match self.join(None, reason(generation.is_whole()), &generation) {
            ControlFlow::Break(begun) => return begun,
            ControlFlow::Continue(not_here) => not_here,
        };
        let (whole, oldest) = patience.wait(begun.core.oldest()).await?;
        Ok(begun.page(None, oldest.as_ref(), reason(whole).map(|reason| (reason, None))))
    }

    /// Begins in the hub as a new client.
    fn start_now(self, unknown: bool, generation: Arc<Generation>) -> Result<Subscription, Refusal> {
        let node = &self.core.node;
        let reading = self.reading();
        // An empty ID is one that no client was given.
        let last_event_id = unknown.then(|| LastEventId::from(EventId::from_static("")));
        let mut generation = generation;
        let (live, first, gap) = loop {
            let mut what = Subscribe::to(&self.what.topics).after(last_event_id.clone());
            what.voice = self.what.voice.clone();
            match generation.hub.begin(what) {
                Err(refusal) if refusal.reason() == RefusalReason::Closed && !node.is_sealed() => {
                    // A new generation has replaced this one, unless the relay is closed.
                    let current = node.current().filter(|_| !node.is_closed());
                    generation = current.ok_or_else(unavailable)?;
                }
                begun => break begun?,
            }
        };
        let live = reading.give(live).with_filter(self.what.filter);
        // The first block of a client without a known ID changes its position.
        let follower = Follower::new(State::Live(live), reading, first.is_some());
        Ok(Subscription::of(follower).beginning_with(first, gap))
    }

    /// Continues in the hub after an entry of the log, or begins at the oldest event, if the hub holds
    /// everything that follows. If there is a reason for a gap, the stream begins with it.
    fn join(
        self,
        after: Option<Position>,
        reason: Option<GapReason>,
        generation: &Generation,
    ) -> ControlFlow<Result<Subscription, Refusal>, Self> {
        let node = &self.core.node;
        if self.what.topics.is_empty() {
            return ControlFlow::Break(Err(Refusal::finished()));
        }
        ControlFlow::Break(match generation.hub.join(&self.what.topics, after, None) {
            Joined::Here(live, position) => {
                let reading = self.reading();
                let live = reading.give(live).with_filter(self.what.filter);
                // Zero precedes all entries. As it is not in the log, a client could not resume with it.
                let id = (position > 0).then(|| node.id(position));
                let gap = reason.map(|reason| Gap::new(reason, id.clone()));
                if let Some(gap) = &gap {
                    trace::hub::gap(reading.topics.iter(), gap.reason().as_str());
                    generation.hub.count_resumed(true);
                }
                let first = reading.notices.first(gap.as_ref(), id);
                let follower = Follower::new(State::Live(live), reading, gap.is_some());
                Ok(Subscription::of(follower).beginning_with(first, gap))
            }
            // A client with a gap gets it from the log, which may be empty.
            Joined::Finished if reason.is_some() => return ControlFlow::Continue(self),
            Joined::Finished => {
                let refusal = Refusal::finished();
                trace::hub::refused(self.what.topics.iter(), &refusal);
                Err(refusal)
            }
            Joined::Closed(_) if node.is_sealed() => {
                // The closed hub builds the refusal, with its reconnection time.
                generation.hub.subscribe(&self.what.topics).map(|_| self.page(after, None, None))
            }
            Joined::NotHere | Joined::Closed(_) => return ControlFlow::Continue(self),
        })
    }

    /// Continues in the log.
    fn page(
        self,
        after: Option<Position>,
        oldest: Option<&Entry>,
        gap: Option<(GapReason, Option<Position>)>,
    ) -> Subscription {
        let node = &self.core.node;
        let reading = self.reading();
        let mut paging = Paging::new(&reading, self.what.filter, after);
        if let Some((_, Some(lost))) = gap {
            // The gap begins at the client's own position. Before `begin_at`, which moves behind
            // the oldest entry if that concerns nobody here.
            (paging.seen, paging.told) = (lost, lost);
        }
        if let Some(oldest) = oldest {
            paging.begin_at(oldest);
        }
        paging.advanced = gap.is_some();
        let id = (paging.seen > 0).then(|| node.id(paging.seen));
        let gap = gap.map(|(reason, _)| Gap::new(reason, id.clone()));
        if let Some(gap) = &gap {
            trace::hub::gap(reading.topics.iter(), gap.reason().as_str());
        }
        let first = reading.notices.first(gap.as_ref(), id);
        if let (true, Some(current)) = (gap.is_some() || after.is_some(), node.current()) {
            current.hub.count_resumed(gap.is_some());
        }
        let follower = Follower::new(State::Paging(Box::new(paging)), reading, gap.is_some());
        Subscription::of(follower).beginning_with(first, gap)
    }

    fn notices(&self) -> SharedNotices {
        let of_node = &self.core.node.builder.notices;
        self.what.voice.notices(of_node).unwrap_or_else(|| SharedNotices::clone(of_node))
    }

    fn reading(&self) -> Reading {
        let core = self.core;
        let lifetime = self.what.lifetime.map(|(max, jitter)| spread(max - jitter, jitter));
        let ends_at = lifetime.and_then(|lifetime| core.node.builder.clock.now().checked_add(lifetime));
        let pages: Arc<dyn Pages> = Arc::clone(core) as Arc<dyn Pages>;
        Reading {
            pages,
            topics: self.what.topics.clone().into(),
            lag: self.what.lag,
            ends_at,
            notices: self.notices(),
            steering: None,
        }
    }
}

impl Node {
    /// Returns the refusal for a client once no new stream can begin.
    fn refusal(&self, topics: &[String]) -> Refusal {
        let refused = match self.current() {
            // The closed hub knows the reconnection time.
            Some(current) if self.is_sealed() => current.hub.subscribe(topics).err(),
            _ => None,
        };
        refused.unwrap_or_else(unavailable)
    }
}

impl<L: Log> Core<L> {
    /// Finds the place of an ID in the log.
    async fn look_up(&self, position: Position, patience: &Patience) -> Result<Origin, Refusal> {
        let id = self.node.id(position);
        if patience.wait(self.holds(&id)).await? {
            return Ok(Origin::Held(position));
        }
        // It is not there. If it is older than all that is there, it may have been; otherwise the
        // log never had it, or was restored in an older state.
        let (_, oldest) = patience.wait(self.oldest()).await?;
        let evicted = oldest.filter(|oldest| self.node.position(&oldest.id).is_some_and(|at| position < at));
        Ok(evicted.map_or(Origin::Unknown, |oldest| Origin::Evicted(position, oldest)))
    }

    /// Returns whether the hub was fed this entry of the log, even if it is not among the newest. It was if
    /// the log is still the same.
    async fn is_same_log(
        &self,
        generation: &Generation,
        position: Position,
        patience: &Patience,
    ) -> Result<bool, Refusal> {
        // An entry that this node has not read yet is not in its hub, so there is nothing to prove.
        let Some(last) = generation.last().filter(|last| position <= *last) else { return Ok(false) };
        patience.wait(self.holds(&self.node.id(last))).await
    }
}

impl Patience {
    async fn wait<T, E>(&self, future: impl Future<Output = Result<T, E>>) -> Result<T, Refusal> {
        // A client can do nothing about the cause: it is sent away either way, and comes back.
        self.within(future).await.and_then(Result::ok).ok_or_else(unavailable)
    }
}

fn unavailable() -> Refusal {
    Refusal::unavailable(spread(RETRY, RETRY))
}

/// A client that is sent away reconnects after this time, or up to twice as much.
const RETRY: Duration = Duration::from_secs(2);
