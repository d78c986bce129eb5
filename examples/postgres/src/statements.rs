use crate::error::PostgresError;

/// The statements of one log.
pub(crate) struct Statements {
    pub(crate) name: String,
    pub(crate) create: String,
    pub(crate) listen: String,
    pub(crate) append: String,
    pub(crate) insert: String,
    pub(crate) holds: String,
    pub(crate) read: String,
    pub(crate) trim: String,
}

impl Statements {
    pub(crate) fn new(name: &str) -> Result<Self, PostgresError> {
        let is_simple = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let is_valid = name.len() <= 60 && name.starts_with(|first: char| first.is_ascii_lowercase());
        if !is_valid || !name.bytes().all(is_simple) || name.starts_with("pg_") {
            return Err(PostgresError::new("not the name of a log", name));
        }
        let schema = include_str!("schema.sql").replace("{log}", name);
        Ok(Self {
            create: format!(
                "{BEGIN} SELECT pg_advisory_xact_lock(hashtextextended('ssekit {name}', 0)); {schema} COMMIT;"
            ),
            listen: format!("LISTEN {name}"),
            append: format!("SELECT number, tag FROM {name}.append($1, $2, $3, $4)"),
            insert: format!(
                "INSERT INTO {name}.outbox (topic, mark, fields) VALUES ($1, $2, $3::text::json)"
            ),
            holds: format!("SELECT FROM {name}.entries WHERE number = $1 AND tag = $2"),
            read: format!(
                "SELECT number, tag, topic, mark, fields::text FROM {name}.entries \
                 WHERE number >= $1 ORDER BY number LIMIT $2"
            ),
            trim: format!("SELECT {name}.trim($1, $2)"),
            name: name.to_owned(),
        })
    }
}

/// Creating waits for other nodes that create the same log: it would fail if two did so at once.
const BEGIN: &str = "BEGIN; SET LOCAL client_min_messages = warning;";
