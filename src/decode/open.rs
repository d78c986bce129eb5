//! What a chunk left open: an event, and the line that it broke off in.

use std::{mem, ops::Range, time::Duration};

use super::{
    LimitExceeded, LimitKind, Limits,
    buffer::Buffer,
    line::{self, Line},
    text::Span,
};

/// The event that is open: the buffers of 9.2.6, and what it has used of its limits.
///
/// A value is copied here only if its event does not end in the same chunk, or if it is data of several lines.
#[derive(Debug, Default)]
pub(super) struct OpenEvent {
    /// The data, and behind it the line that is open: in its last line, data is put together where it lies.
    text: Buffer,
    /// Where the data is: the values of the `data` fields, with a line feed between each two. The open line, or the
    /// comment that was found last, begins where it ends.
    data: Range<usize>,
    pub(super) data_lines: usize,
    pub(super) event_type: Buffer,
    pub(super) id: Buffer,
    /// Tells an empty `id` field from none.
    pub(super) has_id: bool,
    /// How many bytes its lines have taken on the wire that have ended.
    bytes: usize,
    /// How many bytes the open line has so far; 0 if no line is open.
    line_bytes: usize,
    /// The open line is not kept.
    is_ignored: bool,
    /// It went over a limit: it will not be dispatched, and its data is not kept.
    over: bool,
    /// Some of the buffers may have something in them, or own much memory.
    pub(super) uses_buffers: bool,
}

/// What a line completes, if it is not an event.
pub(super) enum Found {
    /// A comment, in this chunk or in the line that an earlier chunk began.
    Comment(Span),
    Retry(Duration),
    LimitExceeded(LimitExceeded),
}

/// What the limits say to a line.
pub(super) enum Admission {
    Admitted,
    /// Too long a line in an event that is lost already.
    Ignored,
    /// This line takes the event over a limit.
    Over(LimitExceeded),
}

impl OpenEvent {
    /// Returns how many bytes may come, line ends included, before a line has to be checked.
    #[inline(always)]
    pub(super) fn room(&self, limits: &Limits) -> usize {
        if self.over {
            return 0;
        }
        let event_left = limits.max_event_bytes().saturating_sub(self.bytes);
        limits.max_line_bytes().min(event_left)
    }

    /// Counts bytes whose lines need no check.
    pub(super) fn count(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Checks and counts a line that has ended.
    pub(super) fn admit_line(&mut self, line_bytes: usize, limits: &Limits) -> Admission {
        let wire_bytes = line_bytes.saturating_add(1);
        let admission = self.judge(line_bytes, wire_bytes, limits);
        self.count(wire_bytes);
        admission
    }

    /// Counts the LF of a CR LF, if the CR ended a line of this event and not the event before.
    pub(super) fn count_lf(&mut self) {
        if self.is_open() {
            self.count(1);
        }
    }

    #[inline(always)]
    fn judge(&mut self, line_bytes: usize, wire_bytes: usize, limits: &Limits) -> Admission {
        if wire_bytes <= self.room(limits) {
            return Admission::Admitted;
        }
        self.judge_exactly(line_bytes, wire_bytes, limits)
    }

    #[cold]
    fn judge_exactly(&mut self, line_bytes: usize, wire_bytes: usize, limits: &Limits) -> Admission {
        let (max_line, max_event) = (limits.max_line_bytes(), limits.max_event_bytes());
        if self.over {
            return if line_bytes > max_line.min(max_event) {
                Admission::Ignored
            } else {
                Admission::Admitted
            };
        }
        let event_left = max_event.saturating_sub(self.bytes);
        // Of two limits, the one that was passed first: what is told does not depend on how the bytes were cut.
        if line_bytes > max_line && max_line <= event_left {
            Admission::Over(self.give_up(LimitKind::LineBytes, max_line))
        } else if wire_bytes > event_left {
            Admission::Over(self.give_up(LimitKind::EventBytes, max_event))
        } else {
            Admission::Admitted
        }
    }

    /// Counts a `data` field that has ended if it is the first one.
    #[inline(always)]
    pub(super) fn count_first_data_line(&mut self, limits: &Limits) -> bool {
        let is_first = self.data_lines == 0 && limits.max_data_lines() > 0;
        if is_first {
            self.data_lines = 1;
        }
        is_first
    }

    /// Counts a `data` field that has ended.
    #[inline(always)]
    pub(super) fn count_data_line(&mut self, limits: &Limits) -> Option<LimitExceeded> {
        if self.data_lines >= limits.max_data_lines() && !self.over {
            return Some(self.give_up(LimitKind::DataLines, limits.max_data_lines()));
        }
        self.data_lines = self.data_lines.saturating_add(1);
        None
    }

    #[inline]
    pub(super) fn set_event_type(&mut self, value: &[u8], limits: &Limits) {
        self.uses_buffers = true;
        set(&mut self.event_type, value, limits);
    }

    #[inline]
    pub(super) fn set_id(&mut self, value: &[u8], limits: &Limits) {
        self.uses_buffers = true;
        self.has_id = true;
        set(&mut self.id, value, limits);
    }

    /// Returns whether a blank line dispatches the event.
    #[inline(always)]
    pub(super) fn is_complete(&self, limits: &Limits) -> bool {
        self.data_lines > 0 && !self.over && self.bytes <= limits.max_event_bytes()
    }

    /// Returns the limit that the event has passed without being told: the LF of a CR LF is counted unchecked.
    pub(super) fn excess(&self, limits: &Limits) -> Option<LimitExceeded> {
        let max = limits.max_event_bytes();
        (self.bytes > max && !self.over).then(|| LimitExceeded::new(LimitKind::EventBytes, max))
    }

    /// Ends the event. Its values stay until `clear`.
    #[inline(always)]
    pub(super) fn end(&mut self) {
        self.bytes = 0;
        self.data_lines = 0;
        self.over = false;
    }

    /// Appends the value of a `data` field, before it is counted. No line is open.
    #[inline(always)]
    pub(super) fn push_data(&mut self, value: &[u8], limits: &Limits) {
        if self.over {
            return;
        }
        if self.data_lines > 0 {
            self.text.append(b"\n", limits.max_event_bytes());
        }
        self.append_data(value, limits);
    }

    /// Appends the value of the first `data` field, which was counted before. No line is open.
    pub(super) fn push_first_data(&mut self, value: &[u8], limits: &Limits) {
        if !self.over {
            self.append_data(value, limits);
        }
    }

    #[inline(always)]
    fn append_data(&mut self, value: &[u8], limits: &Limits) {
        self.uses_buffers = true;
        self.text.append(value, limits.max_event_bytes());
        self.data.end = self.text.len();
    }

    /// Returns whether a line is open.
    #[inline]
    pub(super) fn has_line(&self) -> bool {
        self.line_bytes > 0
    }

    /// Opens a line whose first bytes are such that it will be ignored.
    pub(super) fn open_ignored_line(&mut self, bytes: usize) {
        self.line_bytes = bytes;
        self.is_ignored = bytes > 0;
    }

    /// Takes in the piece of a line that a chunk ends with.
    #[inline(always)]
    pub(super) fn push_line(&mut self, piece: &[u8], limits: &Limits) -> Option<LimitExceeded> {
        self.line_bytes = self.line_bytes.saturating_add(piece.len());
        match self.judge(self.line_bytes, self.line_bytes, limits) {
            Admission::Admitted if self.is_ignored => {}
            Admission::Admitted => self.text.append(piece, limits.max_event_bytes()),
            Admission::Ignored => self.ignore_line(),
            Admission::Over(over) => {
                self.ignore_line();
                return Some(over);
            }
        }
        None
    }

    #[cold]
    fn ignore_line(&mut self) {
        self.is_ignored = true;
        self.text.truncate(self.data.end);
    }

    /// Takes in the last piece of the open line, up to its line end, and does what the line says.
    #[inline(always)]
    pub(super) fn end_line(&mut self, piece: &[u8], limits: &Limits) -> Option<Found> {
        let admission = self.admit_line(self.line_bytes.saturating_add(piece.len()), limits);
        self.line_bytes = 0;
        let mut found = None;
        match (admission, mem::take(&mut self.is_ignored)) {
            (Admission::Admitted, false) => {
                self.uses_buffers = true;
                self.text.append(piece, limits.max_event_bytes());
                let text = self.text.as_slice();
                let start = self.data.end;
                match Line::at(text, start, text.len()) {
                    Line::Data(at) if !self.over => {
                        return self.end_data_line(start + at, limits).map(Found::LimitExceeded);
                    }
                    Line::EventType(at) => set(&mut self.event_type, &text[start + at..], limits),
                    Line::Id(at) => {
                        self.has_id = true;
                        set(&mut self.id, &text[start + at..], limits);
                    }
                    // It stays until it has been lent.
                    Line::Comment => return Some(Found::Comment(Span::NONE)),
                    Line::Retry(at) => found = line::reconnection_time(&text[start + at..]).map(Found::Retry),
                    Line::Data(_) | Line::Blank | Line::Ignored => {}
                }
            }
            (Admission::Admitted | Admission::Ignored, _) => {}
            (Admission::Over(over), _) => found = Some(Found::LimitExceeded(over)),
        }
        self.text.truncate(self.data.end);
        found
    }

    /// Makes the open line, which has ended and whose value begins at `value` in the text, the last line of the data.
    #[inline(always)]
    fn end_data_line(&mut self, value: usize, limits: &Limits) -> Option<LimitExceeded> {
        if self.data_lines == 0 {
            self.data.start = value;
        } else {
            self.text.join(self.data.end, value);
        }
        self.data.end = self.text.len();
        self.count_data_line(limits)
    }

    /// Returns the data of the event that was open last.
    pub(super) fn data(&self) -> &[u8] {
        &self.text.as_slice()[self.data.clone()]
    }

    /// Returns the comment that `end_line` found last.
    pub(super) fn comment(&self) -> &[u8] {
        self.text.as_slice().get(self.data.end + 1..).unwrap_or_default()
    }

    /// Forgets that comment.
    pub(super) fn clear_comment(&mut self) {
        self.text.truncate(self.data.end);
    }

    /// Returns whether an event has begun and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.bytes > 0 || self.over
    }

    /// Empties the buffers for the next event.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.has_id = false;
        self.event_type.clear();
        self.id.clear();
        // Huge events come in a row: their buffer is given back when one that is not has come.
        self.text.clear_for_more();
        self.data = 0..0;
        self.uses_buffers = self.text.is_large();
    }

    /// Remembers that the event is lost, and frees its data. No line is open, or the one that is will be ignored.
    fn give_up(&mut self, kind: LimitKind, limit: usize) -> LimitExceeded {
        self.over = true;
        self.text = Buffer::default();
        self.data = 0..0;
        LimitExceeded::new(kind, limit)
    }
}

#[inline]
fn set(buffer: &mut Buffer, value: &[u8], limits: &Limits) {
    buffer.clear();
    buffer.append(value, limits.max_line_bytes());
}
