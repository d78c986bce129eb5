//! Enums as events: the variant's name is the event type, its content is the data.

pub(crate) mod error;
mod receive;
mod send;

use crate::{
    decode::received_event::ReceivedEvent,
    event::{
        event_type::EventType,
        json::{DataLines, JsonError},
        typed::{
            error::TypedError,
            receive::TypedEvent,
            send::{Content, Variant},
        },
        value::{Data, Event},
    },
    hub::notice::Notice,
};

impl Event {
    /// Creates an event from an enum: the variant's name becomes the event type, and its content becomes the
    /// data, as JSON.
    ///
    /// Any variant is allowed, with the attributes of serde's derives (`rename`, `rename_all`, `flatten`, …).
    /// A unit variant has the data `null`. The enum must use serde's default tagging: `#[serde(tag)]` and
    /// `#[serde(untagged)]` do not serialise the variant's name separately.
    ///
    /// Read it back with [`ReceivedEvent::typed`].
    ///
    /// # Errors
    ///
    /// Returns a [`TypedError`] if the value is not an enum's variant, if the variant's name contains a line
    /// break, or if its content cannot be serialised as JSON.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Event;
    ///
    /// #[derive(serde::Serialize)]
    /// enum Update {
    ///     Created(String),
    ///     Removed { id: u64 },
    /// }
    ///
    /// let event = Event::typed(&Update::Removed { id: 7 })?;
    /// assert_eq!(event.encode(), "event: Removed\ndata: {\"id\":7}\n\n");
    /// let event = Event::typed(&Update::Created("two coffees".into()))?;
    /// assert_eq!(event.encode(), "event: Created\ndata: \"two coffees\"\n\n");
    /// # Ok::<(), ssekit::TypedError>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "json")))]
    pub fn typed<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, TypedError> {
        let mut name = "";
        let mut json = serde_json::Serializer::new(DataLines::new());
        value
            .serialize(Variant { name: &mut name, json: Content(&mut json) })
            .map_err(|error| TypedError::Json(JsonError::writing(error)))?;
        let event_type = EventType::try_from(name).map_err(TypedError::Type)?;
        let data = Data::Lines(json.into_inner().into_lines());
        Ok(Self { event_type: Some(event_type), data, ..Self::default() })
    }
}

impl ReceivedEvent {
    /// Reads the event as an enum: the variant named like the event type, with the data as its content.
    ///
    /// The value may borrow from the event. A unit variant ignores the data, so one with `#[serde(other)]`
    /// matches every event whose type the enum does not name, including a hub's [notices](Notice). An event
    /// without a type is a `message`.
    ///
    /// # Errors
    ///
    /// Returns a [`TypedError`]: [`Notice`](TypedError::Notice) for a notice of a hub, such as the position
    /// that each of its streams begins with; [`UnknownType`](TypedError::UnknownType) for any other type that
    /// the enum does not name; [`Json`](TypedError::Json) if the data is not the variant's content. The event
    /// is only borrowed, so you can still use it.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, TypedError, decode::Item};
    ///
    /// #[derive(Debug, PartialEq, serde::Deserialize)]
    /// enum Update<'a> {
    ///     Created(&'a str),
    ///     Removed { id: u64 },
    /// }
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"event: Removed\ndata: {\"id\": 7}\n\nevent: moved\ndata: 8\n\n");
    /// while let Some(Item::Event(event)) = decoder.next() {
    ///     let event = event.to_owned();
    ///     match event.typed::<Update>() {
    ///         Ok(update) => assert_eq!(update, Update::Removed { id: 7 }),
    ///         Err(error) => assert!(matches!(error, TypedError::UnknownType(name) if name == "moved")),
    ///     }
    /// }
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "json")))]
    pub fn typed<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, TypedError> {
        let error = match T::deserialize(TypedEvent(self)) {
            Ok(value) => return Ok(value),
            Err(error) => error.0,
        };
        match (error, Notice::of(self)) {
            (TypedError::UnknownType(_), Some(notice)) => Err(TypedError::Notice(notice)),
            (error, _) => Err(error),
        }
    }
}
