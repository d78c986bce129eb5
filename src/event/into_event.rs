use crate::event::value::Event;

/// An [`Event`], or any value that converts into one: texts, and references to events.
///
/// A parameter of this type accepts whatever `Into<Event>` does. The trait exists for its error message,
/// which names the way from other values to an event; implement `From` for `Event` to have your own type
/// accepted.
///
/// # Examples
///
/// ```
/// use ssekit::{Event, IntoEvent};
///
/// assert_eq!("two coffees".into_event(), Event::new("two coffees"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "neither an `Event` nor a text",
    note = "pass an `Event`, `&Event`, `&str`, `String`, `Cow<str>` or `Box<str>`; for a number, `value.to_string()`",
    note = "with the feature `json`, `Event::json(&value)?` makes an event of any value that serde can serialise, and `Event::typed(&value)?` of an enum whose variants are event types",
    note = "to send on what was received, `Event::try_from(received)?`; to publish several events, `publish_all`"
)]
pub trait IntoEvent {
    /// Converts the value.
    fn into_event(self) -> Event;
}

#[diagnostic::do_not_recommend]
impl<T: Into<Event>> IntoEvent for T {
    fn into_event(self) -> Event {
        self.into()
    }
}
