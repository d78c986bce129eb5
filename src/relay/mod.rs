//! One log for many processes.

mod backoff;
mod core;
mod generation;
mod handle;
mod log;
mod page_size;
mod paging;
mod publish;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod resume;
mod subscription;
mod tail;

#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::redis::{RedisLog, RedisLogError, StreamIds};
pub use self::{
    handle::{Relay, Stats},
    log::{AppendError, Entry, Log, Page},
    publish::PublishError,
    record::{InvalidRecord, Record},
    subscription::Subscription,
    tail::Tail,
};
