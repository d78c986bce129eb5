//! The parameters of requests.

use percent_encoding::percent_decode_str;
use ssekit::LastEventId;

use crate::faults::Fault;

/// Topics, event type, key, start, page and client of a request.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) topics: Vec<String>,
    pub(crate) event_type: Option<String>,
    /// The key of an event that replaces the topic's earlier one, or of the one to remove.
    pub(crate) key: Option<String>,
    pub(crate) from_oldest: bool,
    /// The ID that a page of history begins after; none for the oldest event.
    pub(crate) after: Option<LastEventId>,
    /// How many events a page of history has at most.
    pub(crate) limit: Option<usize>,
    /// The name that a client gives to its streams, for faults to find them.
    pub(crate) client: Option<String>,
    pub(crate) fault: Option<Fault>,
    /// Who the client is, to others.
    pub(crate) name: Option<String>,
}

impl Query {
    /// Reads a query string. Unknown parameters are left to others; without a topic it is `default`.
    pub(crate) fn parse(query: &str) -> Result<Self, String> {
        let mut parsed = Self::default();
        for parameter in query.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "topic" if parsed.topics.len() == MAX_TOPICS => {
                    return Err(format!("more than {MAX_TOPICS} topics"));
                }
                "topic" => {
                    let topic = decode(value)?;
                    if topic.len() > MAX_TOPIC_BYTES {
                        return Err(format!("a topic of more than {MAX_TOPIC_BYTES} bytes"));
                    }
                    parsed.topics.push(topic);
                }
                "event" => parsed.event_type = Some(decode(value)?),
                "key" if parsed.key.is_some() => return Err("more than one key".into()),
                "key" => {
                    let key = decode(value)?;
                    if key.len() > MAX_KEY_BYTES {
                        return Err(format!("a key of more than {MAX_KEY_BYTES} bytes"));
                    }
                    parsed.key = Some(key);
                }
                "after" => parsed.after = LastEventId::from_bytes(decode(value)?.as_bytes()),
                "limit" => parsed.limit = Some(limit(value)?),
                "from" => match value {
                    "oldest" => parsed.from_oldest = true,
                    "now" => parsed.from_oldest = false,
                    _ => return Err("`from` is neither `oldest` nor `now`".into()),
                },
                "client" => parsed.client = Some(decode(value)?),
                "name" => {
                    let name = decode(value)?;
                    if name.len() > MAX_NAME_BYTES {
                        return Err(format!("a name of more than {MAX_NAME_BYTES} bytes"));
                    }
                    parsed.name = Some(name);
                }
                "fault" => match value {
                    "cut" => parsed.fault = Some(Fault::Cut),
                    "stall" => parsed.fault = Some(Fault::Stall),
                    "forget" => parsed.fault = Some(Fault::Forget),
                    _ => return Err("`fault` is none of `cut`, `stall` and `forget`".into()),
                },
                _ => {}
            }
        }
        if parsed.topics.is_empty() {
            parsed.topics.push("default".into());
        }
        Ok(parsed)
    }

    /// Returns the topic of a request that names one at most.
    pub(crate) fn topic(&self) -> Result<&str, String> {
        match &self.topics[..] {
            [topic] => Ok(topic),
            _ => Err("more than one topic".into()),
        }
    }
}

/// Two names that differ in their bytes must not become one, so what is not UTF-8 is refused.
fn decode(value: &str) -> Result<String, String> {
    let value = value.replace('+', " ");
    let decoded = percent_decode_str(&value).decode_utf8().map_err(|_| "a parameter is not UTF-8")?;
    Ok(decoded.into_owned())
}

fn limit(value: &str) -> Result<usize, String> {
    match value.parse() {
        Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
        _ => Err(format!("`limit` is no number from 1 to {MAX_LIMIT}")),
    }
}

const MAX_TOPICS: usize = 100;
const MAX_TOPIC_BYTES: usize = 256;
const MAX_KEY_BYTES: usize = 256;
const MAX_NAME_BYTES: usize = 64;
const MAX_LIMIT: usize = 1_000;
