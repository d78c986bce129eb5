use std::{fmt, mem, time::Duration};

use crate::decode::{
    interpreter::{Found, Interpreter},
    item::Item,
    leftover::Leftover,
    limits::{LimitExceeded, Limits},
    open_event::Admission,
    text::Text,
};

/// An incremental decoder of event streams.
///
/// Feed it the bytes of a stream as they arrive, cut anywhere, and take the items that they complete. An
/// event is complete once the first byte of the blank line's line end has arrived. You need not signal the
/// end of a stream: an event that is unfinished then is discarded (9.2.6). To inspect it, call
/// [`end`](Self::end). Call [`reset`](Self::reset) before you feed the bytes of the next connection.
///
/// Decoding takes time linear in the number of bytes, however they are cut. The decoder copies the bytes
/// once, as text, so an item borrows from the decoder, and the chunk may be dropped. It reuses its buffers:
/// an item costs no allocation. It holds what was fed and not yet taken, and never more than its [`Limits`]
/// allow besides; it frees memory after a huge event.
///
/// # Examples
///
/// ```
/// use ssekit::decode::{Decoder, Item};
///
/// let mut decoder = Decoder::new();
/// let mut events = Vec::new();
/// for chunk in ["id: 7\nda", "ta: hel", "lo\n\n: still here\n\n"] {
///     decoder.feed(chunk.as_bytes());
///     while let Some(item) = decoder.next() {
///         match item {
///             Item::Event(event) => events.push(event.to_owned()),
///             Item::Comment(text) => assert_eq!(text, " still here"),
///             other => panic!("unexpected {other:?}"),
///         }
///     }
/// }
/// assert_eq!(events[0].data(), "hello");
/// assert_eq!(decoder.last_event_id(), "7");
/// ```
#[derive(Default)]
pub struct Decoder {
    interpreter: Interpreter,
    text: Text,
}

impl Decoder {
    /// Creates a decoder with the default [`Limits`], at the start of a stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, decode::Item};
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"data: hello\n\n");
    /// assert!(matches!(decoder.next(), Some(Item::Event(event)) if event.data() == "hello"));
    /// assert!(decoder.next().is_none());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a decoder with `limits`, at the start of a stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, decode::Limits};
    ///
    /// let decoder = Decoder::with_limits(Limits::new().with_max_event_bytes(64 * 1024));
    /// assert_eq!(decoder.limits().max_event_bytes(), 64 * 1024);
    /// ```
    pub fn with_limits(limits: Limits) -> Self {
        let mut decoder = Self::default();
        decoder.interpreter.limits = limits;
        decoder
    }

    /// Sets the initial last event ID, such as one stored before the program restarted.
    ///
    /// The limits do not apply to it.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// assert_eq!(Decoder::new().with_last_event_id("41").last_event_id(), "41");
    /// ```
    #[must_use]
    pub fn with_last_event_id(mut self, last_event_id: impl Into<String>) -> Self {
        self.interpreter.last_event_id.set(&last_event_id.into());
        self
    }

    /// Appends the next bytes of the stream. Take the items that they complete with [`next`](Self::next).
    ///
    /// The decoder copies `chunk`. To bound memory, take all items before you feed the next chunk.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"data: 1\n\ndata: 2\n");
    /// assert!(decoder.next().is_some());
    /// assert!(decoder.next().is_none());
    /// decoder.feed(b"\n");
    /// assert!(decoder.next().is_some());
    /// ```
    #[inline]
    pub fn feed(&mut self, chunk: &[u8]) {
        self.interpreter.go_on();
        // Dropping text moves what is behind it, so it waits until that is little, or nothing: time stays linear.
        if self.text.is_mostly_used() {
            self.interpreter.keep(self.text.as_str());
            self.text.drop_used();
        // Nothing refers to the text, so that dropping it copies nothing.
        } else if self.text.is_empty() && self.interpreter.event.is_kept() {
            self.text.drop_used();
        }
        // A line may be as long as its limit, and the chunk comes on top of what is left of that.
        self.text.append(chunk, self.interpreter.limits.max_line_bytes());
    }

    /// Decodes up to the next item and returns it, or `None` if it takes more bytes to complete one.
    ///
    /// The item borrows from the decoder until the next call, so a decoder is not an [`Iterator`]. Loop over
    /// it with `while let`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use ssekit::decode::{Decoder, Item};
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"retry: 500\n: hello\n\n");
    /// assert_eq!(decoder.next(), Some(Item::Retry(Duration::from_millis(500))));
    /// assert_eq!(decoder.next(), Some(Item::Comment(" hello")));
    /// assert_eq!(decoder.next(), None);
    /// ```
    #[expect(clippy::should_implement_trait, reason = "it lends, as no iterator can")]
    #[inline]
    pub fn next(&mut self) -> Option<Item<'_>> {
        let found = self.find()?;
        Some(self.interpreter.item(found, self.text.as_str()))
    }

    /// Prepares for a new connection: discards what was not taken, and accepts a byte order mark again.
    ///
    /// Keeps the last event ID and the reconnection time, which outlive a connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"id: 7\n\ndata: unfini");
    /// while decoder.next().is_some() {}
    /// decoder.reset();
    /// assert_eq!(decoder.end(), None, "nothing is unfinished");
    /// assert_eq!(decoder.last_event_id(), "7");
    /// ```
    pub fn reset(&mut self) {
        let Interpreter { limits, reconnection_time, ref mut last_event_id, .. } = self.interpreter;
        let last_event_id = mem::take(last_event_id);
        *self = Self::with_limits(limits);
        self.interpreter.reconnection_time = reconnection_time;
        self.interpreter.last_event_id = last_event_id;
    }

    /// Ends the stream, and prepares for a new connection as [`reset`](Self::reset) does. Discards the items
    /// that you have not taken.
    ///
    /// Returns the unfinished event, which the standard discards (9.2.6), and the lines that were ignored
    /// since the last event; `None` if there are neither. An unfinished event does not set the last event ID,
    /// and an unfinished line does not set the reconnection time.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"{\"error\": \"overloaded\"}");
    /// assert!(decoder.next().is_none());
    /// let leftover = decoder.end().unwrap();
    /// assert_eq!(leftover.ignored_lines(), 1);
    /// assert_eq!(leftover.first_ignored_line().unwrap(), "{\"error\": \"overloaded\"}");
    /// assert_eq!(decoder.end(), None);
    /// ```
    pub fn end(&mut self) -> Option<Leftover> {
        while self.next().is_some() {}
        // All that has ended is read by now. From here on lines are ended that the peer did not end,
        // only to find out what they would have been.
        let (last_event_id, reconnection_time) = (self.last_event_id().to_owned(), self.reconnection_time());
        self.text.finish();
        while self.next().is_some() {}
        let ignored = mem::take(&mut self.interpreter.event.ignored);
        self.text.append_line_end();
        let unfinished = match self.next() {
            Some(Item::Event(event)) => Some(event.to_owned()),
            _ => None,
        };
        // An unfinished line or event changes no state.
        self.interpreter.last_event_id.set(&last_event_id);
        self.interpreter.reconnection_time = reconnection_time;
        self.reset();
        (unfinished.is_some() || ignored.lines > 0).then_some(Leftover { unfinished, ignored })
    }

    #[inline]
    fn find(&mut self) -> Option<Found> {
        self.interpreter.go_on();
        let (text, lines) = self.text.parts();
        match self.interpreter.find(text, lines) {
            None => self.admit_open_line().map(Found::LimitExceeded),
            found => found,
        }
    }

    /// Checks the line that has not ended: a limit is reported at once.
    fn admit_open_line(&mut self) -> Option<LimitExceeded> {
        let line = self.text.open_line();
        if line.is_empty() {
            // A huge line may be the last for long, so its memory is given back.
            if self.text.is_large() {
                self.interpreter.keep(self.text.as_str());
                self.text.drop_used();
            }
            return None;
        }
        match self.interpreter.event.admit_open(line.as_bytes(), &self.interpreter.limits) {
            Admission::Admitted => None,
            Admission::Ignored => {
                self.text.skip_open_line();
                None
            }
            Admission::Over(over) => {
                self.text.skip_open_line();
                Some(over)
            }
        }
    }

    /// Returns whether `next` has nothing to return.
    pub(crate) fn is_used_up(&self) -> bool {
        self.text.is_used_up()
    }

    /// Returns whether `next` has nothing to return, nothing to check and nothing to free.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.text.is_empty() && !self.text.is_large() && self.interpreter.event.has_no_buffers()
    }

    /// Sets the last event ID.
    pub(crate) fn set_last_event_id(&mut self, id: &str) {
        self.interpreter.last_event_id.set(id);
    }

    /// Returns the last event ID, as of the last blank line; empty if there is none.
    ///
    /// A client sends it as `Last-Event-ID` when it reconnects.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"id: 7\n");
    /// assert!(decoder.next().is_none());
    /// assert_eq!(decoder.last_event_id(), "", "no blank line has come yet");
    /// decoder.feed(b"\n");
    /// assert!(decoder.next().is_none());
    /// assert_eq!(decoder.last_event_id(), "7");
    /// ```
    pub fn last_event_id(&self) -> &str {
        self.interpreter.last_event_id.as_str()
    }

    /// Returns the reconnection time set by the last valid `retry` field, if there was one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"retry: 5000\n");
    /// assert!(decoder.next().is_some());
    /// assert_eq!(decoder.reconnection_time(), Some(Duration::from_secs(5)));
    /// ```
    pub fn reconnection_time(&self) -> Option<Duration> {
        self.interpreter.reconnection_time
    }

    /// Returns the limits in force.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, decode::Limits};
    ///
    /// assert_eq!(*Decoder::new().limits(), Limits::default());
    /// ```
    pub fn limits(&self) -> &Limits {
        &self.interpreter.limits
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("limits", self.limits())
            .field("last_event_id", &self.last_event_id())
            .field("reconnection_time", &self.reconnection_time())
            .finish_non_exhaustive()
    }
}
