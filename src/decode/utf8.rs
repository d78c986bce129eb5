use std::str;

/// An incremental "UTF-8 decode" of the Encoding Standard: it removes one byte order mark at the start, and
/// puts U+FFFD in place of each maximal subpart of invalid UTF-8, however the bytes are cut.
#[derive(Debug, Default)]
pub(super) struct Utf8Decoder {
    /// The first bytes of a character whose rest has not arrived, at most three.
    partial: Vec<u8>,
    /// The first character has arrived, so a byte order mark is one no longer.
    has_started: bool,
}

impl Utf8Decoder {
    /// Appends the text of `bytes` to `text`. Keeps back a character that is cut at the end. Returns whether
    /// the text is `bytes` and nothing else.
    #[inline]
    pub(super) fn decode(&mut self, bytes: &[u8], text: &mut String) -> bool {
        if self.has_started && self.partial.is_empty() {
            #[cfg(test)]
            super::tests::count_visits(bytes.len());
            if let Ok(valid) = str::from_utf8(bytes) {
                text.push_str(valid);
                return true;
            }
        }
        self.decode_any(bytes, text);
        false
    }

    #[cold]
    fn decode_any(&mut self, mut bytes: &[u8], text: &mut String) {
        let start = text.len();
        if !self.partial.is_empty() {
            bytes = self.complete(bytes, text);
        }
        #[cfg(test)]
        super::tests::count_visits(bytes.len());
        match str::from_utf8(bytes) {
            Ok(valid) => text.push_str(valid),
            Err(error) => self.decode_invalid(bytes, error.valid_up_to(), text),
        }
        // Only the first character of a stream can be a byte order mark. `has_started` stays false
        // until that character is complete, so the mark may arrive in pieces.
        if !self.has_started && text.len() > start {
            self.has_started = true;
            if text[start..].starts_with(BYTE_ORDER_MARK) {
                text.drain(start..start + BYTE_ORDER_MARK.len_utf8());
            }
        }
    }

    /// Ends the stream: a character that is still cut is invalid.
    pub(super) fn finish(&mut self, text: &mut String) {
        if !self.partial.is_empty() {
            self.partial.clear();
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }

    /// Completes the character that the last chunk cut. Returns the bytes after it.
    #[cold]
    fn complete<'b>(&mut self, mut bytes: &'b [u8], text: &mut String) -> &'b [u8] {
        while let Some((&byte, rest)) = bytes.split_first() {
            debug_assert!(
                matches!(self.partial.len(), 1..=3),
                "a character that is cut has one to three bytes"
            );
            self.partial.push(byte);
            match str::from_utf8(&self.partial) {
                Ok(character) => {
                    text.push_str(character);
                    self.partial.clear();
                    return rest;
                }
                // Still the beginning of a character, which the next byte may complete.
                Err(error) if error.error_len().is_none() => bytes = rest,
                // What came before is a maximal subpart, and this byte is decoded anew: a character may begin there.
                Err(_) => {
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.partial.clear();
                    return bytes;
                }
            }
        }
        bytes
    }

    /// Slow path: the first `valid_up_to` bytes are valid, and then comes a sequence that is not, or that is
    /// cut.
    #[cold]
    fn decode_invalid(&mut self, bytes: &[u8], valid_up_to: usize, text: &mut String) {
        // Checked again, as only that makes it text. It happens once for each chunk that cuts a character.
        let (valid, mut rest) = bytes.split_at(valid_up_to);
        text.push_str(str::from_utf8(valid).unwrap_or_default());
        for piece in rest.utf8_chunks() {
            text.push_str(piece.valid());
            rest = &rest[piece.valid().len() + piece.invalid().len()..];
            if rest.is_empty() && is_cut(piece.invalid()) {
                self.partial.extend_from_slice(piece.invalid());
            } else if !piece.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }
}

/// Returns whether more bytes could make a character of `bytes`.
fn is_cut(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

const BYTE_ORDER_MARK: char = '\u{FEFF}';
