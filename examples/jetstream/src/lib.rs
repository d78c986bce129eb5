//! A log on NATS JetStream, for ssekit's relay: what it takes to bring a log of one's own.
//!
//! A stream's sequence numbers begin at 1 again when it is made anew, and come twice when it is put back from a backup.
//! So an event ID is the number and a tag that the publisher draws at random and sends along: `17-9f3c…`. An ID is
//! held if the message with its number has its tag.
//!
//! # What holds
//!
//! | failure | an acknowledged event |
//! | --- | --- |
//! | a node or a connection | is in the stream |
//! | nats-server is killed, and its machine runs on | is in the stream: the system has written what the server had |
//! | a power failure, or a crash of the system | may be lost: the server syncs its files every two minutes |
//! | the same, with `sync_interval: always` in the `jetstream` block (2.10 or later) | is in the stream; each publish then waits for a sync of its own |
//! | one of three servers, with three [`replicas`](JetStreamLogOptions::replicas) | is in the stream, unless most of them lose power at once |
//!
//! After a loss the stream goes on with numbers that it had already given out. The tags differ, so a client that had seen
//! a lost event gets the gap *unknown*.
//!
//! - Keys of `publish_once` are known for the stream's `duplicate_window`, here two minutes.
//! - Publishing to a finished topic is not refused. Such an event begins the topic again.
//! - An append that fails may have been carried out: the client library sends again by itself after it has reconnected.
//! - A consumer that was lost is an error, not a gap: the relay reads again.

mod ids;
mod pages;

use std::time::Duration;

use async_nats::{
    HeaderMap,
    jetstream::{
        self, Context,
        message::PublishMessage,
        stream::{self, Stream},
    },
};
use bytes::Bytes;
use serde_json::{Map, Value};
use ssekit::{
    EventId,
    relay::{AppendError, InvalidRecord, Limit, Log, Page, Record},
};

pub use self::ids::TaggedNumbers;

/// A log in a JetStream stream. Every message on its one subject is a [`Record`], as a JSON object of its fields.
#[derive(Debug)]
pub struct JetStreamLog {
    jetstream: Context,
    stream: Stream,
    subject: String,
}

/// How to create a stream.
#[derive(Clone, Debug)]
pub struct JetStreamLogOptions {
    /// How many messages it holds.
    pub max_messages: i64,
    /// On how many servers.
    pub replicas: usize,
}

impl Default for JetStreamLogOptions {
    fn default() -> Self {
        Self { max_messages: 100_000, replicas: 1 }
    }
}

/// JetStream could not be reached, or did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
#[error("JetStream: {0}")]
pub struct JetStreamError(async_nats::Error);

impl JetStreamLog {
    /// Opens the stream with this name, and creates it if there is none, with the default options.
    ///
    /// # Errors
    ///
    /// Fails if the server cannot be reached.
    pub async fn open(client: async_nats::Client, name: &str) -> Result<Self, JetStreamError> {
        Self::open_with(client, name, JetStreamLogOptions::default()).await
    }

    /// Opens the stream with this name, and creates it with these options if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the server cannot be reached.
    pub async fn open_with(
        client: async_nats::Client,
        name: &str,
        options: JetStreamLogOptions,
    ) -> Result<Self, JetStreamError> {
        let jetstream = jetstream::new(client);
        let subject = format!("ssekit.{name}");
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![subject.clone()],
            max_messages: options.max_messages,
            num_replicas: options.replicas,
            duplicate_window: Duration::from_secs(120),
            ..stream::Config::default()
        };
        let stream = jetstream.get_or_create_stream(config).await.map_err(JetStreamError::new)?;
        Ok(Self { jetstream, stream, subject })
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
        let before = pages::id_at(&self.stream, acknowledged.sequence).await;
        let id = before.map_err(AppendError::Unacknowledged)?;
        id.ok_or_else(|| AppendError::Unacknowledged(JetStreamError("the first one is gone".into())))
    }

    async fn holds(&self, id: &EventId) -> Result<bool, JetStreamError> {
        pages::holds(&self.stream, id).await
    }

    async fn read(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, JetStreamError> {
        pages::page(&self.stream, after, limit, None).await
    }

    async fn follow(&self, after: &EventId, limit: Limit) -> Result<Page, JetStreamError> {
        pages::page(&self.stream, Some(after), limit, Some(WAIT)).await
    }
}

impl JetStreamError {
    fn new(error: impl Into<async_nats::Error>) -> Self {
        Self(error.into())
    }

    fn late() -> Self {
        Self("it did not answer in time".into())
    }

    /// The stream has messages that a consumer did not give.
    fn silent() -> Self {
        Self("a consumer gave nothing of what is there".into())
    }
}

impl From<async_nats::Error> for JetStreamError {
    fn from(error: async_nats::Error) -> Self {
        Self(error)
    }
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
