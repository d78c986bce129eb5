use ssekit::{Bounds, Hub};

fn main() {
    let hub = Hub::new(Bounds::events(10));
    hub.publish("orders", 42).unwrap();
}
