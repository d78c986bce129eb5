use std::collections::BTreeSet;

use ssekit::{Bounds, Hub, Subscribe};

fn main() {
    let hub = Hub::new(Bounds::events(10));
    let topics = BTreeSet::from(["orders", "news"]);
    hub.subscribe(topics.clone()).unwrap();
    hub.subscribe(Subscribe::to(topics)).unwrap();
}
