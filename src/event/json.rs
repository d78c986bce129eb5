use std::io;

use bytes::Bytes;
use serde::Serialize;

use crate::{
    decode::received_event::ReceivedEvent,
    event::value::{Data, Event},
    wire::{breaks::find_break, field::DATA},
};

impl Event {
    /// Creates an event whose data is a value serialised as JSON.
    ///
    /// The value is serialised straight into `data` lines. Raw JSON in it may contain line breaks; they are
    /// split like those of any other text.
    ///
    /// # Errors
    ///
    /// Returns a [`JsonError`] if the value cannot be serialised, such as a map with keys that are not
    /// strings.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Event;
    ///
    /// let event = Event::json(&["a\nb"])?;
    /// assert_eq!(event.encode(), "data: [\"a\\nb\"]\n\n");
    /// # Ok::<(), ssekit::JsonError>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "json")))]
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, JsonError> {
        Self::default().with_json(value)
    }

    /// Sets the data to a value serialised as JSON, replacing any earlier data.
    ///
    /// # Errors
    ///
    /// Returns a [`JsonError`] if the value cannot be serialised.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Event;
    ///
    /// let event = Event::default().with_id(7).with_json(&[1, 2])?;
    /// assert_eq!(event.encode(), "id: 7\ndata: [1,2]\n\n");
    /// # Ok::<(), ssekit::JsonError>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "json")))]
    pub fn with_json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, JsonError> {
        let mut lines = DataLines::new();
        serde_json::to_writer(&mut lines, value).map_err(JsonError::writing)?;
        self.data = Data::Lines(lines.into_lines());
        Ok(self)
    }
}

impl ReceivedEvent {
    /// Deserialises the data from JSON.
    ///
    /// The value may borrow from the event.
    ///
    /// # Errors
    ///
    /// Returns a [`JsonError`] if the data is not JSON, or does not describe a `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, decode::Item};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Delta<'a> {
    ///     text: &'a str,
    /// }
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"data: {\"text\": \"hello\"}\n\n");
    /// if let Some(Item::Event(event)) = decoder.next() {
    ///     let event = event.to_owned();
    ///     let delta: Delta<'_> = event.json()?;
    ///     assert_eq!(delta.text, "hello");
    /// }
    /// # Ok::<(), ssekit::JsonError>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "json")))]
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, JsonError> {
        serde_json::from_str(self.data()).map_err(JsonError::reading)
    }
}

/// A value could not be written as JSON, or read from it.
///
/// Its [`source`](std::error::Error::source) is the error of `serde_json`, which says what is wrong, and
/// where.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct JsonError {
    what: &'static str,
    source: serde_json::Error,
}

impl JsonError {
    pub(super) fn writing(source: serde_json::Error) -> Self {
        Self { what: "the value cannot be serialised", source }
    }

    pub(super) fn reading(source: serde_json::Error) -> Self {
        Self { what: "the data cannot be deserialised", source }
    }
}

/// Splits the text written to it into `data` lines.
pub(super) struct DataLines {
    wire: Vec<u8>,
    /// The last byte was CR, so an LF that follows belongs to the same line break.
    after_cr: bool,
}

impl DataLines {
    pub(super) fn new() -> Self {
        let mut wire = Vec::with_capacity(128);
        wire.extend_from_slice(DATA);
        Self { wire, after_cr: false }
    }

    /// Ends the last line and returns all lines.
    pub(super) fn into_lines(mut self) -> Bytes {
        self.wire.push(b'\n');
        self.wire.into()
    }
}

impl io::Write for DataLines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut rest = text;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(at) = find_break(rest) {
            let (line, end) = rest.split_at(at);
            self.wire.extend_from_slice(line);
            self.wire.push(b'\n');
            self.wire.extend_from_slice(DATA);
            self.after_cr = end == b"\r";
            rest = end.strip_prefix(b"\r\n").unwrap_or(&end[1..]);
        }
        self.wire.extend_from_slice(rest);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn line_breaks_in_raw_json_are_split_wherever_the_writes_are_cut() {
        let text = b"[1,\r\n2,\r3,\n4\r\r\n]";
        for cut in 0..=text.len() {
            let mut lines = DataLines { wire: DATA.to_vec(), after_cr: false };
            lines.write_all(&text[..cut]).unwrap();
            lines.write_all(&text[cut..]).unwrap();
            let expected = "data: [1,\ndata: 2,\ndata: 3,\ndata: 4\ndata: \ndata: ]";
            assert_eq!(String::from_utf8(lines.wire).unwrap(), expected, "cut at {cut}");
        }
    }
}
