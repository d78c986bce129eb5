use std::{mem, time::Duration};

use crate::decode::{
    item::{EventRef, Item},
    last_id::LastId,
    leftover::Ignored,
    limits::{LimitExceeded, Limits},
    line::{self, Line},
    lines::Lines,
    open_event::{Admission, OpenEvent},
    value::Span,
};

/// The state that the lines of a stream have set so far (9.2.6).
///
/// The values of the open event are spans of the text until [`keep`](Self::keep) copies them.
#[derive(Default)]
pub(super) struct Interpreter {
    pub(super) limits: Limits,
    pub(super) reconnection_time: Option<Duration>,
    pub(super) last_event_id: LastId,
    pub(super) event: OpenEvent,
    /// The item found last is the open event. It is forgotten before the next line.
    is_dispatched: bool,
}

/// An item, without its texts.
pub(super) enum Found {
    Event,
    Comment(Span),
    Retry(Duration),
    LimitExceeded(LimitExceeded),
}

impl Interpreter {
    /// Interprets `lines` of `text` up to one that makes an item; `None` if no line that has ended is left.
    #[inline]
    pub(super) fn find(&mut self, text: &str, lines: &mut Lines) -> Option<Found> {
        while let Some(line) = lines.next(text.as_bytes()) {
            let Self { limits, event, .. } = &mut *self;
            // The bytes are compared, which takes less than characters. Their text is already known to be valid.
            let bytes = &text.as_bytes()[line.range()];
            match event.admit(bytes, limits) {
                Admission::Admitted => {}
                // The event is lost already, and this line would cost memory.
                Admission::Ignored => continue,
                Admission::Over(over) => return Some(Found::LimitExceeded(over)),
            }
            let over = match Line::of(bytes) {
                Line::Data(at) => event.push_data(line.from(at), text, limits),
                Line::Blank => {
                    if !lines.is_rest_of_cr_lf(text.as_bytes(), line) && self.end_event(text) {
                        return Some(Found::Event);
                    }
                    None
                }
                Line::EventType(at) => {
                    event.set_event_type(line.from(at));
                    None
                }
                Line::Id(at) => event.set_id(line.from(at), limits),
                // No limit applies but that on a line: it shows that the peer is alive, so it is never lost.
                Line::Comment => return Some(Found::Comment(line.from(1))),
                Line::Retry(at) => {
                    if let Some(time) = line::reconnection_time(line.from(at).of(text)) {
                        self.reconnection_time = Some(time);
                        return Some(Found::Retry(time));
                    }
                    None
                }
                Line::Ignored => {
                    event.ignored.push(line.of(text));
                    None
                }
            };
            if let Some(over) = over {
                return Some(Found::LimitExceeded(over));
            }
        }
        None
    }

    /// Ends the event at a blank line. Returns whether it is dispatched. Its ID takes effect even if it is
    /// not.
    #[inline]
    fn end_event(&mut self, text: &str) -> bool {
        // The standard commits the ID first, whether or not there is data.
        if let Some(id) = self.event.id(text) {
            self.last_event_id.set(id);
        }
        if self.event.is_complete() {
            // The event is not cleared here, because the item that is returned borrows from it.
            // `go_on` does that when the caller asks for the next one.
            self.is_dispatched = true;
            if self.event.ignored.lines > 0 {
                self.event.ignored = Ignored::default();
            }
            true
        } else {
            self.event.clear(&self.limits);
            false
        }
    }

    /// Prepares for what comes after the item found last.
    #[inline]
    pub(super) fn go_on(&mut self) {
        if mem::take(&mut self.is_dispatched) {
            self.event.clear(&self.limits);
        }
    }

    /// Copies the values of an event that is still open, because `text` will be dropped.
    #[inline]
    pub(super) fn keep(&mut self, text: &str) {
        debug_assert!(!self.is_dispatched, "a dispatched event is cleared before its text is dropped");
        if !self.event.is_kept() {
            self.event.keep(text, &self.limits);
        }
    }

    /// Adds the texts to what was found in `text`.
    #[inline]
    pub(super) fn item<'t>(&'t self, found: Found, text: &'t str) -> Item<'t> {
        match found {
            Found::Event => Item::Event(EventRef::new(&self.event, text, &self.last_event_id)),
            Found::Comment(span) => Item::Comment(span.of(text)),
            Found::Retry(time) => Item::Retry(time),
            Found::LimitExceeded(over) => Item::LimitExceeded(over),
        }
    }
}
