//! Records as rows: the topic and the mark in columns, the other fields as one JSON object.

use bytes::Bytes;
use serde_json::{Map, Value};
use ssekit::relay::{InvalidRecord, Record};

pub(crate) struct Row {
    pub(crate) topic: Option<String>,
    pub(crate) mark: Option<String>,
    pub(crate) fields: String,
}

impl Row {
    pub(crate) fn new(record: &Record) -> Self {
        let (mut topic, mut mark, mut fields) = (None, None, Map::new());
        for (name, value) in record.fields() {
            let value = String::from_utf8_lossy(&value).into_owned();
            match name {
                TOPIC => topic = Some(value),
                MARK => mark = Some(value),
                _ => drop(fields.insert(name.to_owned(), Value::String(value))),
            }
        }
        Self { topic, mark, fields: Value::Object(fields).to_string() }
    }

    pub(crate) fn into_record(self) -> Result<Record, InvalidRecord> {
        let columns = [(TOPIC, self.topic), (MARK, self.mark)];
        let columns = columns.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let fields: Map<String, Value> = serde_json::from_str(&self.fields).unwrap_or_default();
        let fields = fields.into_iter().filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text)),
            // What SQL writes as a number, such as `retry`.
            Value::Number(number) => Some((name, number.to_string())),
            _ => None,
        });
        Record::from_fields(fields.chain(columns).map(|(name, text)| (name, Bytes::from(text))))
    }
}

const TOPIC: &str = "topic";
const MARK: &str = "mark";
