//! Events to send: [`Event`] and its parts.
//!
//! Every value here is valid by construction, so encoding cannot fail and cannot write a line that you did
//! not intend: an [`EventId`] and an [`EventType`] reject line breaks when they are created, and line breaks
//! in data and comments split the text into several lines of the same field.

pub(crate) mod convert;
pub(crate) mod event_type;
pub(crate) mod id;
pub(crate) mod id_text;
pub(crate) mod into_event;
pub(crate) mod into_event_id;
#[cfg(feature = "json")]
pub(crate) mod json;
pub(crate) mod rare;
pub(crate) mod shared_str;
pub(crate) mod text;
#[cfg(feature = "json")]
pub(crate) mod typed;
pub(crate) mod value;
