use ssekit::{Bounds, Hub};

fn main() {
    let hub = Hub::new(Bounds::events(10));
    let _ = ssekit::response(hub.subscribe("orders"));
}
