use std::fmt;

use thiserror::Error;

use super::{last_id::SHORT_ID, text};

/// How much one event may take, so that a peer cannot make a [`Decoder`](super::Decoder) hold more.
///
/// The defaults suit answers of language models, pictures in base64 included; raise them for a peer that you trust
/// with more memory, lower them for many connections to peers that you do not. When an event goes over a limit,
/// that event alone is lost: see [`LimitExceeded`].
///
/// A decoder holds at most one line, the data and the type of one event, its ID and the last event ID, each within
/// its limit; so does the text of what was not UTF-8, which takes more bytes than it took on the wire. Bytes that
/// are not held, such as those of comments, of `retry` fields and of fields that the standard ignores, count for
/// their line alone: a stream may send them for ever between two events.
///
/// # Examples
///
/// ```
/// use ssekit::decode::{Decoder, Limits};
///
/// let limits = Limits::new().with_max_line_bytes(64 * 1024).with_max_event_bytes(256 * 1024);
/// let decoder = Decoder::with_limits(limits);
/// assert_eq!(decoder.limits().max_data_lines(), Limits::DEFAULT_MAX_DATA_LINES);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    max_line_bytes: usize,
    max_event_bytes: usize,
    max_data_lines: usize,
    max_id_bytes: usize,
}

impl Limits {
    /// The default of [`max_line_bytes`](Self::max_line_bytes): 8 MiB.
    pub const DEFAULT_MAX_LINE_BYTES: usize = 8 * 1024 * 1024;
    /// The default of [`max_event_bytes`](Self::max_event_bytes): 8 MiB.
    pub const DEFAULT_MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;
    /// The default of [`max_data_lines`](Self::max_data_lines): 1,048,576.
    pub const DEFAULT_MAX_DATA_LINES: usize = 1024 * 1024;
    /// The default of [`max_id_bytes`](Self::max_id_bytes): 64 KiB.
    pub const DEFAULT_MAX_ID_BYTES: usize = 64 * 1024;

    /// Creates the default limits.
    pub const fn new() -> Self {
        Self {
            max_line_bytes: Self::DEFAULT_MAX_LINE_BYTES,
            max_event_bytes: Self::DEFAULT_MAX_EVENT_BYTES,
            max_data_lines: Self::DEFAULT_MAX_DATA_LINES,
            max_id_bytes: Self::DEFAULT_MAX_ID_BYTES,
        }
    }

    /// Sets how many bytes a line may have, its line end not counted.
    #[must_use]
    pub const fn with_max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = bytes;
        self
    }

    /// Sets how many bytes of text the data and the type of an event may have together.
    ///
    /// The line feeds that join the lines of the data count, too. No line may be longer than this either, whatever
    /// is in it, so that a low limit need not be set twice.
    #[must_use]
    pub const fn with_max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event_bytes = bytes;
        self
    }

    /// Sets how many `data` fields an event may have.
    #[must_use]
    pub const fn with_max_data_lines(mut self, lines: usize) -> Self {
        self.max_data_lines = lines;
        self
    }

    /// Sets how many bytes of text an event ID may have.
    ///
    /// An `id` field over this limit is ignored, as one with NUL in it is: the event keeps the ID that it would have
    /// without that field, and still comes. [`LimitExceeded`] comes before it, since a client that reconnects will
    /// not ask for what follows this event. A server that reads IDs from requests may accept far fewer bytes: many
    /// refuse headers of more than 8 KiB.
    #[must_use]
    pub const fn with_max_id_bytes(mut self, bytes: usize) -> Self {
        self.max_id_bytes = bytes;
        self
    }

    /// Returns how many bytes a line may have, its line end not counted.
    pub const fn max_line_bytes(&self) -> usize {
        self.max_line_bytes
    }

    /// Returns how many bytes of text the data and the type of an event may have together.
    pub const fn max_event_bytes(&self) -> usize {
        self.max_event_bytes
    }

    /// Returns how many `data` fields an event may have.
    pub const fn max_data_lines(&self) -> usize {
        self.max_data_lines
    }

    /// Returns how many bytes of text an event ID may have.
    pub const fn max_id_bytes(&self) -> usize {
        self.max_id_bytes
    }

    /// Returns how many bytes any line may have. So many bytes at the beginning of an event are within the limits of
    /// bytes however they are divided into lines, since what is held of a line is never longer than the line.
    #[inline(always)]
    pub(super) const fn room(&self) -> usize {
        if self.max_line_bytes < self.max_event_bytes { self.max_line_bytes } else { self.max_event_bytes }
    }

    /// Returns whether a first `data` field and an ID of up to [`SHORT_ID`] bytes need no check.
    #[inline(always)]
    pub(super) const fn allow_plain_events(&self) -> bool {
        // A byte that is no UTF-8 becomes three bytes of text.
        self.max_data_lines > 0 && self.max_id_bytes >= 3 * SHORT_ID
    }

    /// Checks how long an ID is as text.
    #[inline(always)]
    pub(super) fn check_id(&self, id: &[u8]) -> Option<LimitExceeded> {
        if id.len() <= self.max_id_bytes / 3 { None } else { self.check_long_id(id) }
    }

    #[cold]
    fn check_long_id(&self, id: &[u8]) -> Option<LimitExceeded> {
        let max = self.max_id_bytes;
        let is_over = id.len() > max || text::lossy_len(id) > max;
        is_over.then(|| LimitExceeded::new(LimitKind::IdBytes, max))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// An event went over a limit and is lost, or an ID did and is ignored.
///
/// For a lost event it comes once, as soon as the limit is passed. Decoding goes on with the event behind the next
/// blank line. An `id` field of the lost event still counts, so that a client that comes back does not come back to
/// the same event for ever; so do its `retry` fields and its comments.
///
/// For an ID, with [`LimitKind::IdBytes`], it comes at the end of each `id` field that is over its limit. The event
/// that has the field is not lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} over the limit of {limit}")]
pub struct LimitExceeded {
    kind: LimitKind,
    limit: usize,
}

impl LimitExceeded {
    pub(super) const fn new(kind: LimitKind, limit: usize) -> Self {
        Self { kind, limit }
    }

    /// Returns which limit was passed.
    pub const fn kind(&self) -> LimitKind {
        self.kind
    }

    /// Returns the limit that was in force, in the unit of its [`kind`](Self::kind).
    pub const fn limit(&self) -> usize {
        self.limit
    }
}

/// Which of the [`Limits`] was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitKind {
    /// [`Limits::max_line_bytes`].
    LineBytes,
    /// [`Limits::max_event_bytes`].
    EventBytes,
    /// [`Limits::max_data_lines`].
    DataLines,
    /// [`Limits::max_id_bytes`]. The event is not lost.
    IdBytes,
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineBytes => "bytes of a line",
            Self::EventBytes => "bytes of an event",
            Self::DataLines => "data lines of an event",
            Self::IdBytes => "bytes of an event ID",
        })
    }
}
