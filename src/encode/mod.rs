//! Writing events in the event stream format (WHATWG HTML 9.2.5).
//!
//! This module splits text into lines; so does `event/json.rs`, for text that serde writes in pieces. A field
//! is written as its name, a colon, a space and one line of text, so a leading space or U+FEFF in the text
//! survives. Fields are written in the order `id`, `event`, `retry`, comment, `data`. Every line, and the
//! event, ends in LF.

mod encoding;
pub(crate) mod plan;
pub(crate) mod short;
