use std::{str, str::Utf8Error, time::Duration};

use bytes::Bytes;

use crate::{
    event::{
        event_type::{EventType, InvalidEventType},
        text::Text,
        value::Event,
    },
    wire::field::whole_millis,
};

/// The content of one entry of a log.
///
/// In a log it is a handful of named fields, all UTF-8 text, so that other programs can read and write them.
/// A log without fields stores them in another form, such as a JSON object.
///
/// | field | present | content |
/// | --- | --- | --- |
/// | `topic` | always, except in a mark `begin` | the topic |
/// | `mark` | if the entry is not an event | `finish`: the topic is finished; `begin`: the first entry of a new log |
/// | `type` | if the event has one | the event type |
/// | `data` | if the event has data | the data |
/// | `comment` | if the event has one | the comment |
/// | `retry` | if the event sets it | the reconnection time in milliseconds |
/// | `key` | if the event has one | the [key](Event::with_key) |
/// | `removes` | if the event [removes its key](Event::with_removed_key) | `key` |
/// | `label` | if the event has one | the [label](Event::with_label) |
///
/// Other fields are ignored.
///
/// # Examples
///
/// ```
/// use ssekit::{Event, relay::Record};
///
/// let record = Record::Event { topic: "orders".into(), event: Event::new("first") };
/// let fields = record.fields();
/// assert_eq!(fields, [("topic", "orders".into()), ("data", "first".into())]);
///
/// let Ok(Record::Event { topic, event }) = Record::from_fields(fields) else { panic!() };
/// assert_eq!((&*topic, event.encode()), ("orders", "data: first\n\n".into()));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Record {
    /// A new log begins here. It has no topic. A node detects that its log was replaced by the last entry it
    /// read, so an empty log needs one.
    Begin,
    /// An event was published. Its ID is that of the entry, so it has no ID of its own.
    Event {
        /// The topic that it was published to.
        topic: String,
        /// The event.
        event: Event,
    },
    /// A topic was finished. It begins again with the next event, if there is one.
    Finish {
        /// The topic.
        topic: String,
    },
}

/// The fields of an entry are not a valid [`Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRecord {
    /// There is no topic.
    #[error("no topic")]
    NoTopic,
    /// This version does not know the mark.
    #[error("unknown mark")]
    UnknownMark,
    /// A field is not UTF-8.
    #[error("a field is not UTF-8")]
    NotUtf8(#[source] Utf8Error),
    /// The event type is not valid.
    #[error(transparent)]
    EventType(InvalidEventType),
    /// The reconnection time is not a number of milliseconds.
    #[error("the reconnection time is not a number of milliseconds")]
    Retry,
}

impl Record {
    /// Returns the fields of the record. Data and comment are shared, not copied.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Event, relay::Record};
    ///
    /// let record = Record::Event { topic: "orders".to_owned(), event: Event::new("two coffees") };
    /// assert!(record.fields().iter().any(|(_, value)| value == "two coffees"));
    /// ```
    pub fn fields(&self) -> Vec<(&'static str, Bytes)> {
        match self {
            Self::Begin => vec![(MARK, Bytes::from_static(BEGIN))],
            Self::Finish { topic } => vec![(TOPIC, copied(topic)), (MARK, Bytes::from_static(FINISH))],
            Self::Event { topic, event } => {
                let retry = event.retry().map(|retry| whole_millis(retry).to_string());
                let rest = [
                    (TYPE, event.event_type().map(|event_type| copied(event_type.as_str()))),
                    (DATA, event.data_text()),
                    (COMMENT, event.comment_text().map(Text::to_bytes)),
                    (RETRY, retry.map(Bytes::from)),
                    (KEY, event.key().map(copied)),
                    (REMOVES, event.is_removal().then(|| Bytes::from_static(KEY.as_bytes()))),
                    (LABEL, event.label().map(copied)),
                ];
                let rest = rest.into_iter().filter_map(|(name, value)| Some((name, value?)));
                [(TOPIC, copied(topic))].into_iter().chain(rest).collect()
            }
        }
    }

    /// Reads the fields of an entry. Takes data and comment without a copy.
    ///
    /// If a field occurs several times, the last one counts.
    ///
    /// # Errors
    ///
    /// Returns an [`InvalidRecord`] if a required field is missing, or a field is not valid.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Event, relay::Record};
    ///
    /// let record = Record::Event { topic: "orders".to_owned(), event: Event::new("two coffees") };
    /// let read = Record::from_fields(record.fields())?;
    /// assert_eq!(read.topic(), Some("orders"));
    /// # Ok::<(), ssekit::relay::InvalidRecord>(())
    /// ```
    pub fn from_fields<N: AsRef<[u8]>>(
        fields: impl IntoIterator<Item = (N, Bytes)>,
    ) -> Result<Self, InvalidRecord> {
        let (mut topic, mut mark, mut event) = (None, None, Event::default());
        let (mut key, mut removes) = (None, false);
        for (name, value) in fields {
            match str::from_utf8(name.as_ref()).unwrap_or_default() {
                TOPIC => topic = Some(text(&value)?.to_owned()),
                MARK => mark = Some(value),
                TYPE => {
                    let event_type = EventType::try_from(text(&value)?);
                    event = event.with_type(event_type.map_err(InvalidRecord::EventType)?);
                }
                DATA => event = event.with_data(Text::try_from(value).map_err(InvalidRecord::NotUtf8)?),
                COMMENT => event = event.with_comment(Text::try_from(value).map_err(InvalidRecord::NotUtf8)?),
                RETRY => event = event.with_retry(millis(&value)?),
                KEY => key = Some(text(&value)?.to_owned()),
                REMOVES => removes = true,
                LABEL => event = event.with_label(text(&value)?),
                // A field of a later version is ignored, so that the nodes of a service can be
                // upgraded one by one.
                _ => {}
            }
        }
        // Only now, because the fields may come in any order.
        event = match key {
            Some(key) if removes => event.with_removed_key(key),
            Some(key) => event.with_key(key),
            None => event,
        };
        match (mark.as_deref(), topic) {
            (Some(BEGIN), _) => Ok(Self::Begin),
            (Some(FINISH), Some(topic)) => Ok(Self::Finish { topic }),
            (None, Some(topic)) => Ok(Self::Event { topic, event }),
            (Some(FINISH) | None, None) => Err(InvalidRecord::NoTopic),
            (Some(_), _) => Err(InvalidRecord::UnknownMark),
        }
    }

    /// Returns the topic. Only a mark `begin` has none.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::relay::Record;
    ///
    /// assert_eq!(Record::Finish { topic: "job-7".to_owned() }.topic(), Some("job-7"));
    /// ```
    pub fn topic(&self) -> Option<&str> {
        match self {
            Self::Begin => None,
            Self::Event { topic, .. } | Self::Finish { topic } => Some(topic),
        }
    }
}

impl Record {
    /// Returns the approximate length of its text in bytes.
    pub(super) fn text_len(&self) -> usize {
        match self {
            Self::Begin => 0,
            Self::Event { topic, event } => topic.len() + event.text_len(),
            Self::Finish { topic } => topic.len(),
        }
    }
}

fn copied(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn text(value: &[u8]) -> Result<&str, InvalidRecord> {
    str::from_utf8(value).map_err(InvalidRecord::NotUtf8)
}

fn millis(value: &[u8]) -> Result<Duration, InvalidRecord> {
    let digits = str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let millis = digits.and_then(|digits| digits.parse().ok()).ok_or(InvalidRecord::Retry)?;
    Ok(Duration::from_millis(millis))
}

const TOPIC: &str = "topic";
const MARK: &str = "mark";
const TYPE: &str = "type";
const DATA: &str = "data";
const COMMENT: &str = "comment";
const RETRY: &str = "retry";
const KEY: &str = "key";
const REMOVES: &str = "removes";
const LABEL: &str = "label";
const BEGIN: &[u8] = b"begin";
const FINISH: &[u8] = b"finish";
