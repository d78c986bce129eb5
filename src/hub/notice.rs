use std::time::Duration;

use bytes::Bytes;

use crate::{
    decode::received_event::ReceivedEvent,
    event::{event_type::EventType, id::EventId, value::Event},
    wire::field::{DATA, ID},
};

/// Events that a subscriber cannot get any more. Its stream reports the gap before any later event.
///
/// On the wire it is an event of the type set by [`HubBuilder::reset_type`](super::HubBuilder::reset_type),
/// with the reason as JSON and the position as its ID. A client that is cut right after it loses nothing.
#[doc(alias = "snapshot")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    reason: GapReason,
    position: Option<EventId>,
}

/// The reason for a [`Gap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapReason {
    /// Events after its last event ID are no longer held, or a new client asked for the
    /// [oldest](super::Start::Oldest) event of a topic whose history has lost its beginning. The client gets
    /// all events that are held.
    Evicted,
    /// Its last event ID was not given out here, or not since the last restart. It begins like a new client.
    Unknown,
    /// It was too slow, and some events were evicted before delivery. It continues from the oldest event
    /// held.
    Lagged,
}

/// The form in which a subscription sends a position that has moved without an event.
///
/// Without it, a client that is cut before its first event, or whose topics are quiet while others are busy,
/// would resume with an ID that was evicted long ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PositionForm {
    /// An event of a reserved type, with empty data. All browsers store its ID.
    #[default]
    Event,
    /// A block with only an ID. It suffices for the standard and for Chromium, and scripts do not see it.
    /// Firefox and Safari store an ID only with a dispatched event, and several other clients turn each block
    /// without data into an empty message.
    IdOnly,
    /// Not sent. A client that is cut before its first event reconnects as a new one. A reconnection time is
    /// then a block of its own, which several clients turn into an empty message.
    ///
    /// With two exceptions, in which a stream ends with an event as in the form `Event`, because the client
    /// would come back to the same end for ever: if a filter drops the last events of finished topics, and if
    /// the lifetime of a relay's stream is over while it reads entries of the log that do not concern its
    /// client.
    Off,
}

/// A notice that a hub adds to the published events, read on the client's side.
///
/// Use it in a client of a hub to separate the hub's notices from the application's events. At a
/// [`Reset`](Self::Reset), reload the client's state. You need not handle a [`Position`](Self::Position); the
/// client stores its ID.
///
/// # Examples
///
/// ```
/// use ssekit::{EventStream, hub::{GapReason, Notice}};
///
/// # futures_util::FutureExt::now_or_never(async {
/// # let chunk = &b"event: reset\ndata: {\"reason\": \"evicted\"}\n\nid: 7\ndata: two coffees\n\n"[..];
/// # let response_body = futures_util::stream::iter([Ok::<_, std::io::Error>(chunk)]);
/// let mut events = EventStream::new(response_body);
/// while let Some(event) = events.next().await {
///     let event = event?;
///     match Notice::of(&event) {
///         None => assert_eq!(event.data(), "two coffees"),
///         Some(Notice::Reset(reason)) => assert_eq!(reason, Some(GapReason::Evicted)),
///         Some(_) => {}
///     }
/// }
/// # Ok::<_, ssekit::EventStreamError>(()) }).unwrap().unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The client's position has moved without an event.
    Position,
    /// Some events are no longer available, for this reason; `None` if this version of the crate does not
    /// know the reason.
    Reset(Option<GapReason>),
}

impl Notice {
    /// Returns the notice in this event, or `None` if the event was published.
    ///
    /// It assumes the hub's default types; for other types see [`with_types`](Self::with_types).
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use ssekit::{EventStream, hub::{GapReason, Notice}};
    ///
    /// let reset = "event: reset\ndata: {\"reason\": \"evicted\"}\n\n";
    /// let chunks = [Ok::<_, std::io::Error>(reset), Ok("data: two coffees\n\n")];
    /// let mut events = EventStream::new(futures_util::stream::iter(chunks));
    /// let gap = events.next().await.unwrap()?;
    /// assert_eq!(Notice::of(&gap), Some(Notice::Reset(Some(GapReason::Evicted))));
    /// let order = events.next().await.unwrap()?;
    /// assert_eq!(Notice::of(&order), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn of(event: &ReceivedEvent) -> Option<Self> {
        Self::with_types(event, POSITION, RESET)
    }

    /// Like [`of`](Self::of), for a hub with other types
    /// ([`position_type`](super::HubBuilder::position_type),
    /// [`reset_type`](super::HubBuilder::reset_type)).
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use ssekit::{EventStream, hub::Notice};
    ///
    /// let chunks = [Ok::<_, std::io::Error>("event: where-you-are\nid: 7\ndata: \n\n")];
    /// let mut events = EventStream::new(futures_util::stream::iter(chunks));
    /// let event = events.next().await.unwrap()?;
    /// assert_eq!(Notice::of(&event), None);
    /// assert_eq!(Notice::with_types(&event, "where-you-are", "load-again"), Some(Notice::Position));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn with_types(event: &ReceivedEvent, position_type: &str, reset_type: &str) -> Option<Self> {
        match event.event_type() {
            event_type if event_type == position_type => Some(Self::Position),
            event_type if event_type == reset_type => Some(Self::Reset(GapReason::from_data(event.data()))),
            _ => None,
        }
    }
}

impl Gap {
    pub(crate) fn new(reason: GapReason, position: Option<EventId>) -> Self {
        Self { reason, position }
    }

    /// Returns the reason for the gap.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, EventId, Hub, Subscribe, hub::GapReason};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let events = hub.subscribe(Subscribe::to("orders").after(EventId::from_static("unknown")))?;
    /// assert_eq!(events.gap().unwrap().reason(), GapReason::Unknown);
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn reason(&self) -> GapReason {
        self.reason
    }

    /// Returns the ID from which the client continues after the gap, if the kind of IDs has one.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, EventId, Hub, Subscribe};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let newest = hub.publish("orders", "two coffees")?;
    /// let events = hub.subscribe(Subscribe::to("orders").after(EventId::from_static("unknown")))?;
    /// assert_eq!(events.gap().unwrap().position(), Some(&newest));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn position(&self) -> Option<&EventId> {
        self.position.as_ref()
    }
}

impl GapReason {
    /// Returns the reason as written on the wire: `evicted`, `unknown` or `lagged`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::hub::GapReason;
    ///
    /// assert_eq!(GapReason::Evicted.as_str(), "evicted");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Unknown => "unknown",
            Self::Lagged => "lagged",
        }
    }

    fn from_data(data: &str) -> Option<Self> {
        [Self::Evicted, Self::Unknown, Self::Lagged].into_iter().find(|reason| reason.data() == data)
    }

    fn data(self) -> &'static str {
        match self {
            Self::Evicted => r#"{"reason": "evicted"}"#,
            Self::Unknown => r#"{"reason": "unknown"}"#,
            Self::Lagged => r#"{"reason": "lagged"}"#,
        }
    }
}

/// Notices that many subscriptions share. They never change, so no interleaving needs exploring.
pub(crate) type SharedNotices = std::sync::Arc<Notices>;

/// The encoding of a hub's notices.
#[derive(Clone, Debug)]
pub(crate) struct Notices {
    pub(super) form: PositionForm,
    pub(super) position_type: EventType,
    pub(super) reset_type: EventType,
    /// The reconnection time that streams begin with.
    pub(super) retry: Option<Duration>,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            form: PositionForm::Event,
            position_type: EventType::from_static(POSITION),
            reset_type: EventType::from_static(RESET),
            retry: None,
        }
    }
}

impl Notices {
    pub(super) fn is_reserved(&self, event: &Event) -> bool {
        event.event_type().is_some_and(|ty| *ty == self.position_type || *ty == self.reset_type)
    }

    /// Encodes the first block of a stream: the gap if there is one, or the position.
    pub(crate) fn first(&self, gap: Option<&Gap>, id: Option<EventId>) -> Option<Bytes> {
        match gap {
            Some(gap) => Some(self.encode_gap(gap, self.retry)),
            None => self.position(id, self.retry),
        }
    }

    /// Encodes a gap.
    pub(crate) fn gap(&self, gap: &Gap) -> Bytes {
        self.encode_gap(gap, None)
    }

    fn encode_gap(&self, gap: &Gap, retry: Option<Duration>) -> Bytes {
        let event = Event::new(gap.reason.data()).with_type(self.reset_type.clone());
        finish(event, gap.position.clone(), retry).encode()
    }

    /// Encodes a position and a reconnection time in one block, if there is either.
    pub(crate) fn position(&self, id: Option<EventId>, retry: Option<Duration>) -> Option<Bytes> {
        self.encode_position(id.filter(|_| self.sends_positions()), retry, self.form)
    }

    /// Like [`position`](Self::position), at an end to which the client would otherwise come back for ever.
    /// So it is sent in any form.
    pub(crate) fn position_at_end(&self, id: Option<EventId>, retry: Option<Duration>) -> Option<Bytes> {
        match self.form {
            // Of the two forms, all clients store the ID of this one.
            PositionForm::Off if id.is_some() => self.encode_position(id, retry, PositionForm::Event),
            form => self.encode_position(id, retry, form),
        }
    }

    /// Returns whether a position is sent when it has moved without an event.
    pub(crate) fn sends_positions(&self) -> bool {
        self.form != PositionForm::Off
    }

    fn encode_position(
        &self,
        id: Option<EventId>,
        retry: Option<Duration>,
        form: PositionForm,
    ) -> Option<Bytes> {
        if id.is_none() && retry.is_none() {
            return None;
        }
        let mut event = Event::default();
        if form == PositionForm::Event {
            // The type is for clients that dispatch a block without data nevertheless.
            event = event.with_type(self.position_type.clone());
            // An event without an ID would be one without a position.
            if id.is_some() {
                event = event.with_data("");
            }
        }
        Some(finish(event, id, retry).encode())
    }

    /// Encodes a position that has moved in a silence. A due event without an ID carries it, if clients store
    /// an ID with such an event.
    pub(crate) fn moved(&self, id: EventId, due: Option<&Bytes>) -> Option<Bytes> {
        match due.filter(|due| self.sends_positions() && has_data(due)) {
            // An ID field before a block with data gives that event its ID, which saves a block of
            // its own.
            Some(due) => Some([ID, id.as_bytes(), b"\n", due].concat().into()),
            None => self.position(Some(id), None),
        }
    }
}

/// Returns whether an encoded event has data.
fn has_data(event: &[u8]) -> bool {
    event.split(|byte| *byte == b'\n').any(|line| line.starts_with(DATA))
}

fn finish(mut event: Event, id: Option<EventId>, retry: Option<Duration>) -> Event {
    if let Some(id) = id {
        event = event.with_id(id);
    }
    match retry {
        Some(retry) => event.with_retry(retry),
        None => event,
    }
}

pub(crate) const POSITION: &str = "position";
pub(super) const RESET: &str = "reset";
