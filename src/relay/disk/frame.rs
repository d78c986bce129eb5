//! One entry as bytes: a header of 36 bytes, then the fields of its record.
//!
//! | bytes | say |
//! | --- | --- |
//! | 4 | the checksum (CRC-32) of the folder's secret and of all that follows |
//! | 4 | how many bytes of fields there are |
//! | 4 | how many bytes before this one its batch begins |
//! | 8 | its number, one more than that of the entry before |
//! | 8 | the epoch: drawn at random when the folder was opened |
//! | 8 | the time in milliseconds since 1970 |
//!
//! A batch is written once the one before it is durable. A sound entry so proves that all bytes before its batch were
//! acknowledged. Numbers are little-endian. The secret keeps data that a client sends from passing for an entry, and
//! so do blocks of an old file.

use bytes::{Buf, BufMut, Bytes};

use crate::relay::{
    disk::ids,
    record::{InvalidRecord, Record},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) crc: u32,
    pub(super) len: u32,
    /// How many bytes before this entry its batch begins.
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

    fn write(self, buffer: &mut Vec<u8>) {
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

    /// Returns how many bytes the whole entry takes.
    pub(super) fn size(self) -> u64 {
        HEADER as u64 + u64::from(self.len)
    }

    /// Returns whether header and fields are what was written.
    pub(super) fn is_sound(self, secret: u64, fields: &[u8]) -> bool {
        let mut bytes = Vec::with_capacity(HEADER);
        self.write(&mut bytes);
        self.crc == checksum(secret, &[&bytes[4..], fields])
    }
}

pub(super) fn checksum(secret: u64, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&secret.to_le_bytes());
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// Returns how many bytes the fields of an entry take.
pub(super) fn fields_len(fields: &[(&str, Bytes)], key: Option<&str>) -> u64 {
    let each = fields.iter().map(|(name, value)| FIELD + (name.len() + value.len()) as u64);
    each.sum::<u64>() + key.map_or(0, |key| FIELD + key.len() as u64)
}

/// Appends an entry to a batch. The header's checksum and length are set here.
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
    let len = (batch.len() - start - HEADER) as u32;
    batch[start + 4..start + 8].copy_from_slice(&len.to_le_bytes());
    let crc = checksum(secret, &[&batch[start + 4..]]);
    batch[start..start + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Reads the fields of an entry: its record, and the key that it was published with.
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

/// Reads the next field. `None` at the end, and if there is not all of one, which the checksum rules out.
fn field(bytes: &mut Bytes) -> Option<(Bytes, Bytes)> {
    let name = usize::from(bytes.try_get_u8().ok()?);
    let name = (name <= bytes.len()).then(|| bytes.split_to(name))?;
    let value = bytes.try_get_u32_le().ok()? as usize;
    let value = (value <= bytes.len()).then(|| bytes.split_to(value))?;
    Some((name, value))
}

pub(super) const HEADER: usize = 36;
/// The greatest number of bytes of an entry's fields.
pub(super) const MAX_FIELDS: u64 = 1 << 28;
/// What a field takes beside its name and value.
const FIELD: u64 = 5;
/// The name of the field for the key, which no field of a record has.
const KEY: &str = "";
