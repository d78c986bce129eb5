use bytes::Bytes;

use crate::{
    base::sync::lock,
    decode::{decoder::Decoder, item::Item, limits::Limits, received_event::ReceivedEvent},
    history::{position::Position, scheme::Mark},
    hub::{claim::Claim, core::shared::Shared, notice::GapReason, policies::Start, reader::find::find},
    request::LastEventId,
};

/// A part of a topic's history, as values. See [`Topic::history`](super::Topic::history).
///
/// It has at most as many events as were asked for, and at most [`MAX_BYTES`](Self::MAX_BYTES) of text or one
/// event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    events: Vec<ReceivedEvent>,
    /// The length of their text.
    bytes: usize,
    gap: Option<GapReason>,
    has_more: bool,
    position: Option<LastEventId>,
}

/// The events of a topic that lie in one piece.
struct Piece {
    run: Option<(Bytes, Position)>,
    gap: bool,
    /// The newest position of the hub.
    head: Mark,
    #[cfg(feature = "tokio")]
    is_closed: bool,
}

impl HistoryPage {
    /// The maximum length of the data, types and IDs of a page's events, in bytes. A page of one event may be
    /// larger.
    pub const MAX_BYTES: usize = 1 << 20;

    /// Creates an empty page.
    pub(crate) fn new(after: Option<LastEventId>, gap: Option<GapReason>) -> Self {
        Self { events: Vec::new(), bytes: 0, gap, has_more: false, position: after }
    }

    /// Reads up to `limit` events. Takes the lock for one piece of the history at a time, so that publishers
    /// do not wait.
    pub(super) fn read(shared: &Shared, topic: &str, after: Option<LastEventId>, limit: usize) -> Self {
        // One piece at a time, with the lock released in between. It is decoded without the lock.
        let claim = Claim::new(after.as_ref(), &shared.ids);
        let (start, unknown) = claim.resolve(&lock(&shared.state).ids);
        let piece = Piece::after(shared, topic, start);
        let evicted = piece.gap.then_some(GapReason::Evicted);
        let mut page = Self::new(after, if unknown { Some(GapReason::Unknown) } else { evicted });
        page.read_from(piece, shared, topic, limit);
        page
    }

    /// Adds the events of a hub after a position, or from the oldest event. Returns `false` and changes
    /// nothing if the hub lacks some of them, or is closed.
    #[cfg(feature = "tokio")]
    pub(super) fn go_on(
        &mut self,
        shared: &Shared,
        topic: &str,
        after: Option<Position>,
        limit: usize,
    ) -> bool {
        let piece = Piece::after(shared, topic, after);
        let holds_all =
            !piece.gap && !piece.is_closed && after.is_none_or(|after| after <= piece.head.position);
        if holds_all {
            self.read_from(piece, shared, topic, limit);
        }
        holds_all
    }

    fn read_from(&mut self, first: Piece, shared: &Shared, topic: &str, limit: usize) {
        let mut piece = first;
        while let Some((bytes, last)) = piece.run {
            if !self.add(&bytes, limit) {
                return;
            }
            piece = Piece::after(shared, topic, Some(last));
            // Evicted meanwhile. The next page tells the gap.
            self.has_more = piece.gap;
            if self.has_more {
                return;
            }
        }
        // Nothing is left up to the newest position of the hub, so that a page that begins there
        // skips other topics' events.
        self.has_more = false;
        self.position = shared.ids.id(piece.head).and_then(Into::into);
    }

    /// Adds the events of a text while they fit. Returns whether all did.
    pub(crate) fn add(&mut self, text: &[u8], limit: usize) -> bool {
        // What the hub holds is bounded already.
        let unlimited = Limits::new()
            .with_max_line_bytes(usize::MAX)
            .with_max_event_bytes(usize::MAX)
            .with_max_data_lines(usize::MAX)
            .with_max_id_bytes(usize::MAX);
        let mut decoder = Decoder::with_limits(unlimited);
        decoder.feed(text);
        while let Some(item) = decoder.next() {
            let Item::Event(event) = item else { continue };
            let id = event.last_event_id();
            let bytes = self.bytes + id.len() + event.event_type().len() + event.data().len();
            let is_full = !self.events.is_empty() && bytes > Self::MAX_BYTES;
            if is_full || self.events.len() >= limit {
                self.has_more = true;
                return false;
            }
            self.bytes = bytes;
            self.position = LastEventId::from_bytes(id.as_bytes());
            self.events.push(event.to_owned());
        }
        true
    }

    /// Sets the position after the page, and whether more may follow.
    #[cfg(feature = "tokio")]
    pub(crate) fn end_at(&mut self, position: Option<LastEventId>, has_more: bool) {
        (self.position, self.has_more) = (position, has_more);
    }

    /// Reports a gap before the page, unless it has one.
    #[cfg(feature = "tokio")]
    pub(crate) fn tell(&mut self, reason: GapReason) {
        self.gap.get_or_insert(reason);
    }

    /// Returns the events, in their order. Blocks without data, which no client dispatches, are left out.
    pub fn events(&self) -> &[ReceivedEvent] {
        &self.events
    }

    /// Returns the events, in their order.
    pub fn into_events(self) -> Vec<ReceivedEvent> {
        self.events
    }

    /// Returns why events are missing before this page, if some are: after the given ID, or from the
    /// beginning.
    pub fn gap(&self) -> Option<GapReason> {
        self.gap
    }

    /// Returns whether more events followed when it was read.
    ///
    /// For a page of a [relay](crate::relay) that was read from the log: whether the log had more entries,
    /// which may be events of other topics.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// Returns the position after this page: the last event ID of a client that has it.
    ///
    /// `None` only if the IDs are [unordered](crate::replay::Ids::unordered) and nothing was published yet.
    pub fn position(&self) -> Option<LastEventId> {
        self.position.clone()
    }
}

impl Piece {
    /// Reads after a position, or from the oldest event held.
    fn after(shared: &Shared, topic: &str, after: Option<Position>) -> Self {
        let now = shared.now();
        let state = &mut *lock(&shared.state);
        state.expire(now);
        let (cursors, gap) = find(&[topic.to_owned()], Start::Oldest, after, state);
        let mut run = None;
        for cursor in cursors {
            // The gap stands for evicted events; reading continues with what is held.
            let read = state.topics.read(cursor.topic, cursor.after, Position::MAX);
            run = read.map(|(run, _)| (run.bytes, run.last));
            state.topics.retire(cursor.topic);
        }
        state.give_back();
        let head = state.ids.head();
        Self {
            run,
            gap,
            head: state.ids.mark(head),
            #[cfg(feature = "tokio")]
            is_closed: state.closing.is_some(),
        }
    }
}
