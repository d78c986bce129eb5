//! The hub and the replay buffer, without HTTP.

mod abuse;
mod crowd;
mod delivery;
mod ending;
mod handles;
mod history;
mod ids;
mod keep_alive;
mod keys;
mod lifetime;
mod long_states;
mod model;
mod notice;
mod oldest;
mod removal;
mod replay_buffer;
mod steering;
mod stream_handles;
mod stress;
mod topic_handles;
mod topics;

#[path = "../support"]
mod support {
    pub(crate) mod blocks;
    pub(crate) mod clock;
    pub(crate) mod counting_waker;
    pub(crate) mod hub_client;
    pub(crate) mod hub_model;
    pub(crate) mod manual_timer;
    pub(crate) mod numbers;
    pub(crate) mod replay_model;
    pub(crate) mod topic_names;
    pub(crate) mod twin;
}
