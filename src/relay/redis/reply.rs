//! Parsing replies: entries of a stream.

use bytes::Bytes;
use redis::Value;

use crate::{
    event::id::EventId,
    relay::{log::Entry, record::Record, redis::error::RedisLogError},
};

/// Parses the reply to `XRANGE`: entries.
pub(super) fn entries(reply: Value) -> Result<Vec<Entry>, RedisLogError> {
    array(reply)?.into_iter().map(entry).collect()
}

/// Parses the reply to `XREAD` of one stream: its name and entries, or nothing.
pub(super) fn streams(reply: Value) -> Result<Vec<Entry>, RedisLogError> {
    // One stream is asked for, so that there is one in the reply. The reply is nil if nothing came
    // in time.
    let of_stream = match reply {
        Value::Nil => return Ok(Vec::new()),
        // RESP3 returns a map here.
        Value::Map(streams) => streams.into_iter().next().map(|(_, entries)| entries),
        streams => {
            array(streams)?.into_iter().next().map(array).transpose()?.and_then(|mut stream| stream.pop())
        }
    };
    entries(of_stream.ok_or_else(RedisLogError::reply)?)
}

/// Parses the reply of the script that appends: an entry ID, or an ID and the error of a later step.
pub(super) fn appended(reply: &Value) -> Result<EventId, RedisLogError> {
    match reply {
        Value::Array(parts) => match &parts[..] {
            [_, Value::BulkString(failed)] => Err(RedisLogError::half_done(&String::from_utf8_lossy(failed))),
            _ => Err(RedisLogError::reply()),
        },
        reply => id(reply),
    }
}

/// Parses an entry ID.
pub(super) fn id(reply: &Value) -> Result<EventId, RedisLogError> {
    let text = match reply {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text.as_str()),
        _ => None,
    };
    text.and_then(|text| EventId::try_from(text).ok()).ok_or_else(RedisLogError::reply)
}

fn entry(reply: Value) -> Result<Entry, RedisLogError> {
    let mut parts = array(reply)?.into_iter();
    let (Some(entry_id), Some(fields)) = (parts.next(), parts.next()) else {
        return Err(RedisLogError::reply());
    };
    let mut texts = array(fields)?.into_iter().map(text);
    let mut fields = Vec::with_capacity(texts.len() / 2);
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        fields.push((name?, value?));
    }
    Ok(Entry { id: id(&entry_id)?, record: Record::from_fields(fields) })
}

fn array(reply: Value) -> Result<Vec<Value>, RedisLogError> {
    match reply {
        Value::Array(values) => Ok(values),
        _ => Err(RedisLogError::reply()),
    }
}

fn text(reply: Value) -> Result<Bytes, RedisLogError> {
    match reply {
        Value::BulkString(bytes) => Ok(bytes.into()),
        Value::SimpleString(text) => Ok(text.into()),
        _ => Err(RedisLogError::reply()),
    }
}
