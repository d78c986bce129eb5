//! What HTTP stacks take and give: bodies, requests, responses, keep-alives, timers.

mod body;
mod body_sockets;
mod example_encode;
mod example_keep_alive;
mod example_llm;
mod example_presence;
mod keep_alive;
mod request;
mod response;
mod timer;

#[path = "../support"]
mod support {
    pub(crate) mod counting_waker;
    pub(crate) mod feed;
    pub(crate) mod manual_timer;
    #[cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]
    pub(crate) mod subscriber;
}
