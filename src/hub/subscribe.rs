use std::{fmt, ops::RangeInclusive, time::Duration};

use bytes::Bytes;

use crate::{
    base::{
        sync::{Arc, lock},
        trace::hub as trace,
    },
    event::{event_type::EventType, id::EventId},
    history::{position::Position, scheme::Mark},
    hub::{
        claim::Claim,
        core::{shared::Shared, state::State},
        event_info::EventInfo,
        notice::{Gap, GapReason, PositionForm},
        policies::{Lag, Start},
        reader::{
            cursor::Cursor,
            find::find,
            live::Live,
            options::Filter,
            reading::{Reader, freshest},
        },
        refusal::Refusal,
        subscription::Subscription,
        topic_names::Topics,
        voice::Voice,
    },
    request::LastEventId,
};

/// Options of a subscription: its topics, its start, its filter and its end.
///
/// It is the same for a [`Hub`](crate::Hub) and for a relay. If you need only topics, you can pass a name or
/// an array of names instead.
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
    /// The maximum lifetime, and by how much it may be shorter.
    pub(crate) lifetime: Option<(Duration, Duration)>,
    pub(crate) voice: Voice,
}

impl Subscribe {
    /// Creates options for a new client of these topics, which gets events published from now on.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub, Subscribe};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let events = hub.subscribe(Subscribe::to(["orders", "news"]))?;
    /// assert_eq!(hub.stats().subscribers, 1);
    /// # drop(events);
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn to(topics: impl Into<Topics>) -> Self {
        Self {
            topics: topics.into().into_names(),
            after: None,
            start: Start::Now,
            lag: Lag::Disconnect,
            filter: None,
            lifetime: None,
            voice: Voice::default(),
        }
    }

    /// Resumes from just after the event with this last event ID. `None` is a new client.
    ///
    /// Pass the result of [`last_event_id`](crate::last_event_id) for the request. Missed and live events
    /// come from one history, so an event published meanwhile is neither lost nor repeated. If events that
    /// the client missed are no longer held, or its ID is unknown, the stream begins with a [`Gap`].
    ///
    /// Takes O(log n) time in the number of events held, for each topic.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, Hub, Subscribe};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let seen = hub.publish("orders", "seen")?;
    /// hub.publish("orders", "missed")?;
    /// let mut events = hub.subscribe(Subscribe::to("orders").after(seen))?;
    /// let _position = events.next().now_or_never();
    /// assert!(events.next().now_or_never().flatten().unwrap().ends_with(b"data: missed\n\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "resume")]
    pub fn after(mut self, last_event_id: impl Into<Option<LastEventId>>) -> Self {
        self.after = last_event_id.into();
        self
    }

    /// Sets the start for a new client, and for one whose last event ID is unknown. Default: [`Start::Now`].
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, Hub, Subscribe, hub::Start};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// hub.publish("orders", "before anyone came")?;
    /// let mut events = hub.subscribe(Subscribe::to("orders").start(Start::Oldest))?;
    /// let _position = events.next().now_or_never();
    /// assert!(events.next().now_or_never().flatten().unwrap().ends_with(b"data: before anyone came\n\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Sets the policy for falling behind. Default: [`Lag::Disconnect`].
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, Hub, Subscribe, hub::Lag};
    ///
    /// let hub = Hub::new(Bounds::events(1));
    /// let mut events = hub.subscribe(Subscribe::to("orders").lag(Lag::Skip))?;
    /// let _position = events.next().now_or_never();
    /// hub.publish_all("orders", ["one", "two"])?;
    /// let gap = events.next().now_or_never().flatten().unwrap();
    /// assert!(String::from_utf8_lossy(&gap).contains("lagged"));
    /// assert!(events.next().now_or_never().flatten().unwrap().ends_with(b"data: two\n\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lag(mut self, lag: Lag) -> Self {
        self.lag = lag;
        self
    }

    /// Delivers only events for which the filter returns `true`, both on replay and live.
    ///
    /// It sees the topic, ID, type, [key and label](EventInfo) of an event. It must give one answer for all
    /// events of a key, because a client that has a value never learns of a successor that the filter
    /// rejects. To move a value from one label to another, use a key for each; see
    /// [`Event::with_label`](crate::Event::with_label).
    ///
    /// A rejected event neither appears in the stream nor counts as delivered; the position still moves past
    /// it. The filter runs when the subscription is polled, outside the hub's lock. Events that pass are
    /// joined into one piece, which copies them unless they are adjacent.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, Event, EventType, Hub, Subscribe};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let open = Subscribe::to("orders").filter(|event| event.event_type() != Some("internal"));
    /// let mut events = hub.subscribe(open)?;
    /// let _position = events.next().now_or_never();
    /// hub.publish("orders", Event::new("a margin").with_type(EventType::from_static("internal")))?;
    /// hub.publish("orders", "two coffees")?;
    /// assert!(events.next().now_or_never().flatten().unwrap().ends_with(b"data: two coffees\n\n"));
    /// assert_eq!(hub.stats().delivered, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filter(mut self, filter: impl FnMut(&EventInfo<'_>) -> bool + Send + 'static) -> Self {
        self.filter = Some(Box::new(filter));
        self
    }

    /// Ends the stream after a random time within this range. The client then reconnects. By default there is
    /// no limit.
    ///
    /// This spreads long streams over the nodes of a service.
    ///
    /// A stream with a keep-alive ends on time, by the keep-alive's timer. So does one without, with the
    /// feature `tokio` and in a runtime whose time is enabled. Otherwise it ends when it is next polled after
    /// that time.
    ///
    /// In a runtime of tokio's whose time is not enabled, the stream finds that out by a panic of tokio's,
    /// which it catches: the panic hook runs once for each stream. A program that is built with
    /// `panic = "abort"` has to enable time, or use no lifetimes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, Hub, Subscribe};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let short = Duration::ZERO..=Duration::ZERO;
    /// let mut events = hub.subscribe(Subscribe::to("orders").lifetime(short))?;
    /// let _position = events.next().now_or_never();
    /// assert_eq!(events.next().now_or_never(), Some(None), "it has ended");
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn lifetime(mut self, range: RangeInclusive<Duration>) -> Self {
        let (min, max) = range.into_inner();
        self.lifetime = Some((max, max.saturating_sub(min)));
        self
    }

    /// Sets the reconnection time that this stream begins with. Default:
    /// [`HubBuilder::retry`](super::HubBuilder::retry).
    pub fn retry(mut self, reconnection_time: Duration) -> Self {
        self.voice.retry = Some(reconnection_time);
        self
    }

    /// Sets how to send this stream's position when it has moved without an event.
    ///
    /// Default: [`HubBuilder::position_form`](super::HubBuilder::position_form). Choose it by client, if some
    /// of your clients take a block with an ID for a message.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::FutureExt as _;
    /// use futures_util::StreamExt as _;
    /// use ssekit::{Bounds, Hub, Subscribe, hub::PositionForm};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let mut events = hub.subscribe(Subscribe::to("orders").position_form(PositionForm::IdOnly))?;
    /// let position = events.next().now_or_never().flatten().unwrap();
    /// assert!(position.starts_with(b"id: ") && !position.windows(6).any(|part| part == b"event:"));
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn position_form(mut self, form: PositionForm) -> Self {
        self.voice.form = Some(form);
        self
    }

    /// Sets the event type of this stream's positions.
    ///
    /// Default: [`HubBuilder::position_type`](super::HubBuilder::position_type), which alone is reserved: do
    /// not publish events with this one.
    pub fn position_type(mut self, event_type: EventType) -> Self {
        self.voice.position_type = Some(event_type);
        self
    }
}

impl Subscribe {
    /// Subscribes to a hub.
    pub(super) fn enter(self, shared: &Arc<Shared>) -> Result<Subscription, Refusal> {
        let (live, first, gap) = self.begin(shared)?;
        Ok(Subscription::of_hub(live).beginning_with(first, gap))
    }

    /// Subscribes to a hub. Returns the first block, and the gap that it reports, beside the reader.
    pub(super) fn begin(self, shared: &Arc<Shared>) -> Result<(Live, Option<Bytes>, Option<Gap>), Refusal> {
        // The ID is parsed without the lock; whether it was given out here is asked under it.
        let claim = Claim::new(self.after.as_ref(), &shared.ids);
        let now = shared.now();
        let entered = self.enter_locked(&claim, now, shared).map_err(|refusal| {
            trace::refused(self.topics.iter(), &refusal);
            let notices = self.voice.notices(&shared.notices);
            refusal.for_client(self.after.as_ref(), notices.as_deref().unwrap_or(&shared.notices))
        })?;
        // From here on application code is called. If it panics, the subscription is dropped, and leaves the hub.
        let mut live = Live::new(Arc::clone(shared), entered.reader);

        let id = match (&claim, entered.mark.position) {
            // The client's own spelling of an ID, which an order may allow more than one of.
            (Claim::Id(id, Some(located)), position) if position == *located => Some((*id).clone()),
            _ => shared.ids.id(entered.mark),
        };
        // Without a position the client would get its gap at each reconnect, and never be stopped.
        let id = id.or(entered.nothing_remains.then_some(EventId::from_static("")));
        let ends_at = entered.lifetime.and_then(|lifetime| shared.clock.now().checked_add(lifetime));
        let notices = self.voice.notices(&shared.notices);
        if ends_at.is_some() || self.filter.is_some() || self.lag != Lag::default() || notices.is_some() {
            let options = live.reader.options.choose();
            (options.ends_at, options.filter, options.lag) = (ends_at, self.filter, self.lag);
            options.notices = notices;
        }
        let gap = entered.gap.map(|reason| Gap::new(reason, id.clone()));
        if let Some(gap) = &gap {
            trace::gap(self.topics.iter(), gap.reason().as_str());
        }
        let first = live.notices().first(gap.as_ref(), id);
        Ok((live, first, gap))
    }

    /// Enters a client into the hub.
    fn enter_locked(&self, claim: &Claim<'_>, now: u64, shared: &Shared) -> Result<Entered, Refusal> {
        let state = &mut *lock(&shared.state);
        if let Some(closing) = state.closing.clone() {
            return Err(Refusal::closed(closing.come_back(state)));
        }
        // Before the position is looked up, so that what is too old is not delivered, and its loss
        // is a gap.
        state.expire(now);

        let (after, unknown) = claim.resolve(&state.ids);
        let (cursors, evicted) = find(&self.topics, self.start, after, state);
        let may_have_ended = after.is_some_and(|after| may_have_ended(&cursors, after, state));
        let gap = match unknown {
            true => Some(GapReason::Unknown),
            false => (evicted || may_have_ended).then_some(GapReason::Evicted),
        };
        let nothing_remains = cursors.iter().all(|cursor| cursor.is_at_the_end(state));
        // With a gap there is something to say, so that such a stream begins, and ends after it.
        if nothing_remains && gap.is_none() {
            for cursor in &cursors {
                // Looking may have opened topics, which nobody holds now.
                state.topics.retire(cursor.topic);
            }
            return Err(Refusal::finished());
        }

        state.gaps += u64::from(gap.is_some());
        state.resumed += u64::from(gap.is_none() && after.is_some());
        let position = freshest(&cursors, after.unwrap_or(0), state);
        let lifetime = match may_have_ended {
            // The stream says its gap and ends. The client comes back with a newer position, with
            // which it may wait.
            true => Some(Duration::ZERO),
            false => self.lifetime.map(|(max, jitter)| max - state.spread(jitter)),
        };
        let reader = Reader::enter(cursors, position, state);
        Ok(Entered { reader, mark: state.ids.mark(position), gap, nothing_remains, lifetime })
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

/// A client that has entered the hub.
struct Entered {
    reader: Reader,
    /// The newest position from which the client, if it were cut now, would get the same events.
    mark: Mark,
    gap: Option<GapReason>,
    /// No event remains for it, only the end.
    nothing_remains: bool,
    lifetime: Option<Duration>,
}

/// Returns whether possibly no event will follow: each topic has ended, or is unknown and may have ended.
///
/// Such a client gets a gap and its stream ends, because otherwise it might wait for ever. If it reconnects,
/// it has a newer position, with which it may wait.
fn may_have_ended(cursors: &[Cursor], after: Position, state: &State) -> bool {
    let topic = |cursor: &Cursor| state.topics.get(cursor.topic);
    state.topics.may_have_ended_since(after)
        && cursors.iter().any(|cursor| topic(cursor).is_unknown())
        && cursors.iter().all(|cursor| topic(cursor).is_unknown() || cursor.is_at_the_end(state))
}
