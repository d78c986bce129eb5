//! The relay and its logs.
#![cfg(feature = "tokio")]

mod abuse;
mod closing;
mod delivery;
mod disk_faults;
mod disk_log;
mod disk_under_fire;
mod gaps;
mod history;
mod lifetime;
mod log_suite;
mod model;
mod pages;
mod redis;
mod redis_connection;
mod redis_faults;
mod redis_log;
mod redis_old_master;
mod redis_permissions;
mod redis_sentinel;
mod redis_tls;
mod stream_handles;

#[path = "../support"]
mod support {
    pub(crate) mod blocks;
    #[cfg(feature = "redis-tls")]
    pub(crate) mod certificates;
    #[cfg(feature = "redis")]
    pub(crate) mod fake_redis;
    #[cfg(feature = "test-util")]
    pub(crate) mod faulty_log;
    pub(crate) mod hub_client;
    pub(crate) mod memory_log;
    pub(crate) mod nodes;
    #[cfg(feature = "redis")]
    pub(crate) mod proxy;
    #[cfg(feature = "redis")]
    pub(crate) mod redis_sentinel;
    #[cfg(feature = "redis")]
    pub(crate) mod redis_server;
    pub(crate) mod relay_client;
    #[cfg(any(feature = "disk", feature = "test-util"))]
    pub(crate) mod temporary_folder;
    #[cfg(feature = "redis")]
    pub(crate) mod topic_names;
    pub(crate) mod twin;
}
