use std::time::Duration;

use hyper::{HeaderMap, Response};
use ssekit::{Event, Subscribe};

use super::server::Stack;
use crate::fanout::ssekit::{UPDATE, hub};

pub(crate) struct Hub(ssekit::Hub);

impl Stack for Hub {
    const NAME: &'static str = "ssekit";

    type Body = ssekit::Body;

    fn new(capacity: usize) -> Self {
        Self(hub(capacity))
    }

    fn subscribe(&self, headers: &HeaderMap) -> Response<ssekit::Body> {
        match self.0.subscribe(Subscribe::to(["orders"]).after(ssekit::last_event_id(headers, None))) {
            Ok(events) => ssekit::response(events.keep_alive(Duration::from_secs(15))),
            Err(refusal) => refusal.response(),
        }
    }

    fn publish(&self, data: String) {
        self.0.publish("orders", Event::new(data).with_type(UPDATE)).unwrap();
    }
}
