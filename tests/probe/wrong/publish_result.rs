use ssekit::{Bounds, Event, Hub};

fn main() {
    let hub = Hub::new(Bounds::events(10));
    hub.publish("orders", Event::json(&[1, 2])).unwrap();
}
