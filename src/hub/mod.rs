//! Publishing to many subscribers, with a history from which each can resume.
//!
//! A [`Hub`] keeps one bounded history of encoded events per topic. It serves live delivery and replay alike:
//! a [`Subscription`] is a position in it, and resuming means to start at an older position. So there is no
//! hand-over from replay to live delivery in which an event could be lost or repeated.
//!
//! # Guarantees
//!
//! - A subscription yields a contiguous run of its topics' events, in order, whatever is published meanwhile.
//! - If some events are no longer available, it says so before any later event ([`Gap`]). No event is skipped
//!   silently.
//! - A slow or dead subscriber delays no one. Memory is limited by the hub's bounds, 256 MiB for all topics
//!   by default ([`HubBuilder::max_bytes`]), plus one chunk for each subscription whose last block has not
//!   been sent (up to 64 KiB, in proportion to the topic's history). The bounds include the overhead of
//!   topics: about 400 bytes for one with a single small event. An idle subscription takes about 300 bytes.
//! - Each operation does a bounded amount of work under the lock: it evicts at most 64 events and moves at
//!   most 64 KiB. Any further eviction happens in further steps, each of which takes the lock again.
//! - Each event is encoded once. A subscriber that is behind gets many events in one piece, without a copy.
//! - An event with a [key](crate::Event::with_key) supersedes the topic's earlier event with that key, which
//!   is no gap for anyone: the history is the state of the topic, and a slow subscriber gets that, not each
//!   change. See the [guide](crate::guide::state).
//! - All topics share one order, and one last event ID resumes all of them. An ID acknowledges everything
//!   before it for that subscription's topics and filter: a client that changes these needs a new stream.
//! - A client's position is kept fresh: it is sent at the start, and with a keep-alive when it has moved.
//! - A stream ends when its publishers are gone: dropping the last handle ([`Hub`], [`Topic`]) closes the
//!   hub, and a topic can [finish when its publisher is dropped](Topic::finish_on_drop).
//!
//! # Locking
//!
//! One lock guards a hub. All work on an event except one copy of its text is done before taking it, and no
//! application code runs under it: wakers, filters, callbacks, clocks and ID orders may all use the hub.
//!
//! A poll takes the lock once. If nothing is left it parks under the same lock; the next poll compares a
//! change counter and returns without locking. A subscription to a single topic parks on the topic, in a slot
//! of its own; a publisher takes the wakers under the lock and wakes them after releasing it. A subscription
//! to several topics registers with each, and keeps those with pending events ordered by their next event.
//!
//! Beyond two subscriptions, a topic spreads further ones over *lanes*, each with its own lock, so that
//! threads seldom contend. A change clears the lanes; after it, the first subscription of a lane that reads
//! the new events under the hub's lock shows them to the others. The wakers of a lane are taken under its own
//! lock, once the hub's is released.

pub(crate) mod builder;
mod claim;
pub(crate) mod close;
mod core;
pub(crate) mod end;
pub(crate) mod event_info;
#[cfg(feature = "tokio")]
pub(crate) mod feed;
pub(crate) mod handle;
mod held;
pub(crate) mod history_page;
pub(crate) mod into_subscribe;
mod keep_alive;
pub(crate) mod notice;
pub(crate) mod policies;
pub(crate) mod publish;
pub(crate) mod publish_error;
pub(crate) mod reader;
pub(crate) mod refusal;
pub(crate) mod source;
pub(crate) mod steering;
mod stream_handle;
pub(crate) mod subscribe;
pub(crate) mod subscription;
mod topic;
mod topic_names;
pub(crate) mod topic_stats;
mod unsubscribed;
pub(crate) mod voice;

pub use self::{
    builder::HubBuilder,
    close::{Close, Drained},
    end::End,
    event_info::EventInfo,
    handle::{Hub, Stats},
    history_page::HistoryPage,
    into_subscribe::IntoSubscribe,
    notice::{Gap, GapReason, Notice, PositionForm},
    policies::{Lag, Start},
    publish_error::PublishError,
    refusal::{Refusal, RefusalReason},
    stream_handle::StreamHandle,
    subscribe::Subscribe,
    subscription::Subscription,
    topic::Topic,
    topic_names::Topics,
    topic_stats::TopicStats,
    unsubscribed::Unsubscribed,
};
