//! The state between chunks: an open event, and an open line.

use std::{mem, ops::Range, time::Duration};

use crate::decode::{
    buffer::Buffer,
    leftover::Ignored,
    limits::{LimitExceeded, LimitKind, Limits},
    line,
    line::Line,
    text::Span,
};

/// The open event: the buffers of 9.2.6 and the open line.
///
/// A value is copied here only if its event ends in a later chunk, or if its data has several lines.
///
/// The limit on an event applies to these buffers, because they are all that an event costs. A line that leaves
/// nothing in them (a comment, a `retry` field, an ignored field, a type that is replaced) does not count.
#[derive(Debug, Default)]
pub(super) struct OpenEvent {
    /// The data, followed by the open line. The last line of data is appended in place.
    text: Buffer,
    /// The range of the data: the values of the `data` fields, joined by line feeds. The open line, or the comment
    /// found last, begins at its end.
    data: Range<usize>,
    pub(super) data_lines: usize,
    pub(super) event_type: Buffer,
    pub(super) id: Buffer,
    /// Distinguishes an empty `id` field from none.
    pub(super) has_id: bool,
    /// A line has arrived since the last blank line.
    is_open: bool,
    /// The number of bytes of the open line so far; 0 if no line is open.
    line_bytes: usize,
    /// The open line is discarded.
    is_ignored: bool,
    /// The event exceeded a limit: it will not be dispatched, and its data is discarded.
    over: bool,
    /// A buffer may be in use or large, or lines were ignored, so the fast path is not available.
    pub(super) uses_buffers: bool,
    /// The lines ignored since the last dispatched event.
    pub(super) ignored: Ignored,
}

/// The result of a line, other than an event.
pub(super) enum Found {
    /// A comment, in this chunk or in the line that began in an earlier one.
    Comment(Span),
    Retry(Duration),
    LimitExceeded(LimitExceeded),
}

/// The decision of the limits about a line.
pub(super) enum Admission {
    Admitted,
    /// The line is too long, and the event is already lost.
    Ignored,
    /// The line makes the event exceed a limit.
    Over(LimitExceeded),
}

impl OpenEvent {
    /// Returns the number of bytes that lines may have before one must be checked.
    ///
    /// This is safe because a line never adds more bytes to the buffers than it has, including the line feed before
    /// its data.
    #[inline(always)]
    pub(super) fn room(&self, limits: &Limits) -> usize {
        if self.over {
            return 0;
        }
        limits.max_line_bytes().min(limits.max_event_bytes().saturating_sub(self.held()))
    }

    /// Returns the number of bytes in the data and the type.
    #[inline(always)]
    fn held(&self) -> usize {
        self.data.len() + self.event_type.len()
    }

    /// Records that a line has arrived.
    #[inline(always)]
    pub(super) fn open(&mut self) {
        self.is_open = true;
    }

    /// Checks a line that has more bytes than `room` allows.
    ///
    /// `begin` holds the first bytes of the line: the field name and the start of the value, as far as they have
    /// arrived.
    #[cold]
    pub(super) fn admit(
        &mut self,
        begin: &[u8],
        bytes: usize,
        has_ended: bool,
        limits: &Limits,
    ) -> Admission {
        if self.over {
            return if bytes > limits.room() { Admission::Ignored } else { Admission::Admitted };
        }
        // If several limits are exceeded, report the one exceeded first, so that the result does not depend on how
        // the bytes are cut.
        let passed = |max: usize| (bytes > max).then_some(max);
        let line = passed(limits.max_line_bytes());
        let value = self.last_byte_within(begin, has_ended, limits.max_event_bytes()).and_then(passed);
        let event = [passed(limits.max_event_bytes()), value].into_iter().flatten().min();
        match (line, event) {
            (Some(line), event) if event.is_none_or(|event| line <= event) => {
                Admission::Over(self.give_up(LimitKind::LineBytes, limits.max_line_bytes()))
            }
            (_, Some(_)) => Admission::Over(self.give_up(LimitKind::EventBytes, limits.max_event_bytes())),
            (_, None) => Admission::Admitted,
        }
    }

    /// Returns the number of bytes that a line may have for its value to fit in the event; `None` if it has no value
    /// that is held.
    fn last_byte_within(&self, begin: &[u8], has_ended: bool, max: usize) -> Option<usize> {
        // Before the colon or the line end, the name may still turn into another one.
        let value = |name: &[u8]| line::value_start(begin, name).filter(|&at| has_ended || at > name.len());
        if let Some(at) = value(DATA) {
            let others = self.held() + usize::from(self.data_lines > 0);
            // If not even an empty value fits, the limit is exceeded by the byte that completes the name, or by the
            // line end.
            Some(max.checked_sub(others).map_or((at - 1).min(DATA.len()), |left| at.saturating_add(left)))
        } else {
            // The type that it replaces no longer counts.
            value(b"event").map(|at| at.saturating_add(max.saturating_sub(self.data.len())))
        }
    }

    /// Counts a `data` field that has ended, if it is the first one.
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
    pub(super) fn is_complete(&self) -> bool {
        self.data_lines > 0 && !self.over
    }

    /// Ends the event. Its values are kept until `clear`.
    #[inline(always)]
    pub(super) fn end(&mut self) {
        self.is_open = false;
        self.data_lines = 0;
        self.over = false;
    }

    /// Appends the value of a `data` field, before it is counted. No line may be open.
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

    /// Appends the value of the first `data` field, after it was counted. No line may be open.
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

    /// Opens a line that will be ignored because of its first bytes.
    pub(super) fn open_ignored_line(&mut self, bytes: usize) {
        self.line_bytes = bytes;
        self.is_ignored = bytes > 0;
    }

    /// Appends the part of a line that a chunk ends with.
    #[inline(always)]
    pub(super) fn push_line(&mut self, piece: &[u8], limits: &Limits) -> Option<LimitExceeded> {
        self.line_bytes = self.line_bytes.saturating_add(piece.len());
        match self.admit_open_line(self.line_bytes, piece, false, limits) {
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

    /// Checks the open line, which has this many bytes including the next piece.
    #[inline(always)]
    fn admit_open_line(&mut self, bytes: usize, piece: &[u8], has_ended: bool, limits: &Limits) -> Admission {
        if bytes <= self.room(limits) {
            return Admission::Admitted;
        }
        let begin = self.begin_of_line(piece);
        self.admit(&begin[..bytes.min(begin.len())], bytes, has_ended, limits)
    }

    /// Returns the first bytes of the open line. For a line that is ignored, returns bytes that are not a field.
    #[cold]
    fn begin_of_line(&self, piece: &[u8]) -> [u8; LONGEST_BEGIN] {
        let mut begin = [b':'; LONGEST_BEGIN];
        if !self.is_ignored {
            let line = self.text.as_slice()[self.data.end..].iter().chain(piece);
            begin.iter_mut().zip(line).for_each(|(begin, byte)| *begin = *byte);
        }
        begin
    }

    #[cold]
    fn ignore_line(&mut self) {
        self.is_ignored = true;
        self.forget_line();
    }

    /// Appends the last piece of the open line, up to its line end, and interprets the line.
    #[inline(always)]
    pub(super) fn end_line(&mut self, piece: &[u8], limits: &Limits) -> Option<Found> {
        let bytes = self.line_bytes.saturating_add(piece.len());
        let admission = self.admit_open_line(bytes, piece, true, limits);
        self.line_bytes = 0;
        self.open();
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
                    Line::Id(at) | Line::LongId(at) => match limits.check_id(&text[start + at..]) {
                        Some(over) => found = Some(Found::LimitExceeded(over)),
                        None => {
                            self.has_id = true;
                            set(&mut self.id, &text[start + at..], limits);
                        }
                    },
                    // The comment stays in the buffer until the caller has seen it.
                    Line::Comment => return Some(Found::Comment(Span::NONE)),
                    Line::Retry(at) => found = line::reconnection_time(&text[start + at..]).map(Found::Retry),
                    Line::Ignored => self.ignored.push(&text[start..]),
                    Line::Data(_) | Line::Blank => {}
                }
            }
            // The line began with part of a byte order mark, whose bytes are not kept.
            (Admission::Admitted, true) if !self.over => self.note_ignored(piece),
            (Admission::Admitted | Admission::Ignored, _) => {}
            (Admission::Over(over), _) => found = Some(Found::LimitExceeded(over)),
        }
        self.forget_line();
        found
    }

    /// Makes the open line, which has ended and whose value begins at `value`, the last line of the data.
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

    /// Returns the data of the last event.
    pub(super) fn data(&self) -> &[u8] {
        &self.text.as_slice()[self.data.clone()]
    }

    /// Returns the comment that `end_line` found last.
    pub(super) fn comment(&self) -> &[u8] {
        self.text.as_slice().get(self.data.end + 1..).unwrap_or_default()
    }

    /// Discards that comment. Frees the memory if it is large and the data does not use it.
    pub(super) fn forget_comment(&mut self) {
        self.forget_line();
        if self.data.is_empty() {
            self.text.clear();
            self.data = 0..0;
        }
    }

    /// Discards the line after the data.
    #[inline(always)]
    pub(super) fn forget_line(&mut self) {
        self.text.truncate(self.data.end);
    }

    /// Records an ignored line. Keeps the decoder off its fast path until an event is dispatched.
    #[cold]
    pub(super) fn note_ignored(&mut self, line: &[u8]) {
        self.ignored.push(line);
        self.uses_buffers = true;
    }

    /// Returns whether a line has come since the last blank line.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Empties the buffers for the next event.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.has_id = false;
        self.event_type.clear();
        self.id.clear();
        // Huge events often come in a row, so the buffer is freed only after a smaller one.
        self.text.clear_for_more();
        self.data = 0..0;
        self.uses_buffers = self.text.is_large() || self.ignored.lines > 0;
    }

    /// Records that the event is lost, and frees its data. No line is open, or the open line will be ignored.
    fn give_up(&mut self, kind: LimitKind, limit: usize) -> LimitExceeded {
        self.over = true;
        self.is_open = true;
        self.text = Buffer::default();
        self.data = 0..0;
        LimitExceeded::new(kind, limit)
    }
}

const DATA: &[u8] = b"data";

/// The number of bytes that identify a field and the start of its value: `event`, a colon and a space.
const LONGEST_BEGIN: usize = 7;

#[inline]
fn set(buffer: &mut Buffer, value: &[u8], limits: &Limits) {
    buffer.clear();
    buffer.append(value, limits.max_line_bytes());
}
