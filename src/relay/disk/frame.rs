//! One entry as bytes: a header of 36 bytes, then the fields of its record.
//!
//! | bytes | content |
//! | --- | --- |
//! | 4 | the checksum (CRC-32) of the folder's secret and of everything that follows |
//! | 4 | the length of the fields in bytes |
//! | 4 | the distance in bytes from the start of the batch to this entry |
//! | 8 | the number, one more than that of the previous entry |
//! | 8 | the epoch, drawn at random when the folder was opened |
//! | 8 | the time in milliseconds since 1970 |
//!
//! A batch is written only once the previous one is durable, so a sound entry proves that all bytes before
//! its batch were acknowledged. Numbers are little-endian. The secret prevents data sent by a client, and
//! blocks of an old file, from passing for an entry.

use bytes::{Buf, BufMut, Bytes};

use crate::relay::{
    disk::ids,
    record::{InvalidRecord, Record},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) crc: u32,
    pub(super) len: u32,
    /// The distance in bytes from the start of the batch to this entry.
    pub(super) back: u32,
    pub(super) number: u64,
    pub(super) epoch: u64,
    pub(super) time: u64,
}

impl Header {
    pub(super) fn read(mut bytes: &[u8]) -> Option<Self> {
        Some(Self {
            crc: bytes.try_get_u32_le().ok()?,
            len: bytes.try_get_u32_le().ok()?,
            back: bytes.try_get_u32_le().ok()?,
            number: bytes.try_get_u64_le().ok()?,
            epoch: bytes.try_get_u64_le().ok()?,
            time: bytes.try_get_u64_le().ok()?,
        })
    }

    fn write(self, buffer: &mut impl BufMut) {
        buffer.put_u32_le(self.crc);
        buffer.put_u32_le(self.len);
        buffer.put_u32_le(self.back);
        buffer.put_u64_le(self.number);
        buffer.put_u64_le(self.epoch);
        buffer.put_u64_le(self.time);
    }

    pub(super) fn position(self) -> u128 {
        ids::position(self.number, self.epoch)
    }

    /// Returns the size of the whole entry in bytes.
    pub(super) fn size(self) -> u64 {
        HEADER as u64 + u64::from(self.len)
    }

    /// Returns whether header and fields match the checksum.
    pub(super) fn is_sound(self, secret: u64, fields: &[u8]) -> bool {
        let mut bytes = [0; HEADER];
        self.write(&mut &mut bytes[..]);
        self.crc == checksum(secret, &[&bytes[4..], fields])
    }
}

pub(super) fn checksum(secret: u64, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    // The secret first: bytes that somebody published, and that look like an entry, are not sound.
    hasher.update(&secret.to_le_bytes());
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// Returns the size of an entry's fields in bytes.
pub(super) fn fields_len(fields: &[(&str, Bytes)], key: Option<&str>) -> u64 {
    let each = fields.iter().map(|(name, value)| FIELD + (name.len() + value.len()) as u64);
    each.sum::<u64>() + key.map_or(0, |key| FIELD + key.len() as u64)
}

/// Appends an entry to a batch. Sets the header's checksum and length.
pub(super) fn write(
    batch: &mut Vec<u8>,
    secret: u64,
    header: Header,
    fields: &[(&str, Bytes)],
    key: Option<&str>,
) {
    let start = batch.len();
    header.write(batch);
    let fields = fields.iter().map(|(name, value)| (*name, &value[..]));
    for (name, value) in fields.chain(key.map(|key| (KEY, key.as_bytes()))) {
        batch.put_u8(name.len() as u8);
        batch.put_slice(name.as_bytes());
        batch.put_u32_le(value.len() as u32);
        batch.put_slice(value);
    }
    // The length and the checksum stand before what they are computed of, so that they are filled
    // in last.
    let len = (batch.len() - start - HEADER) as u32;
    debug_assert_eq!(len, header.len, "the fields are as long as was computed before");
    batch[start + 4..start + 8].copy_from_slice(&len.to_le_bytes());
    let crc = checksum(secret, &[&batch[start + 4..]]);
    batch[start..start + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Parses the fields of an entry: its record, and the key that it was published with.
pub(super) fn read(mut bytes: Bytes) -> (Result<Record, InvalidRecord>, Option<Bytes>) {
    let (mut fields, mut key) = (Vec::new(), None);
    while let Some((name, value)) = field(&mut bytes) {
        if *name == *KEY.as_bytes() {
            key = Some(value);
        } else {
            fields.push((name, value));
        }
    }
    (Record::from_fields(fields), key)
}

/// Finds what must be remembered of an entry: the topic, if the entry finishes it, and the key.
///
/// Opening a folder does this for each entry, so it builds no record.
pub(super) fn scan(mut bytes: &[u8]) -> (Option<&str>, Option<&[u8]>) {
    let (mut topic, mut is_finish, mut key) = (None, false, None);
    while let Some((name, value)) = split_field(&mut bytes) {
        match name {
            b"topic" => topic = Some(value),
            b"mark" => is_finish = value == b"finish",
            name if *name == *KEY.as_bytes() => key = Some(value),
            _ => {}
        }
    }
    (topic.filter(|_| is_finish).and_then(|topic| std::str::from_utf8(topic).ok()), key)
}

fn split_field<'a>(bytes: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let name = usize::from(bytes.try_get_u8().ok()?);
    let (name, rest) = bytes.split_at_checked(name)?;
    *bytes = rest;
    let value = bytes.try_get_u32_le().ok()? as usize;
    let (value, rest) = bytes.split_at_checked(value)?;
    *bytes = rest;
    Some((name, value))
}

/// Parses the next field. Returns `None` at the end, and for an incomplete field, which the checksum rules
/// out.
fn field(bytes: &mut Bytes) -> Option<(Bytes, Bytes)> {
    let name = usize::from(bytes.try_get_u8().ok()?);
    let name = (name <= bytes.len()).then(|| bytes.split_to(name))?;
    let value = bytes.try_get_u32_le().ok()? as usize;
    let value = (value <= bytes.len()).then(|| bytes.split_to(value))?;
    Some((name, value))
}

/// The version of the format, of files and entries.
pub(super) const FORMAT: u8 = 1;
pub(super) const HEADER: usize = 36;
/// The maximum size of an entry's fields in bytes.
pub(super) const MAX_FIELDS: u64 = 1 << 28;
/// The bytes that a field takes in addition to its name and value.
const FIELD: u64 = 5;
/// The name of the field for the key, which no field of a record has.
const KEY: &str = "";
