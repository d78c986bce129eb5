use std::{fmt, ops::RangeInclusive, time::Duration};

use crate::{
    base::sync::{Arc, lock},
    event::id::EventId,
    history::{
        position::Position,
        scheme::{Mark, Scheme},
    },
    hub::{
        core::{shared::Shared, state::State},
        event_info::EventInfo,
        notice::{Gap, GapReason},
        policies::{Lag, Start},
        reader::{
            cursor::Cursor,
            reading::{Filter, Reader, freshest},
        },
        refusal::Refusal,
        subscription::Subscription,
        topic_names::Topics,
    },
    request::LastEventId,
};

/// A subscription to make: its topics, and how it begins, is filtered and ends.
///
/// It is the same for a [`Hub`](crate::Hub) and for a relay. Where nothing but topics is to be said, these will do in its place: a
/// name, or an array of names.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ssekit::{Bounds, Hub, Subscribe, hub::Start};
///
/// let hub = Hub::new(Bounds::events(100));
/// hub.publish("orders", "an old one")?;
/// let orders = hub.subscribe(
///     Subscribe::to(["orders", "news"])
///         .start(Start::Oldest)
///         .filter(|event| event.event_type() != Some("internal"))
///         .lifetime(Duration::from_secs(1800)..=Duration::from_secs(3600)),
/// )?;
/// # drop(orders);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it is to be passed to `subscribe`"]
pub struct Subscribe {
    pub(crate) topics: Vec<String>,
    pub(crate) after: Option<LastEventId>,
    pub(crate) start: Start,
    pub(crate) lag: Lag,
    pub(crate) filter: Option<Filter>,
    /// The greatest lifetime, and by how much it may be shorter.
    pub(crate) lifetime: Option<(Duration, Duration)>,
}

impl Subscribe {
    /// Begins with the topics. Without anything else it is a new client that gets what is published from now on.
    pub fn to(topics: impl Into<Topics>) -> Self {
        Self {
            topics: topics.into().into_names(),
            after: None,
            start: Start::Now,
            lag: Lag::Disconnect,
            filter: None,
            lifetime: None,
        }
    }

    /// Resumes from just after the event with this last event ID. `None` is a new client.
    ///
    /// Pass what [`last_event_id`](crate::last_event_id) reads from the request. Missed and live events come from one
    /// order, so nothing that is published meanwhile is lost or repeated. If events that the client missed are no longer
    /// held, or its ID is not known, the stream begins with a [`Gap`].
    ///
    /// Costs O(log n) in the events held, for each topic.
    #[doc(alias = "resume")]
    pub fn after(mut self, last_event_id: impl Into<Option<LastEventId>>) -> Self {
        self.after = last_event_id.into();
        self
    }

    /// Sets where a new client starts, and one whose last event ID is unknown. Default: [`Start::Now`].
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Sets what happens when the subscription falls behind. Default: [`Lag::Disconnect`].
    pub fn lag(mut self, lag: Lag) -> Self {
        self.lag = lag;
        self
    }

    /// Lets only events through for which the filter returns `true`, on replay as on live delivery.
    ///
    /// An event that is held back shows neither in the stream nor in the count of delivered events; only the
    /// position moves past it. The filter runs outside the hub's lock, when the subscription is polled. Events that
    /// pass are joined into one piece, which costs a copy unless they follow each other.
    pub fn filter(mut self, filter: impl FnMut(&EventInfo<'_>) -> bool + Send + 'static) -> Self {
        self.filter = Some(Box::new(filter));
        self
    }

    /// Ends the stream after a time within this range, at random; the client then reconnects. By default it has no end.
    ///
    /// Long streams spread over the nodes of a service this way.
    ///
    /// A stream with a keep-alive ends on time, by the keep-alive's timer. So does one without, with the feature
    /// `tokio` and in a runtime whose time is enabled. Otherwise it ends when it is next polled after that time.
    ///
    /// In a runtime of tokio's whose time is not enabled, the stream finds that out by a panic of tokio's, which it
    /// catches: the panic hook runs once for each stream. A program that is built with `panic = "abort"` has to enable
    /// time, or use no lifetimes.
    pub fn lifetime(mut self, range: RangeInclusive<Duration>) -> Self {
        let (min, max) = range.into_inner();
        self.lifetime = Some((max, max.saturating_sub(min)));
        self
    }
}

impl Subscribe {
    /// Subscribes to a hub.
    pub(super) fn enter(self, shared: &Arc<Shared>) -> Result<Subscription, Refusal> {
        let claim = Claim::new(self.after.as_ref(), &shared.ids);
        let now = shared.now();
        let placed = self.place(&claim, now, shared)?;
        // From here on the application's code is called. If that panics, the subscription is dropped, and leaves.
        let mut subscription = Subscription::new(Arc::clone(shared), placed.reader, None, None);

        let id = match (&claim, placed.mark.position) {
            (Claim::Id(id, Some(located)), position) if position == *located => Some((*id).clone()),
            _ => shared.ids.id(placed.mark),
        };
        // Without a position, the client would be told of its gap for ever and never be stopped.
        let id = id.or(placed.nothing_remains.then_some(EventId::from_static("")));
        let reader = &mut subscription.reader;
        reader.ends_at = placed.lifetime.and_then(|lifetime| shared.clock.now().checked_add(lifetime));
        reader.lag = self.lag;
        reader.filter = self.filter;
        let gap = placed.gap.map(|reason| Gap::new(reason, id.clone()));
        let first = match &gap {
            Some(gap) => Some(shared.notices.gap(gap, shared.retry)),
            None => shared.notices.position(id, shared.retry),
        };
        Ok(subscription.beginning_with(first, gap))
    }

    /// Enters a client into the hub.
    fn place(&self, claim: &Claim<'_>, now: u64, shared: &Shared) -> Result<Placed, Refusal> {
        let state = &mut *lock(&shared.state);
        if let Some(closing) = state.closing.clone() {
            return Err(Refusal::closed(closing.come_back(state), &shared.notices));
        }
        state.expire(now);

        let (after, unknown) = match claim {
            Claim::Nothing => (None, false),
            Claim::NoId => (None, true),
            Claim::Id(id, located) => {
                let after = state.ids.resolve(id, *located);
                (after, after.is_none())
            }
        };
        let (cursors, evicted) = find(&self.topics, self.start, after, state);
        let may_have_ended = after.is_some_and(|after| may_have_ended(&cursors, after, state));
        let gap = match unknown {
            true => Some(GapReason::Unknown),
            false => (evicted || may_have_ended).then_some(GapReason::Evicted),
        };
        let nothing_remains = cursors.iter().all(|cursor| {
            let topic = state.topics.get(cursor.topic);
            topic.is_finished() && cursor.next == topic.log.next()
        });
        if nothing_remains && gap.is_none() {
            for cursor in &cursors {
                state.topics.retire(cursor.topic);
            }
            return Err(Refusal::finished());
        }

        state.gaps += u64::from(gap.is_some());
        state.resumed += u64::from(gap.is_none() && after.is_some());
        let position = freshest(&cursors, state).max(after.unwrap_or(0));
        let lifetime = match may_have_ended {
            true => Some(Duration::ZERO),
            false => self.lifetime.map(|(max, jitter)| max - state.spread(jitter)),
        };
        let reader = Reader::enter(cursors, position, state);
        Ok(Placed { reader, mark: state.ids.mark(position), gap, nothing_remains, lifetime })
    }
}

impl fmt::Debug for Subscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe")
            .field("topics", &self.topics)
            .field("after", &self.after)
            .field("start", &self.start)
            .field("lag", &self.lag)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// What a client says that it saw last.
enum Claim<'a> {
    Nothing,
    /// Something that can be no ID.
    NoId,
    /// An ID, and where it stands as far as it tells that by itself.
    Id(&'a EventId, Option<Position>),
}

/// A client that has been entered into the hub.
struct Placed {
    reader: Reader,
    /// The freshest position from which the client, if it is cut now, would get the same.
    mark: Mark,
    gap: Option<GapReason>,
    /// Whether it will get nothing but the end.
    nothing_remains: bool,
    lifetime: Option<Duration>,
}

impl<'a> Claim<'a> {
    fn new(last_event_id: Option<&'a LastEventId>, ids: &Scheme) -> Self {
        match last_event_id.map(LastEventId::as_id) {
            None => Self::Nothing,
            Some(None) => Self::NoId,
            Some(Some(id)) => Self::Id(id, ids.locate(id)),
        }
    }
}

/// Returns whether nothing may ever come, since each topic has ended, or has been forgotten and may have ended.
///
/// Such a client is told of a gap, and its stream ends: if it waited, it might do so for ever. It has a newer position
/// then, from which it may wait if it comes back nevertheless.
fn may_have_ended(cursors: &[Cursor], after: Position, state: &State) -> bool {
    let topic = |cursor: &Cursor| state.topics.get(cursor.topic);
    state.topics.may_have_ended_since(after)
        && cursors.iter().any(|cursor| topic(cursor).is_unknown())
        && cursors.iter().all(|cursor| {
            let topic = topic(cursor);
            topic.is_unknown() || topic.is_finished() && cursor.next == topic.log.next()
        })
}

/// Opens the topics, and finds where to begin in each. Tells whether one of them has a gap.
pub(super) fn find(
    topics: &[String],
    start: Start,
    after: Option<Position>,
    state: &mut State,
) -> (Vec<Cursor>, bool) {
    let mut gap = after.is_some_and(|position| state.ids.is_before_known(position));
    let mut cursors = Vec::with_capacity(topics.len());
    for name in topics {
        let key = state.topics.open(name);
        let topic = state.topics.get(key);
        let next = match (after, start) {
            (Some(position), _) => {
                gap |= position < topic.log.evicted();
                topic.log.index_after(position)
            }
            (None, Start::Now) => topic.log.next(),
            (None, Start::Oldest) => {
                gap |= topic.has_lost();
                topic.log.first()
            }
        };
        cursors.push(Cursor { topic: key, name: topic.name.clone(), next });
    }
    (cursors, gap)
}
