//! Publishing to many subscribers, with a history from which each can resume.
//!
//! A [`Hub`] holds, for each topic, one bounded run of encoded events. It is queue and history at once: a
//! [`Subscription`] is a position in it, and one that resumes after a reconnect is an older position. So there is
//! no hand-over from replay to live delivery in which an event could get lost or come twice.
//!
//! # What holds
//!
//! - A subscription yields a contiguous run of the sequence of its topics, in order, whatever is published
//!   meanwhile.
//! - If some events are no longer available, it says so before any later event ([`Gap`]); nothing is skipped in
//!   silence.
//! - A slow or dead subscriber delays nobody. Memory is bounded by the hub's bounds, 256 MiB for all topics by default
//!   ([`HubBuilder::with_max_bytes`]), and one chunk for each subscription whose last piece is still to be sent (up to
//!   64 KiB, in proportion to what the topic holds). That counts what topics cost beside their events: about 400 bytes
//!   each with one small event. An idle subscription takes about 300 bytes.
//! - Each operation does a bounded amount of work under the lock, whatever is held: it evicts at most 64 events, and moves
//!   at most 64 KiB. What has to go beyond that goes in further steps, with the lock taken anew for each.
//! - Each event is encoded once, and a subscriber that is behind gets many in one piece without a copy.
//! - All topics share one order and one last event ID, which resumes across all of them. An ID claims everything up
//!   to it for the topics and the filter in use: a client that changes them needs a new stream.
//! - A client's position is kept fresh: it is sent at the start, and with the keep-alives when it has moved.
//! - A stream whose publishers are gone ends: dropping the last handle ([`Hub`], [`Topic`]) closes the hub, and a topic
//!   can [finish when its publisher is dropped](Topic::finish_on_drop).
//!
//! # Locking
//!
//! One lock guards a hub. All work on an event but one copy of its text is done before it is taken, and no code of an
//! application's runs under it: wakers, filters, callbacks, clocks and ID orders may all use the hub.
//!
//! A subscription takes it once for each piece that it is given: when nothing is left it parks in the same look, and
//! the poll that follows tells by a counter of changes that there is nothing to do. One that has a single topic parks
//! on the topic, so that a publisher takes all wakers in one move, wakes them once the lock is released, and puts them
//! back for those that park again, unless somebody has parked or left meanwhile. One that has several waits on each,
//! and keeps those that have something for it in the order of their next events.
//!
//! Of a topic with more than a few subscriptions the others are spread over *lanes*, each with a lock of its own, so that
//! threads seldom meet. Whoever changes the topic visits them, and on a lane one subscription fetches what is new for
//! all.

pub(crate) mod builder;
pub(crate) mod close;
mod core;
pub(crate) mod event_info;
#[cfg(feature = "tokio")]
pub(crate) mod feed;
pub(crate) mod fill;
pub(crate) mod handle;
pub(crate) mod notice;
pub(crate) mod policies;
pub(crate) mod positioned;
pub(crate) mod publish;
pub(crate) mod publish_error;
pub(crate) mod reader;
pub(crate) mod refusal;
pub(crate) mod subscribe;
pub(crate) mod subscription;
mod topic;
mod topic_names;

pub use self::{
    builder::HubBuilder,
    close::{Close, Drained},
    event_info::EventInfo,
    fill::Moved,
    handle::{Hub, Stats},
    notice::{Gap, GapReason, Notice, PositionForm},
    policies::{Lag, Start},
    publish_error::PublishError,
    refusal::{Refusal, RefusalReason},
    subscribe::Subscribe,
    subscription::Subscription,
    topic::Topic,
    topic_names::Topics,
};
