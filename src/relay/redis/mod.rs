//! A [`Log`] on Redis Streams.

mod append;
mod attempts;
mod connection;
pub(crate) mod error;
mod failed;
pub(crate) mod ids;
mod link;
mod reply;
mod trouble;
mod wire;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use redis::{Client, Pipeline, Value};

pub(super) use self::{error::RedisLogError, ids::StreamIds};
use crate::{
    event::id::EventId,
    relay::{
        log::{AppendError, Limit, Log, Page},
        record::Record,
        redis::{attempts::Reached, connection::Connection, failed::Repeat, trouble::Trouble},
    },
};

/// A [`Log`] in a Redis stream.
///
/// It needs Redis 5.0 or later, or a server that speaks the same protocol, such as Valkey. [`with_max_age`] needs Redis
/// 6.2: before that, Redis refuses every append. It connects without TLS, and to one address: `rediss://` addresses and
/// those of Sentinels are refused.
///
/// Nothing is connected until the first command. It uses up to three connections, whatever the number of
/// subscribers: one waits for new entries, one appends, and one reads history.
///
/// # What it keeps in Redis
///
/// | key | what |
/// | --- | --- |
/// | `NAME` | the stream. Each entry is a [`Record`], with its fields. The first one is the mark `begin` |
/// | `{NAME}:finished` | a sorted set of the finished topics whose marks are still in the stream |
/// | `{NAME}:once:KEY` | the entry ID of what was published with that key, for as long as it is remembered. Empty if Redis then refused the entry |
///
/// If the name has braces of its own, these begin with the name as it is, so that all of them are on one node of a
/// cluster. Other programs may append to the stream with `XADD NAME * topic orders data hello`, which does not look
/// whether the topic is finished. Let a node begin the stream, or begin it with `XADD NAME * mark begin`: without that mark,
/// new clients that [start at the oldest event](crate::hub::Start::Oldest) get the notice of a gap.
///
/// # Permissions
///
/// A node needs a user with these permissions; here for the user `events` and a log named `orders`:
///
/// ```text
/// ACL SETUSER events on >secret ~orders ~{orders}:* +evalsha +script|load +exists +xadd +xrange +xread +get
///     +set +zadd +zscore +zremrangebyscore +time +ping
/// ```
///
/// A node that only publishes does not need `+xread`. Without `+ping` all works, but Redis notes each `PING` in its
/// `ACL LOG`. Before it appends for the first time, a log checks the other permissions, and fails with an error that
/// names the commands and keys that are missing. [`check`](Self::check) does so when your program starts. If a
/// permission is taken away later, nothing is appended, either: Redis does not undo what a script wrote before it
/// failed, so the script appends only after each other command that it needs has succeeded.
///
/// # Connections
///
/// A command that fails is in one of three states, and an error of [`publish`](super::Relay::publish) says which:
///
/// | what happens | what is known | what follows |
/// | --- | --- | --- |
/// | the connection was closed while idle | nothing was sent | it is sent on a new connection; no error |
/// | a balancer or a NAT forgot the connection while idle | nothing was sent: after half a second without a reply, a `PING` comes first, and may take up to a second | as above |
/// | the connection ends before a byte of the command was written | nothing was sent | as above, once |
/// | Redis answers `READONLY`, `NOREPLICAS`, `LOADING`, `MASTERDOWN`, `UNBLOCKED`, `MOVED`, `ASK`, `TRYAGAIN`, `CLUSTERDOWN` or `NOAUTH` | it had no effect | it is sent on a new connection, once; the same answer again is [`NotPublished`](super::PublishError::NotPublished) |
/// | Redis answers with another error | it had no effect | `NotPublished` |
/// | no connection can be made | nothing was sent | `NotPublished` |
/// | the connection ends, or time runs out, after that | unknown | [`Unacknowledged`](super::PublishError::Unacknowledged) |
///
/// Commands that only read are sent once more in the last case, too, unless time ran out.
///
/// If the connection that appends or reads meets one of the answers in the fourth row, the [`Tail`](super::Tail) leaves
/// that server as well and reports the answer to [`on_fault`](super::Tail::on_fault): after a failover, the old server
/// may be up, and old connections with it.
///
/// After an attempt to connect that failed, or whose connection never answered a command as it should, the next one
/// comes after a pause of at most 0.25 s, which grows to at most 1 s, for each of the three connections. Until then
/// commands fail at once, with the last error, unless another of them has reached the server meanwhile.
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
///
/// [`with_max_age`]: Self::with_max_age
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
    /// What the others have found out about the server that is followed.
    trouble: Arc<Trouble>,
}

impl RedisLog {
    /// Creates a log on the stream with the given name, on the server with the given address, such as
    /// `redis://user:password@host:6379/0`. Does not connect; the first command does, and so does
    /// [`check`](Self::check).
    ///
    /// # Errors
    ///
    /// Fails if the address cannot be understood, or is of a kind that is not supported.
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
    /// The number is at least 1, and at most 2⁶³ - 1, which bounds nothing.
    ///
    /// All nodes should set the same bound: the stream is trimmed whenever something is appended.
    pub fn with_max_entries(mut self, entries: u64) -> Self {
        self.bound = Bound::Entries(entries.clamp(1, MAX_ENTRIES));
        self
    }

    /// Bounds the stream to what was appended within a time, by the clock of Redis, in place of a number of entries.
    ///
    /// Some older entries may remain, and so does what is there while nothing is appended. It needs Redis 6.2.
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.bound = Bound::Age(age);
        self
    }

    /// Sets for how long a key of [`publish_once`](super::Relay::publish_once) is remembered, 10 minutes by default.
    ///
    /// Within that time, no two entries of the log have the same key, whichever nodes publish: Redis looks and
    /// appends in one step. A key survives what the log survives, since it is stored in the same step.
    ///
    /// The time is at least a millisecond, and at most 146 million years.
    pub fn with_key_lifetime(mut self, lifetime: Duration) -> Self {
        self.remembered = lifetime.clamp(SHORTEST, MAX_KEY_LIFETIME);
        self
    }

    /// Sets how long a connection may take to be made, and a reply to come, 5 seconds by default.
    ///
    /// It is at least a millisecond and at most a day. A command that needs a new connection may take twice as long, and
    /// the `PING` before it a second.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.clamp(SHORTEST, MAX_TIMEOUT);
        self
    }

    fn links(&self) -> &Links {
        self.links.get_or_init(|| {
            let trouble = Arc::new(Trouble::default());
            let reached = Reached::default();
            let connection =
                |reply_within| Connection::new(&self.client, &reached, self.timeout, reply_within);
            Links {
                follow: connection(BLOCK + self.timeout),
                append: connection(self.timeout).reporting(&trouble),
                read: connection(self.timeout).reporting(&trouble),
                trouble,
            }
        })
    }
}

impl Links {
    fn renew(&self) {
        for connection in [&self.follow, &self.append, &self.read] {
            connection.renew();
        }
    }
}

impl Log for RedisLog {
    type Order = StreamIds;
    type Error = RedisLogError;

    fn order(&self) -> StreamIds {
        StreamIds
    }

    async fn append(&self, record: Record, key: Option<&str>) -> Result<EventId, AppendError<RedisLogError>> {
        self.append_record(&record, key).await
    }

    async fn holds(&self, id: &EventId) -> Result<bool, RedisLogError> {
        let mut read = Pipeline::new();
        read.cmd("XRANGE").arg(&self.name).arg(id.as_str()).arg(id.as_str());
        let (entries,): (Value,) = self.links().read.query(&read, Repeat::WhenBroken).await?;
        Ok(!reply::entries(entries)?.is_empty())
    }

    async fn read(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, RedisLogError> {
        let mut read = Pipeline::new();
        // From the entry itself, so that its being there shows that nothing is missing behind it.
        let start = after.map_or("-", EventId::as_str);
        let count = limit.entries.saturating_add(usize::from(after.is_some()));
        read.cmd("XRANGE").arg(&self.name).arg(start).arg("+").arg("COUNT").arg(count);
        let (entries,): (Value,) = self.links().read.query(&read, Repeat::WhenBroken).await?;
        let mut entries = reply::entries(entries)?;
        let at_end = entries.len() < count;
        let held = match after {
            // Every log begins with this mark, which goes first when the log is trimmed.
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
        // Faults are told, and so not repeated here.
        let query = links.follow.query(&follow, Repeat::Never);
        let replies = links.trouble.unless_noted(query).await.inspect_err(|_| links.renew())?;
        let (read, itself): (Value, Value) = replies.inspect_err(|failed| {
            if failed.is_lost_server() {
                // The others lead to the same server, and would only find out when they are used.
                links.renew();
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

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How long Redis waits for a new entry, and so how long it may take until it is noticed that the log has gone.
const BLOCK: Duration = Duration::from_secs(1);
const SHORTEST: Duration = Duration::from_millis(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// The greatest number that Redis takes.
const MAX_ENTRIES: u64 = i64::MAX as u64;
/// Redis adds it to the time, and has to stay below its greatest number.
const MAX_KEY_LIFETIME: Duration = Duration::from_millis(i64::MAX as u64 / 2);
