use std::mem;

use crate::decode::{
    leftover::Ignored,
    limits::{LimitExceeded, LimitKind, Limits},
    line,
    value::{self, Kept, Span},
};

/// The event that the next blank line ends: the buffers of 9.2.6.
///
/// The limit on an event applies to its data and type. A line that leaves nothing in them (a comment, a
/// `retry` field, an ignored field, a type that is replaced) does not count.
#[derive(Debug, Default)]
pub(super) struct OpenEvent {
    /// The values in the text. One that is empty may be in `kept` instead.
    values: Values,
    /// Values that were copied. The data has a line feed behind each line.
    kept: Kept,
    /// A value is in `kept`, or a buffer there is large and will be freed soon.
    has_kept: bool,
    data_lines: usize,
    /// Distinguishes an empty `id` field from none.
    has_id: bool,
    /// A line of up to this many bytes is surely within the limits. No bytes if the event is lost.
    room: usize,
    /// The event exceeded a limit: it will not be dispatched, and its data is discarded.
    is_lost: bool,
    /// The lines ignored since the last dispatched event.
    pub(super) ignored: Ignored,
}

#[derive(Clone, Copy, Debug, Default)]
struct Values {
    data: Span,
    event_type: Span,
    id: Span,
}

/// The decision of the limits about a line.
pub(super) enum Admission {
    Admitted,
    /// The event is already lost, and the line is data or too long.
    Ignored,
    /// The line makes the event exceed a limit.
    Over(LimitExceeded),
}

impl OpenEvent {
    /// Checks a line that has ended.
    #[inline]
    pub(super) fn admit(&mut self, line: &[u8], limits: &Limits) -> Admission {
        // Fast path: a line adds no more bytes to the event than it has, and one for the line feed before its data.
        match self.room.checked_sub(line.len() + 1) {
            Some(room) => {
                self.room = room;
                Admission::Admitted
            }
            None => self.admit_long(line, true, limits),
        }
    }

    /// Checks the beginning of a line that has not ended.
    #[inline]
    pub(super) fn admit_open(&mut self, line: &[u8], limits: &Limits) -> Admission {
        if line.len() <= self.room { Admission::Admitted } else { self.admit_long(line, false, limits) }
    }

    #[cold]
    fn admit_long(&mut self, line: &[u8], has_ended: bool, limits: &Limits) -> Admission {
        let (max_line, max_event) = (limits.max_line_bytes(), limits.max_event_bytes());
        // Of a lost event, lines within the limits are still read, except for data: its ID, its
        // reconnection time and the blank line that ends it take effect.
        if self.is_lost {
            let is_data = has_ended && line::value_start(line, b"data").is_some();
            return if is_data || line.len() > max_line.min(max_event) {
                Admission::Ignored
            } else {
                Admission::Admitted
            };
        }
        // The fast path counts every line as if it were held, so `room` may be too small. It is
        // counted anew before a line is rejected.
        self.room = max_line.min(max_event.saturating_sub(self.held()));
        if line.len() <= self.room {
            if has_ended {
                self.room = self.room.saturating_sub(line.len() + 1);
            }
            return Admission::Admitted;
        }
        // If several limits are exceeded, report the one exceeded first, so that the result does not depend on how
        // the bytes are cut.
        let event =
            self.last_byte_within(line, has_ended, max_event).map_or(max_event, |last| last.min(max_event));
        if line.len() <= max_line.min(event) {
            // It replaces a type, after which it is open how much room is left.
            self.room = 0;
            Admission::Admitted
        } else if max_line <= event {
            Admission::Over(self.give_up(LimitKind::LineBytes, max_line))
        } else {
            Admission::Over(self.give_up(LimitKind::EventBytes, max_event))
        }
    }

    fn data_len(&self) -> usize {
        self.values.data.len() + self.kept.data.len().saturating_sub(1)
    }

    /// Returns the number of bytes in the data and the type.
    fn held(&self) -> usize {
        self.data_len() + self.values.event_type.len() + self.kept.event_type.len()
    }

    /// Returns the number of bytes that a line may have for its value to fit in the event; `None` if it has
    /// no value that is held.
    fn last_byte_within(&self, line: &[u8], has_ended: bool, max: usize) -> Option<usize> {
        // Before the colon or the line end, the name may still turn into another one.
        let is_known = |at: usize, name: usize| has_ended || at > name;
        if let Some(at) = line::value_start(line, b"data").filter(|&at| is_known(at, 4)) {
            let others = self.held() + usize::from(self.data_lines > 0);
            // If not even an empty value fits, the limit is exceeded by the byte that completes the name, or by the
            // line end.
            Some(max.checked_sub(others).map_or((at - 1).min(4), |left| at.saturating_add(left)))
        } else {
            // The type that it replaces no longer counts.
            let at = line::value_start(line, b"event").filter(|&at| is_known(at, 5))?;
            Some(at.saturating_add(max.saturating_sub(self.data_len())))
        }
    }

    /// Adds a line of data, which is a part of `text`.
    #[inline]
    pub(super) fn push_data(&mut self, span: Span, text: &str, limits: &Limits) -> Option<LimitExceeded> {
        debug_assert!(!self.is_lost, "data of a lost event is not admitted");
        if self.data_lines >= limits.max_data_lines() {
            return Some(self.give_up(LimitKind::DataLines, limits.max_data_lines()));
        }
        self.data_lines += 1;
        if self.data_lines == 1 {
            // Fast path: most events have one line of data, which stays where it is.
            self.values.data = span;
        } else {
            self.join_data(span, text, limits.max_event_bytes());
        }
        None
    }

    /// Appends another line to the data.
    #[inline]
    fn join_data(&mut self, span: Span, text: &str, max: usize) {
        if self.kept.data.is_empty() {
            // The first line is copied only when a second one comes.
            let first = mem::take(&mut self.values.data);
            value::append_line(&mut self.kept.data, first, text, max);
        }
        self.has_kept = true;
        value::append_line(&mut self.kept.data, span, text, max);
    }

    #[inline]
    pub(super) fn set_event_type(&mut self, span: Span) {
        self.values.event_type = span;
        // The last type wins, over one that was copied from dropped text as well.
        self.kept.event_type.clear();
    }

    #[inline]
    pub(super) fn set_id(&mut self, span: Span, limits: &Limits) -> Option<LimitExceeded> {
        let max = limits.max_id_bytes();
        if span.len() > max {
            return Some(LimitExceeded::new(LimitKind::IdBytes, max));
        }
        self.values.id = span;
        self.kept.id.clear();
        self.has_id = true;
        None
    }

    /// Returns whether a blank line dispatches the event.
    #[inline]
    pub(super) fn is_complete(&self) -> bool {
        debug_assert!(!self.is_lost || self.data_lines == 0, "the data of a lost event is discarded");
        self.data_lines > 0
    }

    #[inline]
    pub(super) fn data<'v>(&'v self, text: &'v str) -> &'v str {
        // The standard, too, removes the line feed behind the last line.
        self.kept.data.strip_suffix('\n').unwrap_or_else(|| self.values.data.of(text))
    }

    #[inline]
    pub(super) fn event_type<'v>(&'v self, text: &'v str) -> &'v str {
        if self.kept.event_type.is_empty() { self.values.event_type.of(text) } else { &self.kept.event_type }
    }

    /// Returns the ID if the event has an `id` field.
    #[inline]
    pub(super) fn id<'v>(&'v self, text: &'v str) -> Option<&'v str> {
        if !self.has_id {
            return None;
        }
        Some(if self.kept.id.is_empty() { self.values.id.of(text) } else { &self.kept.id })
    }

    /// Returns whether no value is in the text.
    #[inline]
    pub(super) fn is_kept(&self) -> bool {
        let Values { data, event_type, id } = self.values;
        // A value comes behind a name, so it does not end at the start of the text.
        data.range().end | event_type.range().end | id.range().end == 0
    }

    /// Returns whether no memory is to be freed.
    #[inline]
    pub(super) fn has_no_buffers(&self) -> bool {
        !self.has_kept
    }

    /// Copies the values from `text`, which will be dropped.
    pub(super) fn keep(&mut self, text: &str, limits: &Limits) {
        let Values { data, event_type, id } = mem::take(&mut self.values);
        self.has_kept = true;
        if self.data_lines > 0 && self.kept.data.is_empty() {
            value::append_line(&mut self.kept.data, data, text, limits.max_event_bytes());
        }
        value::append(&mut self.kept.event_type, event_type, text, limits.max_event_bytes());
        value::append(&mut self.kept.id, id, text, limits.max_id_bytes());
    }

    /// Prepares for the next event.
    #[inline]
    pub(super) fn clear(&mut self, limits: &Limits) {
        self.room = limits.max_line_bytes().min(limits.max_event_bytes());
        self.values = Values::default();
        self.data_lines = 0;
        self.has_id = false;
        self.is_lost = false;
        if self.has_kept {
            self.has_kept = self.kept.clear();
        }
    }

    /// Records that the event is lost, and frees its data.
    #[cold]
    fn give_up(&mut self, kind: LimitKind, limit: usize) -> LimitExceeded {
        self.is_lost = true;
        // No room, so that each further line takes the slow path, which knows that the event is
        // lost. Its data is freed now, as the rest of the event may take long to come.
        self.room = 0;
        self.data_lines = 0;
        self.values.data = Span::default();
        self.kept.data = String::new();
        LimitExceeded::new(kind, limit)
    }
}
