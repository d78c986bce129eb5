use std::time::Duration;

use ssekit::{Bounds, Event, EventType, Subscribe, Subscription};

use super::{Fanout, Message, TYPE};

pub(crate) struct Hub(ssekit::Hub);

/// A hub whose subscribers see one event in ten.
pub(crate) struct FilteredHub(ssekit::Hub);

pub(crate) const UPDATE: EventType = EventType::from_static(TYPE);

/// Creates a hub with all bounds.
pub(crate) fn hub(events: usize) -> ssekit::Hub {
    let bounds = Bounds::events(events).with_bytes(1 << 30).with_age(Duration::from_secs(3600));
    ssekit::Hub::builder(bounds).max_bytes(4 << 30).build()
}

impl Fanout for Hub {
    const NAME: &'static str = "ssekit";

    type Subscriber = Subscription;

    fn new(subscribers: usize, capacity: usize) -> (Self, Vec<Subscription>) {
        let hub = Self(hub(capacity));
        let subscriptions = hub.subscribe(subscribers);
        (hub, subscriptions)
    }

    fn publish(&self, events: &[Message]) -> usize {
        publish(&self.0, events)
    }
}

impl Hub {
    /// Adds so many subscribers.
    pub(super) fn subscribe(&self, subscribers: usize) -> Vec<Subscription> {
        (0..subscribers).map(|_| self.0.subscribe(["orders"]).unwrap()).collect()
    }
}

fn publish(hub: &ssekit::Hub, events: &[Message]) -> usize {
    let mut bytes = 0;
    for message in events {
        let id = hub.publish("orders", Event::new(message.data).with_type(UPDATE)).unwrap();
        bytes += "id: \nevent: \ndata: \n\n".len() + id.as_str().len() + TYPE.len() + message.data.len();
    }
    bytes
}

impl Fanout for FilteredHub {
    const NAME: &'static str = "ssekit, filtered";

    type Subscriber = Subscription;

    fn new(subscribers: usize, capacity: usize) -> (Self, Vec<Subscription>) {
        let hub = hub(capacity);
        let subscriptions = (0..subscribers).map(|_| {
            let mut number = 0_u64;
            let filter = move |_: &ssekit::hub::EventInfo<'_>| {
                number += 1;
                number.is_multiple_of(10)
            };
            hub.subscribe(Subscribe::to(["orders"]).filter(filter)).unwrap()
        });
        let subscriptions = subscriptions.collect();
        (Self(hub), subscriptions)
    }

    fn publish(&self, events: &[Message]) -> usize {
        let published = self.0.stats().published as usize;
        let mut bytes = 0;
        for (number, event) in events.iter().enumerate() {
            let len = publish(&self.0, &[*event]);
            if (published + number + 1).is_multiple_of(10) {
                bytes += len;
            }
        }
        bytes
    }
}
