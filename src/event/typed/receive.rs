use std::fmt;

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, VariantAccess, Visitor,
        value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

use crate::{
    decode::received_event::ReceivedEvent,
    event::{json::JsonError, typed::error::TypedError},
};

/// Deserialises an enum from an event's type and data.
pub(super) struct TypedEvent<'a>(pub(super) &'a ReceivedEvent);

/// An error while reading an event as an enum. Keeps an unknown variant apart from other errors.
#[derive(Debug)]
pub(super) struct ReadError(pub(super) TypedError);

impl<'de> Deserializer<'de> for TypedEvent<'de> {
    type Error = ReadError;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_enum(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ReadError> {
        Err(ReadError::custom("a typed event is read as an enum that is tagged as serde does by default"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for TypedEvent<'de> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ReadError> {
        let event_type: StrDeserializer<'_, ReadError> = self.0.event_type().into_deserializer();
        Ok((seed.deserialize(event_type)?, self))
    }
}

impl<'de> VariantAccess<'de> for TypedEvent<'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        self.content(|json| seed.deserialize(json))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.content(|json| json.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.content(|json| json.deserialize_struct("", fields, visitor))
    }
}

impl<'de> TypedEvent<'de> {
    /// Parses all of the data as JSON.
    fn content<T>(
        self,
        read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::StrRead<'de>>) -> serde_json::Result<T>,
    ) -> Result<T, ReadError> {
        let mut json = serde_json::Deserializer::from_str(self.0.data());
        let value = read(&mut json).and_then(|value| json.end().map(|()| value));
        value.map_err(|error| ReadError(TypedError::Json(JsonError::reading(error))))
    }
}

impl serde::de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(TypedError::Json(JsonError::reading(serde_json::Error::custom(message))))
    }

    fn unknown_variant(variant: &str, _: &'static [&'static str]) -> Self {
        Self(TypedError::UnknownType(variant.to_owned()))
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ReadError {}
