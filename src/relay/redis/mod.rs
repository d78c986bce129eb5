//! A [`Log`] on Redis Streams.

mod address;
mod append;
mod attempts;
#[cfg(feature = "redis-tls")]
mod certificates;
mod connection;
pub(crate) mod error;
mod failed;
pub(crate) mod ids;
mod link;
mod links;
mod master;
mod reply;
mod sentinel;
mod target;
mod tls;
mod trouble;
mod wire;

use std::{fmt, sync::OnceLock, time::Duration};

use redis::{Pipeline, Value};

pub(super) use self::{error::RedisLogError, ids::StreamIds};
use crate::{
    event::id::EventId,
    relay::{
        log::{AppendError, Limit, Log, Page},
        record::Record,
        redis::{
            address::Address,
            failed::Repeat,
            links::{Links, Watch},
        },
    },
};

/// A [`Log`] in a Redis stream.
///
/// It needs Redis 5.0 or later, or a server with the same protocol, such as Valkey. [`max_age`] needs Redis
/// 6.2; earlier versions refuse every append.
///
/// It does not connect before the first command. It uses up to three connections, whatever the number of
/// subscribers: one waits for new entries, one appends, and one reads history.
///
/// # Addresses
///
/// | address | leads to |
/// | --- | --- |
/// | `redis://user:password@host:6379/0` | a server; all but the host may be left out |
/// | `redis+unix:///path?db=0&user=…&pass=…` | a server, by a socket of the local system |
/// | `rediss://…` | a server with TLS, with the feature `redis-tls` |
/// | `redis+sentinel://user:password@host:26379,host:26379/mymaster/0` | the present master with this name, which these Sentinels know |
/// | `rediss+sentinel://…` | the same; the Sentinels and the master both use TLS |
///
/// Write characters such as `@`, `/` and `%` in a user or a password as `%40`, `%2F` and `%25`.
///
/// With TLS, the server needs a certificate for the host in the address, from one of the roots of the system
/// or of the application ([`root_certificates`](Self::root_certificates)). Certificates are always verified.
/// An address in a Sentinel's answer is a host, too: an IP address must be in the certificate, unless your
/// Sentinels `resolve-hostnames` and `announce-hostnames`.
///
/// # Sentinel
///
/// Each connection leads to the server that the Sentinels name as the master: of the first answers of a
/// majority, the one after the latest failover counts. That server must also say that it is a master (`ROLE`;
/// without the permission `+role`, the first write finds out). The Sentinels are asked again once a second,
/// and for each new connection. If there is another master, all connections leave the old one, and what the
/// old one answers from then on does not count: appends that wait for its reply are
/// [`Unacknowledged`](super::PublishError::Unacknowledged) at once. So after a failover a node goes on by
/// itself; until then publishers get that error or [`NotPublished`](super::PublishError::NotPublished), and
/// clients stay connected.
///
/// Redis replicates after it has acknowledged. What the new master did not have is lost: clients that had
/// seen it get the gap *unknown*. An old master that was cut off, or restarted before it was made a replica,
/// takes events that will be lost, until the node learns of the new one. Set `min-replicas-to-write 1` and a
/// short `min-replicas-max-lag` on all servers, so that a master without replicas refuses them.
///
/// The user and the password are those of the master. If the Sentinels have some of their own, add
/// `?sentinel_username=…&sentinel_password=…` to the address.
///
/// # Keys in Redis
///
/// | key | content |
/// | --- | --- |
/// | `NAME` | the stream. Each entry is a [`Record`], with its fields. The first one is the mark `begin` |
/// | `{NAME}:finished` | a sorted set of the finished topics whose marks are still in the stream |
/// | `{NAME}:once:KEY` | the entry ID of the event published with that key, while the key is remembered; empty if Redis then refused the entry |
///
/// If the name contains braces, the other keys begin with the name unchanged, so that all of them are on one
/// node of a cluster. Other programs may append with `XADD NAME * topic orders data hello`, which does not
/// check whether the topic is finished. Let a node begin the stream, or begin it with
/// `XADD NAME * mark begin`: without that mark, new clients that [start at the oldest
/// event](crate::hub::Start::Oldest) get a gap.
///
/// # Permissions
///
/// A node needs a user with these permissions, here for the user `events` and a log named `orders`:
///
/// ```text
/// ACL SETUSER events on >secret ~orders ~{orders}:* +evalsha +script|load +exists +xadd +xrange +xread +get
///     +set +zadd +zscore +zremrangebyscore +time +ping
/// ```
///
/// A node that only publishes does not need `+xread`. Without `+ping` everything works, but Redis records
/// each `PING` in its `ACL LOG`. Before the first append, a log checks the other permissions, and returns an
/// error with the missing commands and keys. Call [`check`](Self::check) to do so when your program starts.
/// If a permission is removed later, nothing is appended either: Redis does not undo what a script wrote
/// before it failed, so the script appends only after all other commands that it needs have succeeded.
///
/// # Connections
///
/// A failed command is in one of three states, and an error of [`publish`](super::Relay::publish) tells
/// which:
///
/// | failure | state | reaction |
/// | --- | --- | --- |
/// | the connection was closed while idle | nothing was sent | it is sent on a new connection; no error |
/// | a balancer or a NAT forgot the connection while idle | nothing was sent: after half a second without a reply, a `PING` comes first, and may take up to a second | as above |
/// | the connection ends before a byte of the command was written | nothing was sent | as above, once |
/// | Redis answers `READONLY`, `NOREPLICAS`, `LOADING`, `MASTERDOWN`, `UNBLOCKED`, `MOVED`, `ASK`, `TRYAGAIN`, `CLUSTERDOWN` or `NOAUTH` | it had no effect | it is sent on a new connection, once; the same answer again is [`NotPublished`](super::PublishError::NotPublished) |
/// | Redis answers with any other error | it had no effect | `NotPublished` |
/// | no connection can be made | nothing was sent | `NotPublished` |
/// | the connection ends, or time runs out, after bytes were written | unknown | [`Unacknowledged`](super::PublishError::Unacknowledged) |
///
/// Commands that only read are also sent once more in the last case, unless time ran out.
///
/// If the connection that appends or reads gets one of the answers in the fourth row, the
/// [`Tail`](super::Tail) also leaves that server and reports the answer to
/// [`on_fault`](super::Tail::on_fault): after a failover, the old server and connections to it may still be
/// up.
///
/// After an attempt to connect that failed, or whose connection never answered a command successfully, the
/// next one follows after a pause of at most 0.25 s, which grows to at most 1 s, for each of the three
/// connections. Until then commands fail at once with the last error, unless another connection has reached
/// the server meanwhile.
///
/// # Requirements on Redis
///
/// The stream must hold everything that its clients, and nodes that are down for a while, may miss, so set
/// its bound higher than that. Only the bound may remove entries: the ID of an entry removed by `XDEL` is
/// *unknown*. `maxmemory-policy` must not evict the stream. Use `appendonly yes`, and `appendfsync always` if
/// no acknowledged event may be lost when Redis is killed. A replica that is promoted may lack the newest
/// entries. Clients that had seen them then get the gap *unknown*, unless the new server's clock gives out
/// the very same IDs again. All writes must go to one server, so a cluster distributes whole logs, not one
/// log.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use ssekit::{Bounds, Event, Hub, relay::{RedisLog, Relay}};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let log = RedisLog::open("redis://127.0.0.1/", "events")?.max_entries(1_000_000);
/// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(10_000)));
/// tokio::spawn(tail.on_fault(|fault| eprintln!("{fault}")).run());
///
/// let id = relay.publish("orders", Event::new("first")).await?;
/// # let _ = id;
/// # Ok(())
/// # }
/// ```
///
/// [`max_age`]: Self::max_age
pub struct RedisLog {
    address: Address,
    #[cfg(feature = "redis-tls")]
    tls: tls::Tls,
    name: String,
    /// The prefix of its other keys.
    prefix: String,
    bound: Bound,
    remembered: Duration,
    timeout: Duration,
    /// The name of the script that appends, on the server.
    script: OnceLock<String>,
    links: OnceLock<(Links, Option<Watch>)>,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    Entries(u64),
    Age(Duration),
}

impl RedisLog {
    /// Creates a log on the stream `name` of the server at `url`, one of these [addresses](Self#addresses).
    /// Does not connect; the first command does, and so does [`check`](Self::check).
    ///
    /// # Errors
    ///
    /// Returns an error if the address is malformed or of an unsupported kind.
    pub fn open(url: &str, name: impl Into<String>) -> Result<Self, RedisLogError> {
        let name = name.into();
        Ok(Self {
            address: Address::parse(url)?,
            #[cfg(feature = "redis-tls")]
            tls: tls::Tls::default(),
            // In a cluster a script may touch keys of one slot only, and the part in braces decides
            // the slot.
            prefix: if name.contains('{') { name.clone() } else { format!("{{{name}}}") },
            name,
            bound: Bound::Entries(100_000),
            remembered: Duration::from_secs(600),
            timeout: Duration::from_secs(5),
            script: OnceLock::new(),
            links: OnceLock::new(),
        })
    }

    /// Limits the stream to a number of entries (default: 100,000). It may hold some hundred more.
    ///
    /// The number is at least 1, and at most 2⁶³ - 1, which sets no limit.
    ///
    /// Set the same bound on all nodes: the stream is trimmed at every append.
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.bound = Bound::Entries(entries.clamp(1, MAX_ENTRIES));
        self
    }

    /// Limits the stream to the entries appended within a time, by the clock of Redis, instead of a number of
    /// entries.
    ///
    /// Some older entries may remain, and entries are removed only when something is appended. Needs Redis
    /// 6.2.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.bound = Bound::Age(age);
        self
    }

    /// Sets how long a key of [`publish_once`](super::Relay::publish_once) is remembered (default: 10
    /// minutes).
    ///
    /// Within that time, no two entries of the log have the same key, whichever nodes publish: Redis checks
    /// and appends in one step. The key is stored in the same step, so it survives whatever the log survives.
    ///
    /// The time is at least a millisecond, and at most 146 million years.
    pub fn key_lifetime(mut self, lifetime: Duration) -> Self {
        self.remembered = lifetime.clamp(SHORTEST, MAX_KEY_LIFETIME);
        self
    }

    /// Sets how long connecting may take, and how long a reply may take (default: 5 seconds).
    ///
    /// It is at least a millisecond and at most a day. A command that needs a new connection may take twice
    /// as long, plus a second for the `PING` before it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.clamp(SHORTEST, MAX_TIMEOUT);
        self
    }

    fn links(&self) -> &Links {
        let (links, _) = self.links.get_or_init(|| {
            #[cfg(feature = "redis-tls")]
            let tls = self.address.has_tls.then_some(&self.tls);
            #[cfg(not(feature = "redis-tls"))]
            let tls = None;
            Links::new(&self.address, tls, self.timeout, BLOCK)
        });
        links
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
        // Read from the entry itself, whose presence shows that nothing after it is missing.
        let start = after.map_or("-", EventId::as_str);
        // One more than asked for, because the entry that the page follows is among them.
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
        // Read after the entries: if it is still there, nothing before them was removed.
        follow.cmd("XRANGE").arg(&self.name).arg(after.as_str()).arg(after.as_str());
        // The tail reports faults, so they are not retried here.
        let query = links.follow.query(&follow, Repeat::Never);
        let replies = links.trouble.unless_noted(query).await.inspect_err(|_| links.renew())?;
        let (read, itself): (Value, Value) = replies.inspect_err(|failed| {
            if failed.is_lost_server() {
                // The other connections lead to the same server, and would notice only when they are used.
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
        // The address is left out, because it may contain a password.
        f.debug_struct("RedisLog")
            .field("name", &self.name)
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How long Redis waits for a new entry, and so the time after which a lost log is noticed.
const BLOCK: Duration = Duration::from_secs(1);
const SHORTEST: Duration = Duration::from_millis(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// The largest number that Redis accepts.
const MAX_ENTRIES: u64 = i64::MAX as u64;
/// Redis adds it to the time, and the sum must not exceed its largest number.
const MAX_KEY_LIFETIME: Duration = Duration::from_millis(i64::MAX as u64 / 2);
