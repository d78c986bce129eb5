//! The example service, as a process of its own.
#![cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]

mod abuse;
mod bad_input;
mod client;
mod contract;
mod data;
mod end_to_end;
mod lifecycle;
mod load;
mod nodes;
mod resume;
mod state;

#[path = "../support"]
mod support {
    #[cfg(all(feature = "disk", feature = "http-body"))]
    pub(crate) mod blocks;
    pub(crate) mod hub_process;
    pub(crate) mod proxy;
    pub(crate) mod publisher;
    pub(crate) mod random;
    #[cfg(all(feature = "http-body", feature = "json", feature = "redis"))]
    pub(crate) mod redis_server;
    pub(crate) mod subscriber;
    #[cfg(all(feature = "disk", feature = "http-body"))]
    pub(crate) mod temporary_folder;
    pub(crate) mod topic_names;
}
