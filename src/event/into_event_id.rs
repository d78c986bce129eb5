use crate::event::id::EventId;

/// An [`EventId`], or a value that always converts into one: the integers.
///
/// A parameter of this type accepts whatever `Into<EventId>` does. The trait exists for its error message,
/// because a text converts only if it is a valid ID.
///
/// # Examples
///
/// ```
/// use ssekit::{EventId, IntoEventId};
///
/// assert_eq!(7.into_event_id(), EventId::from_static("7"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not always a valid event ID",
    label = "neither an `EventId` nor an integer",
    note = "a text may contain a line break: use `EventId::from_static(\"..\")` for a literal and `EventId::try_from(text)?` for other text"
)]
pub trait IntoEventId {
    /// Converts the value.
    fn into_event_id(self) -> EventId;
}

#[diagnostic::do_not_recommend]
impl<T: Into<EventId>> IntoEventId for T {
    fn into_event_id(self) -> EventId {
        self.into()
    }
}
