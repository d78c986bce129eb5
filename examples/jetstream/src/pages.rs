//! Reading a stream, without mistaking a lost consumer for a gap.
//!
//! A consumer ends with its server, and after some idle seconds. A read from one that has ended gives no messages, as one
//! at the end of the stream does. So a page is believed to be at the end only if the stream says so, and an entry is
//! believed to be gone only if the stream says so when asked for it.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{self, AckPolicy, DeliverPolicy, pull},
    message::StreamMessage,
    stream::{RawMessageErrorKind, Stream},
};
use bytes::Bytes;
use futures_util::StreamExt;
use ssekit::{
    EventId,
    relay::{Entry, Limit, Page},
};
use tokio::time::timeout;

use crate::{JetStreamError, TAG, TaggedNumbers, record};

/// Reads a page. If nothing follows the ID, waits for a message.
pub(crate) async fn page(
    stream: &Stream,
    after: Option<&EventId>,
    limit: Limit,
    wait: Option<Duration>,
) -> Result<Page, JetStreamError> {
    let number = after.and_then(TaggedNumbers::number).unwrap_or(0);
    let read = timeout(PATIENCE, messages(stream, number + 1, limit.entries, wait)).await;
    let Read { entries, first, at_end } = read.map_err(|_| JetStreamError::late())??;
    let held = match after {
        // Asked for after the others were read: if it is still there, nothing behind it had been removed.
        Some(after) => holds(stream, after).await?,
        None => first == Some(1),
    };
    Ok(Page { held, at_end, entries })
}

/// Returns whether the stream has the message with this number and this tag.
pub(crate) async fn holds(stream: &Stream, id: &EventId) -> Result<bool, JetStreamError> {
    let Some(number) = TaggedNumbers::number(id).filter(|number| *number > 0) else { return Ok(false) };
    Ok(message(stream, number).await?.is_some_and(|message| id_of(&message).as_ref() == Some(id)))
}

/// Returns the ID of the message with this number, if it is there and has a tag.
pub(crate) async fn id_at(stream: &Stream, number: u64) -> Result<Option<EventId>, JetStreamError> {
    Ok(message(stream, number).await?.as_ref().and_then(id_of))
}

async fn message(stream: &Stream, number: u64) -> Result<Option<StreamMessage>, JetStreamError> {
    match timeout(PATIENCE, stream.get_raw_message(number)).await.map_err(|_| JetStreamError::late())? {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(JetStreamError::new(error)),
    }
}

fn id_of(message: &StreamMessage) -> Option<EventId> {
    let tag = u64::from_str_radix(message.headers.get(TAG)?.as_str(), 16).ok()?;
    Some(TaggedNumbers::id_of(message.sequence, tag))
}

struct Read {
    entries: Vec<Entry>,
    /// The number of the first message.
    first: Option<u64>,
    at_end: bool,
}

/// Reads messages from a number on, through a consumer of its own.
async fn messages(
    stream: &Stream,
    from: u64,
    limit: usize,
    wait: Option<Duration>,
) -> Result<Read, JetStreamError> {
    let consumer = consumer(stream, from).await?;
    let mut read = Read { entries: Vec::new(), first: None, at_end: false };
    // A batch that is bounded in bytes gives nothing at all if its first message is larger, so it is not.
    let mut batch = consumer.fetch().max_messages(limit).messages().await.map_err(JetStreamError::new)?;
    while let Some(message) = batch.next().await {
        read.take(&message.map_err(JetStreamError::from)?)?;
    }
    if read.first.is_some() {
        return Ok(read);
    }
    if let Some(wait) = wait {
        let one = consumer.batch().max_messages(1).expires(wait);
        let mut batch = one.messages().await.map_err(JetStreamError::new)?;
        while let Some(message) = batch.next().await {
            read.take(&message.map_err(JetStreamError::from)?)?;
        }
    }
    if read.first.is_none() {
        let state = stream.get_info().await.map_err(JetStreamError::new)?.state;
        // One that came in just now is read by the next call.
        if wait.is_none() && state.messages > 0 && state.last_sequence >= from {
            return Err(JetStreamError::silent());
        }
        read.at_end = true;
    }
    Ok(read)
}

async fn consumer(stream: &Stream, from: u64) -> Result<consumer::Consumer<pull::Config>, JetStreamError> {
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from },
        ack_policy: AckPolicy::None,
        inactive_threshold: Duration::from_secs(10),
        memory_storage: true,
        ..pull::Config::default()
    };
    stream.create_consumer(config).await.map_err(JetStreamError::new)
}

impl Read {
    /// Takes a message. One without a tag is not of a log.
    fn take(&mut self, message: &async_nats::jetstream::Message) -> Result<(), JetStreamError> {
        let info = message.info().map_err(JetStreamError::from)?;
        self.first.get_or_insert(info.stream_sequence);
        self.at_end = info.pending == 0;
        let tag = message.headers.as_ref().and_then(|headers| headers.get(TAG));
        if let Some(tag) = tag.and_then(|tag| u64::from_str_radix(tag.as_str(), 16).ok()) {
            let id = TaggedNumbers::id_of(info.stream_sequence, tag);
            let payload: &Bytes = &message.payload;
            self.entries.push(Entry { id, record: record(payload) });
        }
        Ok(())
    }
}

/// How long a read may take, beside the wait for a message.
const PATIENCE: Duration = Duration::from_secs(10);
