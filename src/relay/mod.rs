//! One log for many processes: any node publishes, and any node resumes a client that left another one.
//!
//! A [`Hub`](crate::Hub) serves one process. A service that outgrows it keeps the hub in each process and feeds all
//! of them from one ordered [`Log`] outside, whose entry IDs are the event IDs. [`Relay`] is the handle of one node;
//! [`RedisLog`], with the feature `redis`, is a log on Redis Streams. Other logs implement
//! [`Log`], in four methods: its order, append, read and follow. [`testing`], with the feature `test-util`, checks them.
//! A service of one process that restarts keeps its log in a folder: [`DiskLog`], with the feature `disk`.
//!
//! ```text
//!   publish          clients of A              clients of B          publish
//!      │                 ▲   ▲                     ▲   ▲                │
//!      │            ┌────┴───┴────┐           ┌────┴───┴────┐           │
//!      │    node A  │ hub: newest │   node B  │ hub: newest │           │
//!      │            └─▲────────▲──┘           └─▲────────▲──┘           │
//!      │         tail │        │ pages     tail │        │ pages        │
//!      ▼              │        │                │        │              ▼
//!   ┌──┴──────────────┴────────┴────────────────┴────────┴──────────────┴──┐
//!   │ log:  … 17-0 orders │ 17-1 news │ 18-0 orders │ 21-0 orders finished │
//!   └──────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! # How it works
//!
//! - **Publish**: the event is appended to the log, and the ID that it gets there is its ID on every node.
//! - **Tail**: one long poll for each node reads the log into its hub, whatever the number of subscribers. At the
//!   start it reads the whole log, so that a new node can resume clients at once.
//! - **Resume**: from the hub if it holds all that the client missed. Otherwise the node asks the log whether it still
//!   holds the event with the client's ID, even if the node itself has read that event. If so, the client is served
//!   from the log, page by page, through the same topics and filter. After each page the hub decides, under its lock,
//!   whether it can go on from there, so there is no gap and no duplicate between the two. A subscriber that falls
//!   behind its hub goes back to the log in the same way, without a notice.
//! - **Finish**: a mark in the log ends a topic on all nodes.
//!
//! # What is guaranteed when what fails
//!
//! | what happens | publishers | clients |
//! | --- | --- | --- |
//! | nothing | an ID for each acknowledged event | each event of their topics once, in the order of the log, on whatever node |
//! | the log cannot be reached, or is slow | an error within a bounded time that says whether the event may have been published | stay connected and get keep-alives; a client that comes back with an ID that this node remembers is let in, others are sent away for some seconds |
//! | the log is back with all that it acknowledged | go on | get all that the log holds, once |
//! | a connection breaks in the middle of a reply | as above, for what was under way | notice nothing |
//! | a node is stopped | other nodes go on | come back to another node and go on there |
//! | the last handle of a relay is dropped | go on at other nodes | their streams end, as after [`Relay::close`] |
//! | the task of a [`Tail`] ends or panics | go on | their streams end; clients that come to this node are sent away for some seconds |
//! | the log was trimmed past a client | go on | told *evicted*, then everything that is held |
//! | the log was trimmed before a new client came that starts at the oldest event | go on | told *evicted* first |
//! | the log was trimmed past a node | go on | their streams go on if the log holds what follows, otherwise they end, and a client that missed something is told *evicted* |
//! | the log was deleted, or is back empty or in an older state | go on in what is left | as before; a client whose last event is no longer there is told *evicted* or *unknown* |
//!
//! No client goes round in circles. A stream that can give its client nothing from where it began, because the log has
//! lost what follows, says so before it ends, whatever its [lag policy](crate::hub::Lag).
//!
//! *Evicted* is told only if the log itself has let go of something. An ID that is newer than the log's oldest entry
//! must be that of an entry in the log, else it is *unknown*: an epoch that is kept beside a log would be put back
//! together with it, and prove nothing. To see that a log is still the same, every node checks with each page that
//! the last entry it has read is still there. Whether a log survives a power failure is up to the log.
//!
//! A [`PublishError`] says whether an event was not published, so that it is safe to try again, or may have been.
//! [`Relay::publish_once`] makes that safe, too.
//!
//! # Topics, and when to use several logs
//!
//! One log carries all topics of a service. They have one order, and a client of many topics has one last event ID.
//! The price is that the log's one bound serves quiet and busy topics alike: a client of a quiet topic that was away
//! for long has its gap because others were busy, and each node reads every event, also those that it has no
//! subscriber for. That costs about as much as publishing to a hub without subscribers.
//!
//! Use several logs, with a relay for each, where topics are never subscribed to together and differ much in traffic
//! or in how long they must be kept, or when one server cannot take the traffic of all. Each has its own
//! connections, its own hub with its own bounds, and its own IDs: a stream cannot span two of them.
//!
//! # Costs
//!
//! A node reads each entry of the log once, and once more for each subscriber that must be served from the log: page
//! by page, each of up to half a megabyte or of one entry, and the entry before it along with each page. All these
//! pages together take up to 16 MiB; a subscriber that would need more waits for others. What a subscriber has
//! yielded and its HTTP stack still holds is one page for each, and nothing more is read for it meanwhile.
//!
//! A client that comes back costs nothing if the hub holds what it missed, else a look-up of its ID in the log: one
//! entry, or two. Four look-ups run at a time, and others wait, for five seconds at most.
//!
//! Beside the hub a relay keeps the IDs and sizes of the 65,536 newest entries, in 1.3 megabytes; see
//! [`Tail::with_remembered_ids`].

mod backoff;
mod budget;
mod core;
#[cfg(feature = "disk")]
mod disk;
mod generation;
mod handle;
mod log;
mod oldest;
mod page_size;
mod paging;
mod publish;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod resume;
mod subscription;
mod tail;
#[cfg(feature = "test-util")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
pub mod testing;

#[cfg(feature = "disk")]
#[cfg_attr(docsrs, doc(cfg(feature = "disk")))]
pub use self::disk::error::DiskLogError;
#[cfg(feature = "disk")]
#[cfg_attr(docsrs, doc(cfg(feature = "disk")))]
pub use self::disk::ids::DiskIds;
#[cfg(feature = "disk")]
#[cfg_attr(docsrs, doc(cfg(feature = "disk")))]
pub use self::disk::log::DiskLog;
#[cfg(feature = "disk")]
#[cfg_attr(docsrs, doc(cfg(feature = "disk")))]
pub use self::disk::options::DiskLogOptions;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::redis::RedisLog;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::redis::error::RedisLogError;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::redis::ids::StreamIds;
pub use self::{
    handle::{Relay, Stats},
    log::{AppendError, Entry, Limit, Log, Page},
    publish::PublishError,
    record::{InvalidRecord, Record},
    subscription::Subscription,
    tail::Tail,
};
