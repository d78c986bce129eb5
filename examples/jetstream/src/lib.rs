//! A log on NATS JetStream, for ssekit's relay: what it takes to bring a log of one's own.
//!
//! A stream's sequence numbers begin at 1 again when it is made anew, and come twice when it is put back from a backup.
//! So an event ID is the number and a tag that the publisher draws at random and sends along: `17-9f3c…`. An ID is
//! held if the message with its number has its tag.

mod ids;

use std::time::Duration;

use async_nats::{
    HeaderMap,
    jetstream::{
        self, Context,
        consumer::{self, AckPolicy, DeliverPolicy, pull},
        message::PublishMessage,
        stream::{self, Stream},
    },
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Map, Value};
use ssekit::{
    EventId,
    relay::{AppendError, Entry, InvalidRecord, Limit, Log, Page, Record},
    replay::IdOrder,
};

pub use self::ids::TaggedNumbers;

/// A log in a JetStream stream. Every message on its one subject is a [`Record`], as a JSON object of its fields.
#[derive(Debug)]
pub struct JetStreamLog {
    jetstream: Context,
    stream: Stream,
    subject: String,
}

/// JetStream could not be reached, or did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
#[error("JetStream: {0}")]
pub struct JetStreamError(async_nats::Error);

impl JetStreamLog {
    /// Opens the stream of this name, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// Fails if the server cannot be reached.
    pub async fn open(client: async_nats::Client, name: &str) -> Result<Self, JetStreamError> {
        let jetstream = jetstream::new(client);
        let subject = format!("ssekit.{name}");
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![subject.clone()],
            max_messages: 100_000,
            duplicate_window: Duration::from_secs(120),
            ..stream::Config::default()
        };
        let stream = jetstream.get_or_create_stream(config).await.map_err(JetStreamError::new)?;
        Ok(Self { jetstream, stream, subject })
    }

    /// Reads messages from a number on, and if there are none beyond that one waits for some.
    async fn messages(
        &self,
        from: u64,
        limit: usize,
        wait: Option<Duration>,
    ) -> Result<Vec<(Option<EventId>, Bytes)>, JetStreamError> {
        let config = pull::Config {
            deliver_policy: match from {
                0 => DeliverPolicy::All,
                start_sequence => DeliverPolicy::ByStartSequence { start_sequence },
            },
            ack_policy: AckPolicy::None,
            inactive_threshold: Duration::from_secs(10),
            memory_storage: true,
            ..pull::Config::default()
        };
        let consumer: consumer::Consumer<pull::Config> =
            self.stream.create_consumer(config).await.map_err(JetStreamError::new)?;
        let mut read = Vec::new();
        let mut batch = consumer.fetch().max_messages(limit).messages().await.map_err(JetStreamError::new)?;
        while let Some(message) = batch.next().await {
            read.push(taken(&message.map_err(JetStreamError)?)?);
        }
        if let (Some(wait), true) = (wait, read.len() == 1) {
            // Only the one from which it was read. As soon as there is another, all that is there will be had.
            let mut batch = consumer
                .batch()
                .max_messages(1)
                .expires(wait)
                .messages()
                .await
                .map_err(JetStreamError::new)?;
            while let Some(message) = batch.next().await {
                read.push(taken(&message.map_err(JetStreamError)?)?);
            }
        }
        Ok(read)
    }

    async fn page(
        &self,
        after: Option<&EventId>,
        limit: Limit,
        wait: Option<Duration>,
    ) -> Result<Page, JetStreamError> {
        let from =
            after.and_then(|id| TaggedNumbers.position(id.as_str())).map(|position| (position >> 64) as u64);
        let limit_with_after = limit.entries.saturating_add(usize::from(after.is_some()));
        // A batch that is bounded in bytes gives nothing at all if its first message is larger, so it is not.
        let messages = self.messages(from.unwrap_or(0), limit_with_after, wait).await?;
        let at_end = messages.len() < limit_with_after;
        let mut messages = messages.into_iter().peekable();
        let held = match after {
            None => messages.peek().is_some_and(|(id, _)| id.as_ref().is_some_and(TaggedNumbers::is_first)),
            Some(after) => messages.next_if(|(id, _)| id.as_ref() == Some(after)).is_some(),
        };
        let entries = messages
            .take(limit.entries)
            .filter_map(|(id, payload)| Some(Entry { id: id?, record: record(&payload) }));
        Ok(Page { held, at_end, entries: entries.collect() })
    }
}

impl Log for JetStreamLog {
    type Order = TaggedNumbers;
    type Error = JetStreamError;

    fn order(&self) -> TaggedNumbers {
        TaggedNumbers
    }

    async fn append(
        &self,
        record: Record,
        key: Option<&str>,
    ) -> Result<EventId, AppendError<JetStreamError>> {
        let tag = ids::tag();
        let fields = record.fields().into_iter();
        let fields: Map<String, Value> =
            fields.map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(&value).into())).collect();
        let mut headers = HeaderMap::new();
        headers.insert(TAG, format!("{tag:016x}"));
        let mut message =
            PublishMessage::build().payload(Value::Object(fields).to_string().into()).headers(headers);
        if let Some(key) = key {
            message = message.message_id(key);
        }
        let sent = self.jetstream.send_publish(self.subject.clone(), message).await;
        let acknowledged = match sent {
            Ok(sent) => sent.await,
            Err(error) => Err(error),
        };
        let acknowledged =
            acknowledged.map_err(|error| AppendError::Unacknowledged(JetStreamError::new(error)))?;
        if !acknowledged.duplicate {
            return Ok(TaggedNumbers::id_of(acknowledged.sequence, tag));
        }
        // It was appended before, with another tag.
        let before =
            self.messages(acknowledged.sequence, 1, None).await.map_err(AppendError::Unacknowledged)?;
        let id = before.into_iter().next().and_then(|(id, _)| id);
        id.ok_or_else(|| AppendError::Unacknowledged(JetStreamError("the first one is gone".into())))
    }

    async fn read(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, JetStreamError> {
        self.page(after, limit, None).await
    }

    async fn follow(&self, after: &EventId, limit: Limit) -> Result<Page, JetStreamError> {
        self.page(Some(after), limit, Some(WAIT)).await
    }
}

impl JetStreamError {
    fn new(error: impl Into<async_nats::Error>) -> Self {
        Self(error.into())
    }
}

/// Takes the ID of a message, if it has the tag that one needs, and what it says.
fn taken(message: &jetstream::Message) -> Result<(Option<EventId>, Bytes), JetStreamError> {
    let number = message.info().map_err(JetStreamError)?.stream_sequence;
    let tag = message.headers.as_ref().and_then(|headers| headers.get(TAG));
    let tag = tag.and_then(|tag| u64::from_str_radix(tag.as_str(), 16).ok());
    Ok((tag.map(|tag| TaggedNumbers::id_of(number, tag)), message.payload.clone()))
}

fn record(payload: &[u8]) -> Result<Record, InvalidRecord> {
    let fields: Map<String, Value> = serde_json::from_slice(payload).unwrap_or_default();
    Record::from_fields(fields.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, Bytes::from(text))),
        _ => None,
    }))
}

/// The header that the tag is in.
const TAG: &str = "Ssekit-Tag";
/// How long the server waits for another message.
const WAIT: Duration = Duration::from_secs(1);
