use bytes::Bytes;

use crate::{
    base::sync::lock,
    decode::{decoder::Decoder, item::Item, limits::Limits, received_event::ReceivedEvent},
    history::{position::Position, scheme::Mark},
    hub::{claim::Claim, core::shared::Shared, notice::GapReason, policies::Start, reader::find::find},
    request::LastEventId,
};

/// A part of a topic's history, as values. See [`Topic::history`](super::Topic::history).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    events: Vec<ReceivedEvent>,
    gap: Option<GapReason>,
    has_more: bool,
    position: Option<LastEventId>,
}

/// The events of a topic that lie in one piece.
struct Piece {
    run: Option<(Bytes, Position)>,
    gap: Option<GapReason>,
    /// The newest position of the hub.
    head: Mark,
}

impl HistoryPage {
    /// Reads up to `limit` events. Takes the lock for one piece of the history at a time, so that publishers
    /// do not wait.
    pub(super) fn read(shared: &Shared, topic: &str, after: Option<LastEventId>, limit: usize) -> Self {
        // One piece at a time, with the lock released in between. It is decoded without the lock.
        let mut piece = Piece::after_claim(shared, topic, &Claim::new(after.as_ref(), &shared.ids));
        let mut page = Self { events: Vec::new(), gap: piece.gap, has_more: false, position: after };
        while let Some((bytes, last)) = piece.run {
            if !page.take(&bytes, limit) {
                page.has_more = true;
                return page;
            }
            piece = Piece::after(shared, topic, Some(last));
            // Evicted meanwhile. The next page tells the gap.
            page.has_more = piece.gap.is_some();
            if page.has_more {
                return page;
            }
        }
        // Nothing is left up to the newest position of the hub, so that a page that begins there
        // skips other topics' events.
        page.position = shared.ids.id(piece.head).and_then(Into::into);
        page
    }

    /// Adds the events of a text, up to a limit. Returns whether all had room.
    fn take(&mut self, text: &[u8], limit: usize) -> bool {
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
            if self.events.len() == limit {
                return false;
            }
            self.position = LastEventId::from_bytes(event.last_event_id().as_bytes());
            self.events.push(event.to_owned());
        }
        true
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
    fn after_claim(shared: &Shared, topic: &str, claim: &Claim<'_>) -> Self {
        let (after, unknown) = claim.resolve(&lock(&shared.state).ids);
        let piece = Self::after(shared, topic, after);
        Self { gap: if unknown { Some(GapReason::Unknown) } else { piece.gap }, ..piece }
    }

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
        let head = state.ids.head();
        Self { run, gap: gap.then_some(GapReason::Evicted), head: state.ids.mark(head) }
    }
}
