use crate::{
    event::{event_type::InvalidEventType, json::JsonError},
    hub::notice::Notice,
};

/// A value could not be converted to an event, or an event to a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TypedError {
    /// The enum has no variant with the name of the event type.
    #[error("no variant is named as the event type {0:?}")]
    UnknownType(String),
    /// The event is a notice that a hub adds to the published events.
    #[error("the event is a notice of the hub, not one that was published")]
    Notice(Notice),
    /// The variant's name is not a valid event type.
    #[error("the variant's name is no event type")]
    Type(#[source] InvalidEventType),
    /// The type is not an externally tagged enum, or the content is not valid JSON for it.
    #[error(transparent)]
    Json(JsonError),
}
