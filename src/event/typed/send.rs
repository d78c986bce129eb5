use std::fmt::Display;

use serde::{
    Serialize, Serializer,
    ser::{
        Error as _, Impossible, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleVariant,
    },
};
use serde_json::{Error, Result};

use crate::event::json::DataLines;

/// Serialises one variant of an enum: records its name and writes its content as JSON.
pub(super) struct Variant<'a> {
    pub(super) name: &'a mut &'static str,
    pub(super) json: Content<'a>,
}

/// The writer of a variant's content.
pub(super) struct Content<'a>(pub(super) &'a mut serde_json::Serializer<DataLines>);

type Json<'a> = &'a mut serde_json::Serializer<DataLines>;

/// The fields of a variant, written as an array or an object.
pub(super) struct Fields<T>(T);

impl<'a> Serializer for Variant<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Fields<<Json<'a> as Serializer>::SerializeTuple>;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStruct = Impossible<(), Error>;
    type SerializeStructVariant = Fields<<Json<'a> as Serializer>::SerializeStruct>;

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        *self.name = variant;
        self.json.0.serialize_unit()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        *self.name = variant;
        value.serialize(self.json.0)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant> {
        *self.name = variant;
        self.json.0.serialize_tuple(len).map(Fields)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant> {
        *self.name = variant;
        self.json.0.serialize_struct(variant, len).map(Fields)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_bool(self, _: bool) -> Result<()> {
        Err(not_a_variant("a boolean"))
    }

    fn serialize_i8(self, _: i8) -> Result<()> {
        Err(not_a_variant(NUMBER))
    }

    fn serialize_i16(self, _: i16) -> Result<()> {
        Err(not_a_variant(NUMBER))
    }

    fn serialize_i32(self, _: i32) -> Result<()> {
        Err(not_a_variant(NUMBER))
    }

    fn serialize_i64(self, _: i64) -> Result<()> {
        Err(not_a_variant(NUMBER))
    }

    fn serialize_u8(self, _: u8) -> Result<()> {
        Err(not_a_variant(NUMBER))
    }

    fn serialize_u16(self, _: u16) -> Result<()> {
        Err(not_a_variant(NUMBER))
    }

    fn serialize_u32(self, _: u32) -> Result<()> {
        Err(not_a_variant(NUMBER))
    }

    fn serialize_u64(self, _: u64) -> Result<()> {
        Err(not_a_variant(NUMBER))
    }

    fn serialize_f32(self, _: f32) -> Result<()> {
        Err(not_a_variant(NUMBER))
    }

    fn serialize_f64(self, _: f64) -> Result<()> {
        Err(not_a_variant(NUMBER))
    }

    fn serialize_char(self, _: char) -> Result<()> {
        Err(not_a_variant("a character"))
    }

    fn serialize_str(self, _: &str) -> Result<()> {
        Err(not_a_variant("a string"))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<()> {
        Err(not_a_variant("a byte string"))
    }

    fn serialize_none(self) -> Result<()> {
        Err(not_a_variant("`None`"))
    }

    fn serialize_unit(self) -> Result<()> {
        Err(not_a_variant("a unit"))
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<()> {
        Err(not_a_variant(name))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq> {
        Err(not_a_variant("a sequence"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple> {
        Err(not_a_variant("a tuple"))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeTupleStruct> {
        Err(not_a_variant(name))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap> {
        Err(not_a_variant("a map, or an enum that is tagged otherwise"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeStruct> {
        Err(not_a_variant(format_args!("the struct {name}, or an enum that is tagged otherwise")))
    }
}

impl<'a> SerializeTupleVariant for Fields<<Json<'a> as Serializer>::SerializeTuple> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        SerializeTuple::serialize_element(&mut self.0, value)
    }

    fn end(self) -> Result<()> {
        SerializeTuple::end(self.0)
    }
}

impl<'a> SerializeStructVariant for Fields<<Json<'a> as Serializer>::SerializeStruct> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<()> {
        SerializeStruct::serialize_field(&mut self.0, key, value)
    }

    fn skip_field(&mut self, key: &'static str) -> Result<()> {
        SerializeStruct::skip_field(&mut self.0, key)
    }

    fn end(self) -> Result<()> {
        SerializeStruct::end(self.0)
    }
}

fn not_a_variant(found: impl Display) -> Error {
    Error::custom(format_args!("a typed event is made of an enum's variant, not of {found}"))
}

const NUMBER: &str = "a number";
