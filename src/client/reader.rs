use std::time::Duration;

use crate::{
    client::update::Update,
    decode::{decoder::Decoder, item::Item, leftover::Leftover, limits::Limits},
};

/// Decodes a connection's body into updates, one at a time.
#[derive(Debug, Default)]
pub(super) struct Reader {
    decoder: Decoder,
    has_dispatched: bool,
    yields_comments: bool,
    yields_reconnection_times: bool,
    /// The last event ID that the application knows, if it asked for `LastEventId` updates.
    known_id: Option<String>,
}

impl Reader {
    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.decoder = Decoder::with_limits(limits).with_last_event_id(self.decoder.last_event_id());
    }

    /// Sets the last event ID, which the application knows. Discards everything received but not decoded.
    pub(super) fn set_last_event_id(&mut self, id: &str) {
        self.know(id);
        self.decoder.reset();
        self.decoder.set_last_event_id(id);
    }

    pub(super) fn yield_comments(&mut self) {
        self.yields_comments = true;
    }

    pub(super) fn yield_reconnection_times(&mut self) {
        self.yields_reconnection_times = true;
    }

    pub(super) fn yield_last_event_ids(&mut self) {
        self.known_id = Some(self.decoder.last_event_id().to_owned());
    }

    pub(super) fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    pub(super) fn reconnection_time(&self) -> Option<Duration> {
        self.decoder.reconnection_time()
    }

    /// Returns whether an event was dispatched on this connection.
    pub(super) const fn has_dispatched(&self) -> bool {
        self.has_dispatched
    }

    /// Returns whether everything received is decoded.
    pub(super) fn is_empty(&self) -> bool {
        self.decoder.is_used_up()
    }

    pub(super) fn feed(&mut self, chunk: &[u8]) {
        self.decoder.feed(chunk);
    }

    /// Decodes up to the next update; `None` if it takes another chunk.
    pub(super) fn next(&mut self) -> Option<Update> {
        let update = loop {
            match self.decoder.next() {
                Some(Item::Event(event)) => break Some(Update::Event(event.to_owned())),
                Some(Item::LimitExceeded(exceeded)) => break Some(Update::LimitExceeded(exceeded)),
                Some(Item::Comment(text)) if self.yields_comments => {
                    break Some(Update::Comment(text.to_owned()));
                }
                Some(Item::Retry(time)) if self.yields_reconnection_times => {
                    break Some(Update::ReconnectionTime(time));
                }
                // The decoder stores the reconnection time. A comment only ends a silence, which its bytes have done.
                Some(_) => {}
                None => break None,
            }
        };
        match &update {
            Some(Update::Event(event)) => {
                self.has_dispatched = true;
                if let Some(known) = &mut self.known_id {
                    event.last_event_id().clone_into(known);
                }
            }
            Some(_) => {}
            None => return self.changed_id(),
        }
        update
    }

    /// Ends the stream. Returns the unfinished event and the ignored lines, if there are any.
    pub(super) fn end(&mut self) -> Option<Leftover> {
        self.decoder.end()
    }

    /// Prepares for the next connection. Keeps the last event ID and the reconnection time.
    pub(super) fn reset(&mut self) {
        self.decoder.reset();
        self.has_dispatched = false;
    }

    /// Reports a last event ID that arrived without an event.
    fn changed_id(&mut self) -> Option<Update> {
        let known = self.known_id.as_mut()?;
        let id = self.decoder.last_event_id();
        if known == id {
            return None;
        }
        id.clone_into(known);
        Some(Update::LastEventId(id.to_owned()))
    }

    fn know(&mut self, id: &str) {
        if let Some(known) = &mut self.known_id {
            id.clone_into(known);
        }
    }
}
