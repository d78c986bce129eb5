use ssekit::{Bounds, Hub};

#[derive(serde::Serialize)]
enum Update {
    Removed { id: u64 },
}

fn main() {
    let hub = Hub::new(Bounds::events(10));
    hub.publish("orders", Update::Removed { id: 7 }).unwrap();
}
