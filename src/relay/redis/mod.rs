//! A [`Log`] on Redis Streams.

mod connection;
mod error;
mod ids;
mod reply;

use std::{fmt, sync::OnceLock, time::Duration};

use redis::{Client, Cmd, Pipeline, Value, cmd};

use self::connection::{Connection, Failed};
pub use self::{error::RedisLogError, ids::StreamIds};
use super::{AppendError, Limit, Log, Page, Record};
use crate::EventId;

/// A [`Log`] in a Redis stream. Redis 5 or later will do, and servers that speak the same language.
///
/// Nothing is connected until something is asked of it. It uses up to three connections, whatever the number of
/// subscribers: one waits for new entries, one appends, and one reads history.
///
/// # What it keeps in Redis
///
/// | key | what |
/// | --- | --- |
/// | `NAME` | the stream. Each entry is a [`Record`], with its fields |
/// | `{NAME}:finished` | a sorted set of the finished topics whose marks are still in the stream |
/// | `{NAME}:once:KEY` | the entry ID of what was published with that key, for as long as it is remembered |
///
/// If the name has braces of its own, these begin with the name as it is, so that all of them are on one node of a
/// cluster. Other programs may append to the stream with `XADD NAME * topic orders data hello`, which does not look
/// whether the topic is finished.
///
/// # What Redis must not do
///
/// The stream has to hold what its clients miss and what a node that is down for a while misses, so give it a bound
/// that is greater than that. Nothing but the bound may take entries from it: a cursor at an entry that `XDEL` removed
/// is *unknown*. `maxmemory-policy` must not evict it. Use `appendonly yes`, and `appendfsync always` if no
/// acknowledged event may be lost when Redis is killed. A replica that is promoted may lack the newest
/// entries: every client that had seen them is told that its ID is unknown, as long as the clock of the new server does not
/// give out the very same IDs again. Writes have to go to one server, so clusters spread whole logs, not one log.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use ssekit::{Bounds, Event, Hub, relay::{RedisLog, Relay}};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let log = RedisLog::open("redis://127.0.0.1/", "events")?.with_max_entries(1_000_000);
/// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(10_000)));
/// tokio::spawn(tail.on_fault(|fault| eprintln!("{fault}")).run());
///
/// let id = relay.publish("orders", Event::new("first")).await?;
/// # let _ = id;
/// # Ok(())
/// # }
/// ```
pub struct RedisLog {
    client: Client,
    name: String,
    /// What the names of its other keys begin with.
    prefix: String,
    bound: Bound,
    remembered: Duration,
    timeout: Duration,
    /// By what name the server knows the script that appends.
    script: OnceLock<String>,
    links: OnceLock<Links>,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    Entries(u64),
    Age(Duration),
}

struct Links {
    follow: Connection,
    append: Connection,
    read: Connection,
}

impl RedisLog {
    /// Sets out a log in the stream of the given name, on the server with the given address, such as
    /// `redis://user:password@host:6379/0`.
    ///
    /// # Errors
    ///
    /// Fails if this is not an address. Whether there is a server is not looked at.
    pub fn open(url: &str, name: impl Into<String>) -> Result<Self, RedisLogError> {
        let name = name.into();
        Ok(Self {
            client: Client::open(url).map_err(RedisLogError::address)?,
            prefix: if name.contains('{') { name.clone() } else { format!("{{{name}}}") },
            name,
            bound: Bound::Entries(100_000),
            remembered: Duration::from_secs(600),
            timeout: Duration::from_secs(5),
            script: OnceLock::new(),
            links: OnceLock::new(),
        })
    }

    /// Bounds the stream to a number of entries, 100,000 by default. It may hold some hundred more.
    ///
    /// All nodes should set the same bound: the stream is trimmed whenever something is appended.
    pub fn with_max_entries(mut self, entries: u64) -> Self {
        self.bound = Bound::Entries(entries.max(1));
        self
    }

    /// Bounds the stream to what was appended within a time, by the clock of Redis, in place of a number of entries.
    ///
    /// Some older entries may remain, and so does what is there while nothing is appended.
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.bound = Bound::Age(age);
        self
    }

    /// Sets for how long a key of [`publish_once`](super::Relay::publish_once) is remembered, 10 minutes by default.
    ///
    /// Within that time, no two entries of the log have the same key, whichever nodes publish: Redis looks and
    /// appends in one step. A key survives what the log survives, since it is stored in the same step.
    pub fn with_key_lifetime(mut self, lifetime: Duration) -> Self {
        self.remembered = lifetime.max(Duration::from_millis(1));
        self
    }

    /// Sets how long a connection may take to be made, and a reply to come, 5 seconds by default.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn links(&self) -> &Links {
        self.links.get_or_init(|| Links {
            follow: Connection::new(&self.client, self.timeout, BLOCK + self.timeout),
            append: Connection::new(&self.client, self.timeout, self.timeout),
            read: Connection::new(&self.client, self.timeout, self.timeout),
        })
    }

    /// Returns the command that appends a record.
    fn append_command(&self, script: &str, record: &Record, key: Option<&str>) -> Cmd {
        let mut command = cmd("EVALSHA");
        command.arg(script).arg(2 + usize::from(key.is_some()));
        command.arg(&self.name).arg(format!("{}:finished", self.prefix));
        if let Some(key) = key {
            command.arg(format!("{}:once:{key}", self.prefix));
        }
        match self.bound {
            Bound::Entries(entries) => command.arg("MAXLEN").arg(entries),
            Bound::Age(age) => command.arg("MINID").arg(millis(age)),
        };
        let mark = match record {
            Record::Begin => "begin",
            Record::Finish { .. } => "finish",
            _ => "",
        };
        command.arg(millis(self.remembered)).arg(mark).arg(record.topic().unwrap_or_default());
        for (name, value) in record.fields() {
            command.arg(name).arg(&value[..]);
        }
        command
    }

    /// Lets the server know the script that appends, and notes by what name it does.
    async fn load_script(&self) -> Result<String, Failed> {
        let mut load = Pipeline::new();
        load.cmd("SCRIPT").arg("LOAD").arg(APPEND);
        let (name,): (String,) = self.links().append.query(&load).await?;
        Ok(self.script.get_or_init(|| name).clone())
    }
}

impl Log for RedisLog {
    type Order = StreamIds;
    type Error = RedisLogError;

    fn order(&self) -> StreamIds {
        StreamIds
    }

    async fn append(&self, record: Record, key: Option<&str>) -> Result<EventId, AppendError<RedisLogError>> {
        let mut script = match self.script.get() {
            Some(script) => script.clone(),
            None => self.load_script().await.map_err(not_appended)?,
        };
        let mut loaded = false;
        loop {
            let mut append = Pipeline::new();
            append.add_command(self.append_command(&script, &record, key));
            match self.links().append.query::<(Value,)>(&append).await {
                Ok((Value::Nil,)) => return Err(AppendError::Finished),
                Ok((id,)) => return reply::id(&id).map_err(AppendError::Unacknowledged),
                Err(Failed::Answered(error)) if error.needs_script() && !loaded => {
                    script = self.load_script().await.map_err(not_appended)?;
                    loaded = true;
                }
                Err(Failed::BeforeSending(error) | Failed::Answered(error)) => {
                    return Err(AppendError::Refused(error));
                }
                Err(Failed::Unanswered(error)) => return Err(AppendError::Unacknowledged(error)),
            }
        }
    }

    async fn holds(&self, id: &EventId) -> Result<bool, RedisLogError> {
        let mut read = Pipeline::new();
        read.cmd("XRANGE").arg(&self.name).arg(id.as_str()).arg(id.as_str());
        let (entries,): (Value,) = self.links().read.query(&read).await?;
        Ok(!reply::entries(entries)?.is_empty())
    }

    async fn read(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, RedisLogError> {
        let mut read = Pipeline::new();
        // From the entry itself, so that its being there shows that nothing is missing behind it.
        let start = after.map_or("-", EventId::as_str);
        let count = limit.entries.saturating_add(usize::from(after.is_some()));
        read.cmd("XRANGE").arg(&self.name).arg(start).arg("+").arg("COUNT").arg(count);
        let (entries,): (Value,) = self.links().read.query(&read).await?;
        let mut entries = reply::entries(entries)?;
        let at_end = entries.len() < count;
        let held = match after {
            // A tail that finds an empty log begins it with this mark, which goes first when the log is trimmed.
            None => entries.first().is_some_and(|first| matches!(first.record, Ok(Record::Begin))),
            Some(after) => {
                let held = entries.first().is_some_and(|entry| entry.id == *after);
                if held {
                    entries.remove(0);
                }
                held
            }
        };
        entries.truncate(limit.entries);
        Ok(Page { held, at_end, entries })
    }

    async fn follow(&self, after: &EventId, limit: Limit) -> Result<Page, RedisLogError> {
        let links = self.links();
        let mut follow = Pipeline::new();
        follow.cmd("XREAD").arg("COUNT").arg(limit.entries).arg("BLOCK").arg(millis(BLOCK));
        follow.arg("STREAMS").arg(&self.name).arg(after.as_str());
        // Looked at after what follows was read: if it is still there, nothing has been taken away before that.
        follow.cmd("XRANGE").arg(&self.name).arg(after.as_str()).arg(after.as_str());
        let (read, itself): (Value, Value) = links.follow.query(&follow).await.inspect_err(|failed| {
            if let Failed::Unanswered(_) = failed {
                // The others lead to the same server, and would only find out when they are used.
                links.append.renew();
                links.read.renew();
            }
        })?;
        let entries = reply::streams(read)?;
        let at_end = entries.len() < limit.entries;
        Ok(Page { held: !reply::entries(itself)?.is_empty(), at_end, entries })
    }
}

impl fmt::Debug for RedisLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the address: it may hold a password.
        f.debug_struct("RedisLog")
            .field("name", &self.name)
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}

fn not_appended(failed: Failed) -> AppendError<RedisLogError> {
    AppendError::Refused(failed.into())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const APPEND: &str = include_str!("append.lua");
/// How long Redis waits for a new entry, and so how long it may take until it is noticed that the log has gone.
const BLOCK: Duration = Duration::from_secs(1);
