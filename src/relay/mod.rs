//! One log for many processes: any node can publish, and any node can resume a client of another one.
//!
//! A [`Hub`](crate::Hub) serves one process. If your service outgrows it, keep a hub in each process and feed
//! all of them from one ordered [`Log`] outside, whose entry IDs are the event IDs. [`Relay`] is the handle
//! of one node; [`RedisLog`], with the feature `redis`, is a log on Redis Streams. Other logs implement
//! [`Log`], which needs four methods: its order, append, read and follow. [`testing`], with the feature
//! `test-util`, checks them. If your service is a single process that restarts, keep its log in a folder:
//! [`DiskLog`], with the feature `disk`.
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
//! - **Publish**: appends the event to the log. The entry's ID is the event's ID on every node.
//! - **Tail**: one long poll per node reads the log into its hub, whatever the number of subscribers. At the
//!   start it reads the whole log, so that a new node can resume clients at once.
//! - **Resume**: from the hub if it holds everything that the client missed. Otherwise the node asks the log
//!   whether it still holds the event with the client's ID, even if the node itself has read that event. If
//!   so, the client is served from the log, page by page, with the same topics and filter. After each page
//!   the hub decides, under its lock, whether it can continue from there, so there is no gap and no duplicate
//!   between the two. A subscriber that falls behind its hub returns to the log in the same way, without a
//!   notice.
//! - **Keys and labels**: fields of the entries. The hub of each node keeps the newest event of each
//!   [key](crate::Event::with_key). A new client that starts at the oldest event gets the hub's state if the
//!   hub has lost nothing, and otherwise the log, which also has the superseded events.
//! - **Finish**: a mark in the log finishes a topic on all nodes.
//!
//! # Guarantees by failure
//!
//! | failure | publishers | clients |
//! | --- | --- | --- |
//! | none | an ID for each acknowledged event | each event of their topics once, in the order of the log, on any node |
//! | the log cannot be reached, or is slow | an error within a bounded time, which tells whether the event may have been published | stay connected and get keep-alives; a client that resumes with an ID that this node remembers is accepted, others are sent away for some seconds |
//! | the log is back with all acknowledged entries | continue | get everything that the log holds, once |
//! | a connection breaks in the middle of a reply | as above, for the commands under way | notice nothing |
//! | a node is stopped | other nodes continue | reconnect to another node and resume there |
//! | the last handle of a relay is dropped | continue at other nodes | their streams end, as after [`Relay::close`] |
//! | the task of a [`Tail`] ends or panics | continue | their streams end; new clients of this node are sent away for some seconds |
//! | the log was trimmed past a client | continue | get the gap *evicted*, then everything that is held |
//! | the log was trimmed before a new client that starts at the oldest event | continue | get the gap *evicted* first, unless the node was filled before that and its hub has lost nothing |
//! | the log was trimmed past a node | continue | their streams continue if the log holds what follows; otherwise they end, and a client that missed something gets the gap *evicted* |
//! | the log was deleted, or is back empty or in an older state | continue in what is left | as before; a client whose last event is no longer there gets the gap *evicted* or *unknown* |
//!
//! A client that gets the gap *unknown* begins like a new one, at the newest event that the node has read. At
//! a node that is behind, events that it has had from another node may follow again.
//!
//! No client reconnects in a loop without progress. If a stream can deliver nothing from where it began,
//! because the log no longer holds what follows, it reports the gap before it ends, whatever its [lag
//! policy](crate::hub::Lag).
//!
//! *Evicted* is reported only if the log itself has removed something. An ID newer than the log's oldest
//! entry must belong to an entry in the log, otherwise it is *unknown*. An epoch stored beside the log would
//! be restored together with it and prove nothing. To detect that the log was replaced, every node checks
//! with each page that the last entry it read is still there. Whether a log survives a power failure depends
//! on the log.
//!
//! A [`PublishError`] tells whether an event was not published, so that it is safe to try again, or may have
//! been. [`Relay::publish_once`] makes it safe to try again in both cases.
//!
//! # Topics, and when to use several logs
//!
//! One log carries all topics of a service. They share one order, and a client of several topics has one last
//! event ID. In return, one bound applies to quiet and busy topics alike: a client of a quiet topic that was
//! away for long may get a gap because other topics were busy. Each node also reads every event, even without
//! a subscriber for it, which costs about as much as publishing to a hub without subscribers.
//!
//! Use several logs, with a relay for each, if some topics are never subscribed to together and differ much
//! in traffic or in retention, or if one server cannot handle all traffic. Each relay has its own
//! connections, its own hub with its own bounds, and its own IDs; a stream cannot span two of them.
//!
//! # Costs
//!
//! A node reads each entry of the log once, and once more for each subscriber that is served from the log: in
//! pages of up to half a megabyte or one entry, each together with the entry before it. All these pages
//! together take up to 16 MiB; a subscriber that needs more waits for others. A page that a subscriber has
//! yielded may still be held by its HTTP stack; no further page is read for it meanwhile.
//!
//! Resuming a client costs nothing extra if the hub holds what it missed. Otherwise its ID is looked up in
//! the log, which reads one or two entries. Four look-ups run at a time; others wait, for at most five
//! seconds.
//!
//! In addition to the hub, a relay keeps the IDs and sizes of the 65,536 newest entries, in 1.3 megabytes;
//! see [`Tail::remembered_ids`].

mod backoff;
mod budget;
#[cfg(feature = "disk")]
mod disk;
mod follower;
mod generation;
mod handle;
mod history;
mod log;
mod node;
mod oldest;
mod page_size;
mod paging;
mod patience;
mod publish;
mod reading;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod resume;
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
    history::HistoryError,
    log::{AppendError, Entry, Limit, Log, Page},
    publish::PublishError,
    record::{InvalidRecord, Record},
    tail::Tail,
};
