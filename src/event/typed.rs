//! Enums as events: the variant is the event type, its content the data.

mod receive;
mod send;

use self::{
    receive::TypedEvent,
    send::{Content, Variant},
};
use super::{Data, Event, EventType, InvalidEventType, json::DataLines};
use crate::{decode::ReceivedEvent, hub::Notice};

/// An event could not be made from a value, or a value not from an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TypedError {
    /// The enum has no variant of that name.
    #[error("no variant is named as the event type {0:?}")]
    UnknownType(String),
    /// The event is one that a hub adds to what was published.
    #[error("the event is a notice of the hub, not one that was published")]
    Notice(Notice),
    /// The variant's name is no event type.
    #[error("the variant's name is no event type")]
    Type(#[source] InvalidEventType),
    /// The type is no enum whose variants say what they are, or the content is no JSON of it.
    #[error(transparent)]
    Json(serde_json::Error),
}

impl Event {
    /// Creates an event from an enum: the variant's name becomes the event type, its content the data, as JSON.
    ///
    /// Any variant will do, with the attributes of serde's derives (`rename`, `rename_all`, `flatten`, …). A unit variant
    /// has the data `null`. The enum is to be tagged as serde does by default: one with `#[serde(tag)]` or
    /// `#[serde(untagged)]` does not tell its variant.
    ///
    /// Read it back with [`ReceivedEvent::typed`].
    ///
    /// # Errors
    ///
    /// Returns a [`TypedError`] if the value is no enum's variant, if the variant's name holds a line break, or if its
    /// content cannot be written as JSON.
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
        value.serialize(Variant { name: &mut name, json: Content(&mut json) }).map_err(TypedError::Json)?;
        let event_type = EventType::try_from(name).map_err(TypedError::Type)?;
        let data = Data::Lines(json.into_inner().into_lines());
        Ok(Self { event_type: Some(event_type), data, ..Self::default() })
    }
}

impl ReceivedEvent {
    /// Reads the event as an enum: the variant that is named as the event type, with the data as its content.
    ///
    /// The value may borrow from the event. A unit variant takes any data, so one with `#[serde(other)]` takes every
    /// event of a type that the enum does not name, a hub's [notices](Notice) included. An event without a type is a
    /// `message`.
    ///
    /// # Errors
    ///
    /// Returns a [`TypedError`]: [`Notice`](TypedError::Notice) for what a hub says beside the events, such as the
    /// position that each of its streams begins with; [`UnknownType`](TypedError::UnknownType) for another type that the
    /// enum does not name; [`Json`](TypedError::Json) if the data is not the variant's content. The event is only
    /// borrowed, so it can still be looked at.
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
    /// let mut chunk = &b"event: Removed\ndata: {\"id\": 7}\n\nevent: moved\ndata: 8\n\n"[..];
    /// let mut items = decoder.decode(&mut chunk);
    /// while let Some(Item::Event(event)) = items.next() {
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
