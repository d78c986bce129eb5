use std::fmt;

use thiserror::Error;

/// Limits on the size of an event, so that a peer cannot make a [`Decoder`](super::Decoder) hold more.
///
/// The defaults suit answers of language models, including pictures in base64. Raise them for peers that you
/// trust with more memory; lower them for many connections to peers that you do not. If an event exceeds a
/// limit, only that event is lost: see [`LimitExceeded`].
///
/// Besides what was fed and not yet taken, a decoder holds at most one line, the data and the type of one
/// event, its ID and the last event ID, each within its limit. The limits count bytes of text: where a byte
/// on the wire is not valid UTF-8, the three of U+FFFD. Bytes that the decoder does not hold (comments,
/// `retry` fields and fields that the standard ignores) count only towards their line, so a stream may send
/// any number of them between two events.
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
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::decode::Limits;
    ///
    /// assert_eq!(Limits::new(), Limits::default());
    /// assert_eq!(Limits::new().max_event_bytes(), Limits::DEFAULT_MAX_EVENT_BYTES);
    /// ```
    pub const fn new() -> Self {
        Self {
            max_line_bytes: Self::DEFAULT_MAX_LINE_BYTES,
            max_event_bytes: Self::DEFAULT_MAX_EVENT_BYTES,
            max_data_lines: Self::DEFAULT_MAX_DATA_LINES,
            max_id_bytes: Self::DEFAULT_MAX_ID_BYTES,
        }
    }

    /// Sets the maximum number of bytes in a line, without its line end.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, decode::{Item, LimitKind, Limits}};
    ///
    /// let mut decoder = Decoder::with_limits(Limits::new().with_max_line_bytes(8));
    /// decoder.feed(b"data: long\n\n");
    /// let Some(Item::LimitExceeded(exceeded)) = decoder.next() else { panic!() };
    /// assert_eq!((exceeded.kind(), exceeded.limit()), (LimitKind::LineBytes, 8));
    /// ```
    #[must_use]
    pub const fn with_max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = bytes;
        self
    }

    /// Sets the maximum number of bytes of text in the data and the type of an event together.
    ///
    /// The line feeds that join the lines of the data count as well. This also limits the length of every
    /// line, so you need not set a low limit twice.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, decode::{Item, LimitKind, Limits}};
    ///
    /// let mut decoder = Decoder::with_limits(Limits::new().with_max_event_bytes(8));
    /// decoder.feed(b"data: two\ndata: lines\n\n");
    /// let Some(Item::LimitExceeded(exceeded)) = decoder.next() else { panic!() };
    /// assert_eq!((exceeded.kind(), exceeded.limit()), (LimitKind::EventBytes, 8));
    /// ```
    #[must_use]
    pub const fn with_max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event_bytes = bytes;
        self
    }

    /// Sets the maximum number of `data` fields in an event.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, decode::{Item, LimitKind, Limits}};
    ///
    /// let mut decoder = Decoder::with_limits(Limits::new().with_max_data_lines(1));
    /// decoder.feed(b"data: two\ndata: lines\n\n");
    /// let Some(Item::LimitExceeded(exceeded)) = decoder.next() else { panic!() };
    /// assert_eq!((exceeded.kind(), exceeded.limit()), (LimitKind::DataLines, 1));
    /// ```
    #[must_use]
    pub const fn with_max_data_lines(mut self, lines: usize) -> Self {
        self.max_data_lines = lines;
        self
    }

    /// Sets the maximum number of bytes of text in an event ID.
    ///
    /// An `id` field over this limit is ignored, like one that contains NUL: the event is still dispatched,
    /// with the ID that it would have without that field. [`LimitExceeded`] is reported before it, because a
    /// client that reconnects will not resume after this event. Servers may accept far fewer bytes in a
    /// request: many reject headers of more than 8 KiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, decode::{Item, LimitKind, Limits}};
    ///
    /// let mut decoder = Decoder::with_limits(Limits::new().with_max_id_bytes(4));
    /// decoder.feed(b"id: order-7\ndata: a\n\n");
    /// let Some(Item::LimitExceeded(exceeded)) = decoder.next() else { panic!() };
    /// assert_eq!((exceeded.kind(), exceeded.limit()), (LimitKind::IdBytes, 4));
    /// ```
    #[must_use]
    pub const fn with_max_id_bytes(mut self, bytes: usize) -> Self {
        self.max_id_bytes = bytes;
        self
    }

    /// Returns the maximum number of bytes in a line, without its line end.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::decode::Limits;
    ///
    /// assert_eq!(Limits::new().with_max_line_bytes(8).max_line_bytes(), 8);
    /// ```
    pub const fn max_line_bytes(&self) -> usize {
        self.max_line_bytes
    }

    /// Returns the maximum number of bytes of text in the data and the type of an event together.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::decode::Limits;
    ///
    /// assert_eq!(Limits::new().with_max_event_bytes(8).max_event_bytes(), 8);
    /// ```
    pub const fn max_event_bytes(&self) -> usize {
        self.max_event_bytes
    }

    /// Returns the maximum number of `data` fields in an event.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::decode::Limits;
    ///
    /// assert_eq!(Limits::new().with_max_data_lines(8).max_data_lines(), 8);
    /// ```
    pub const fn max_data_lines(&self) -> usize {
        self.max_data_lines
    }

    /// Returns the maximum number of bytes of text in an event ID.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::decode::Limits;
    ///
    /// assert_eq!(Limits::new().with_max_id_bytes(8).max_id_bytes(), 8);
    /// ```
    pub const fn max_id_bytes(&self) -> usize {
        self.max_id_bytes
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// An event exceeded a limit and is lost, or an ID did and is ignored.
///
/// For a lost event this is reported once, as soon as the limit is exceeded. Decoding continues with the
/// event after the next blank line. An `id` field of the lost event still takes effect, so that a client does
/// not resume at the same event for ever; so do its `retry` fields and comments.
///
/// For an ID ([`LimitKind::IdBytes`]) it is reported at the end of each `id` field over the limit. The event
/// with that field is not lost.
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

    /// Returns which limit was exceeded.
    pub const fn kind(&self) -> LimitKind {
        self.kind
    }

    /// Returns the limit in force, in the unit of its [`kind`](Self::kind).
    pub const fn limit(&self) -> usize {
        self.limit
    }
}

/// The limit that was exceeded.
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
