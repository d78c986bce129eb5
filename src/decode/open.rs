//! What a chunk left open: an event, and the line that it broke off in.

use std::{mem, ops::Range, time::Duration};

use super::{
    LimitExceeded, LimitKind, Limits,
    buffer::Buffer,
    leftover::Ignored,
    line::{self, Line},
    text::Span,
};

/// The event that is open: the buffers of 9.2.6, and the line that is open.
///
/// A value is copied here only if its event does not end in the same chunk, or if it is data of several lines.
///
/// The buffers are all that an event costs, so they are what its limit is about: a line that leaves nothing in them
/// (a comment, a `retry` field, a field that is ignored, a type that is replaced) takes nothing of it away.
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
    /// A line has come since the last blank line.
    is_open: bool,
    /// How many bytes the open line has so far; 0 if no line is open.
    line_bytes: usize,
    /// The open line is not kept.
    is_ignored: bool,
    /// It went over a limit: it will not be dispatched, and its data is not kept.
    over: bool,
    /// Some of the buffers may have something in them, or own much memory, or lines were ignored.
    pub(super) uses_buffers: bool,
    /// Those since the last dispatched event.
    pub(super) ignored: Ignored,
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
    /// Returns how many bytes of lines may come before a line has to be checked.
    ///
    /// What a line adds to the buffers, the line feed in front of its data included, is never longer than the line.
    #[inline(always)]
    pub(super) fn room(&self, limits: &Limits) -> usize {
        if self.over {
            return 0;
        }
        limits.max_line_bytes().min(limits.max_event_bytes().saturating_sub(self.held()))
    }

    /// Returns how many bytes its data and its type have.
    #[inline(always)]
    fn held(&self) -> usize {
        self.data.len() + self.event_type.len()
    }

    /// Takes note of a line that has ended, or of what it held.
    #[inline(always)]
    pub(super) fn open(&mut self) {
        self.is_open = true;
    }

    /// Checks a line that has more bytes than there is room for.
    ///
    /// Of the line, `begin` is the name and where the value begins, as far as that has come.
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
        // Of several limits, the one that was passed first: what is told does not depend on how the bytes were cut.
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

    /// Returns how many bytes a line may have for its value to fit in the event; `None` if it has none that is held.
    fn last_byte_within(&self, begin: &[u8], has_ended: bool, max: usize) -> Option<usize> {
        // Until the colon or the line end has come, a name may still become another.
        let value = |name: &[u8]| line::value_start(begin, name).filter(|&at| has_ended || at > name.len());
        if let Some(at) = value(DATA) {
            let others = self.held() + usize::from(self.data_lines > 0);
            // If not even an empty value fits, the byte that tells the name is too many, or the line end is.
            Some(max.checked_sub(others).map_or((at - 1).min(DATA.len()), |left| at.saturating_add(left)))
        } else {
            // The type that it replaces counts no longer.
            value(b"event").map(|at| at.saturating_add(max.saturating_sub(self.data.len())))
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
    pub(super) fn is_complete(&self) -> bool {
        self.data_lines > 0 && !self.over
    }

    /// Ends the event. Its values stay until `clear`.
    #[inline(always)]
    pub(super) fn end(&mut self) {
        self.is_open = false;
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

    /// Checks the open line, which has so many bytes with the next piece of it.
    #[inline(always)]
    fn admit_open_line(&mut self, bytes: usize, piece: &[u8], has_ended: bool, limits: &Limits) -> Admission {
        if bytes <= self.room(limits) {
            return Admission::Admitted;
        }
        let begin = self.begin_of_line(piece);
        self.admit(&begin[..bytes.min(begin.len())], bytes, has_ended, limits)
    }

    /// Returns the first bytes of the open line; of one that is ignored, bytes that begin no field.
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

    /// Takes in the last piece of the open line, up to its line end, and does what the line says.
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
                    // It stays until it has been lent.
                    Line::Comment => return Some(Found::Comment(Span::NONE)),
                    Line::Retry(at) => found = line::reconnection_time(&text[start + at..]).map(Found::Retry),
                    Line::Ignored => self.ignored.push(&text[start..]),
                    Line::Data(_) | Line::Blank => {}
                }
            }
            // A line that began with a part of a byte order mark, whose text is not kept.
            (Admission::Admitted, true) if !self.over => self.note_ignored(piece),
            (Admission::Admitted | Admission::Ignored, _) => {}
            (Admission::Over(over), _) => found = Some(Found::LimitExceeded(over)),
        }
        self.forget_line();
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

    /// Forgets that comment, and gives back the memory if it was much and is not the data's.
    pub(super) fn forget_comment(&mut self) {
        self.forget_line();
        if self.data.is_empty() {
            self.text.clear();
            self.data = 0..0;
        }
    }

    /// Forgets the line behind the data.
    #[inline(always)]
    pub(super) fn forget_line(&mut self) {
        self.text.truncate(self.data.end);
    }

    /// Remembers a line that is ignored. Keeps the decoder off its fast path until an event is dispatched.
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
        // Huge events come in a row: their buffer is given back when one that is not has come.
        self.text.clear_for_more();
        self.data = 0..0;
        self.uses_buffers = self.text.is_large() || self.ignored.lines > 0;
    }

    /// Remembers that the event is lost, and frees its data. No line is open, or the one that is will be ignored.
    fn give_up(&mut self, kind: LimitKind, limit: usize) -> LimitExceeded {
        self.over = true;
        self.is_open = true;
        self.text = Buffer::default();
        self.data = 0..0;
        LimitExceeded::new(kind, limit)
    }
}

const DATA: &[u8] = b"data";

/// Enough of a line to know which field it is and where its value begins: `event` and a colon and a space.
const LONGEST_BEGIN: usize = 7;

#[inline]
fn set(buffer: &mut Buffer, value: &[u8], limits: &Limits) {
    buffer.clear();
    buffer.append(value, limits.max_line_bytes());
}
