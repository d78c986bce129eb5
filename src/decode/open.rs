//! What a chunk left open: an event, and the line that it broke off in.

use std::mem;

use super::{LimitExceeded, LimitKind, Limits, buffer::Buffer, line};

/// The event that is open: the buffers of 9.2.6, and what it has used of its limits.
///
/// A value is copied here only if its event does not end in the same chunk, or if it is data of several lines.
#[derive(Debug, Default)]
pub(super) struct OpenEvent {
    /// The values of its `data` fields, with a line feed between each two.
    pub(super) data: Buffer,
    pub(super) data_lines: usize,
    pub(super) event_type: Buffer,
    pub(super) id: Buffer,
    /// Tells an empty `id` field from none.
    pub(super) has_id: bool,
    /// How many bytes it has taken on the wire.
    bytes: usize,
    /// It went over a limit: it will not be dispatched, and its data is not kept.
    over: bool,
    /// Some of the buffers may have something in them, or own much memory.
    pub(super) uses_buffers: bool,
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

    /// Checks what there is of a line that has not ended.
    pub(super) fn admit_open_line(&mut self, line_bytes: usize, limits: &Limits) -> Admission {
        self.judge(line_bytes, line_bytes, limits)
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
        self.event_type.clear();
        self.event_type.append(value, limits.max_line_bytes());
    }

    #[inline]
    pub(super) fn set_id(&mut self, value: &[u8], limits: &Limits) {
        self.uses_buffers = true;
        self.has_id = true;
        self.id.clear();
        self.id.append(value, limits.max_line_bytes());
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

    /// Appends the value of a `data` field, or the first piece of it, before it is counted.
    #[inline]
    pub(super) fn push_data(&mut self, value: &[u8], limits: &Limits) {
        if self.data_lines > 0 {
            self.extend_data(b"\n", limits);
        }
        self.extend_data(value, limits);
    }

    /// Appends more of the value that was appended last.
    #[inline]
    pub(super) fn extend_data(&mut self, piece: &[u8], limits: &Limits) {
        if !self.over {
            self.uses_buffers = true;
            self.data.append(piece, limits.max_event_bytes());
        }
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
        self.data.clear_for_more();
        self.uses_buffers = self.data.is_large();
    }

    /// Remembers that the event is lost, and frees its data.
    fn give_up(&mut self, kind: LimitKind, limit: usize) -> LimitExceeded {
        self.over = true;
        self.data = Buffer::default();
        LimitExceeded::new(kind, limit)
    }
}

/// The line that is open: what the chunks so far had of it.
#[derive(Debug, Default)]
pub(super) struct OpenLine {
    /// How many bytes there were; 0 if no line is open.
    bytes: usize,
    /// These bytes, unless they went to the event's data or the line is ignored.
    kept: Buffer,
    /// It is a `data` field, whose value goes straight to the event.
    is_data: bool,
    is_ignored: bool,
}

/// What the end of an open line gave.
pub(super) enum Ended<'a> {
    /// The whole line, to be interpreted.
    Line(&'a [u8]),
    /// Nothing more: it went to the event, or is ignored.
    Done,
    Over(LimitExceeded),
}

impl OpenLine {
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.bytes > 0
    }

    /// Opens a line whose first bytes are such that it will be ignored.
    pub(super) fn begin_ignored(&mut self, bytes: usize) {
        self.bytes = bytes;
        self.is_ignored = bytes > 0;
    }

    /// Takes in the piece of a line that a chunk ends with.
    #[inline(always)]
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        event: &mut OpenEvent,
        limits: &Limits,
    ) -> Option<LimitExceeded> {
        self.bytes = self.bytes.saturating_add(piece.len());
        match event.admit_open_line(self.bytes, limits) {
            Admission::Over(over) => {
                self.ignore();
                return Some(over);
            }
            Admission::Ignored => self.ignore(),
            Admission::Admitted if self.is_ignored => {}
            Admission::Admitted if self.is_data => event.extend_data(piece, limits),
            Admission::Admitted => {
                if self.bytes == piece.len() {
                    if let Some(value) = line::open_data_value(piece) {
                        self.is_data = true;
                        event.push_data(value, limits);
                        return None;
                    }
                }
                self.kept.append(piece, limits.max_line_bytes());
                if let Some(value) = line::open_data_value(self.kept.as_slice()) {
                    self.is_data = true;
                    event.push_data(value, limits);
                    self.kept.clear();
                }
            }
        }
        None
    }

    /// Takes in the last piece of the line, up to its line end.
    #[inline(always)]
    pub(super) fn end(&mut self, piece: &[u8], event: &mut OpenEvent, limits: &Limits) -> Ended<'_> {
        let admission = event.admit_line(self.bytes.saturating_add(piece.len()), limits);
        self.bytes = 0;
        let (is_data, is_ignored) = (mem::take(&mut self.is_data), mem::take(&mut self.is_ignored));
        match admission {
            Admission::Over(over) => {
                self.kept.clear();
                Ended::Over(over)
            }
            Admission::Admitted if is_data => {
                event.extend_data(piece, limits);
                event.count_data_line(limits).map_or(Ended::Done, Ended::Over)
            }
            Admission::Admitted if !is_ignored => {
                self.kept.append(piece, limits.max_line_bytes());
                Ended::Line(self.kept.as_slice())
            }
            Admission::Admitted | Admission::Ignored => {
                self.kept.clear();
                Ended::Done
            }
        }
    }

    /// Returns the comment that the line was which `end` returned last.
    pub(super) fn comment(&self) -> &[u8] {
        self.kept.as_slice().get(1..).unwrap_or_default()
    }

    /// Forgets the line that `end` returned.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
    }

    fn ignore(&mut self) {
        self.is_ignored = true;
        self.kept = Buffer::default();
    }
}
