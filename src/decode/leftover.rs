use std::fmt;

use crate::decode::received_event::ReceivedEvent;

/// The rest of a stream at its end: an unfinished event, or lines that are not part of an event stream.
///
/// The standard discards both silently. They point to a server that omitted the last blank line, to a
/// connection that was cut, or to a body that is not an event stream: JSON, HTML, an `error:` line,
/// compressed bytes. Returned by [`Decoder::end`](super::Decoder::end).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    pub(super) unfinished: Option<ReceivedEvent>,
    pub(super) ignored: Ignored,
}

impl Leftover {
    /// Returns the event that one more blank line would have dispatched, if there is one.
    ///
    /// Its last line may be cut short.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"data: unfini");
    /// assert!(decoder.next().is_none());
    /// let leftover = decoder.end().unwrap();
    /// assert_eq!(leftover.unfinished().unwrap().data(), "unfini");
    /// ```
    pub const fn unfinished(&self) -> Option<&ReceivedEvent> {
        self.unfinished.as_ref()
    }

    /// Returns the number of lines since the last dispatched event that were neither a known field nor a
    /// comment.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"<html>\n<body>\n");
    /// assert!(decoder.next().is_none());
    /// assert_eq!(decoder.end().unwrap().ignored_lines(), 2);
    /// ```
    pub const fn ignored_lines(&self) -> u64 {
        self.ignored.lines
    }

    /// Returns the beginning of the first such line: at most 256 bytes, with U+FFFD in place of invalid
    /// UTF-8.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"<html>\n<body>\n");
    /// assert!(decoder.next().is_none());
    /// assert_eq!(decoder.end().unwrap().first_ignored_line().unwrap(), "<html>");
    /// ```
    pub fn first_ignored_line(&self) -> Option<String> {
        (self.ignored.lines > 0).then(|| self.ignored.first.clone())
    }
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.unfinished, self.ignored.lines) {
            (Some(_), _) => f.write_str("the event stream ended in the middle of an event"),
            (None, 1) => f.write_str("the stream ended after a line that is no field of an event"),
            (None, lines) => write!(f, "the stream ended after {lines} lines that are no fields of an event"),
        }?;
        let Some(line) = self.first_ignored_line() else { return Ok(()) };
        write!(f, ": {:?}", line.chars().take(SHOWN_CHARACTERS).collect::<String>())
    }
}

impl std::error::Error for Leftover {}

/// The lines ignored since the last dispatched event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ignored {
    pub(super) lines: u64,
    first: String,
}

impl Ignored {
    #[cold]
    pub(super) fn push(&mut self, line: &str) {
        if self.lines == 0 {
            let mut end = line.len().min(KEPT_BYTES);
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            self.first.push_str(&line[..end]);
        }
        self.lines = self.lines.saturating_add(1);
    }
}

const KEPT_BYTES: usize = 256;
const SHOWN_CHARACTERS: usize = 100;
