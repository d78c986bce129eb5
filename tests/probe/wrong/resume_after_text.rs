use ssekit::{Bounds, Hub, Subscribe};

fn main() {
    let hub = Hub::new(Bounds::events(10));
    hub.subscribe(Subscribe::to("orders").after("7")).unwrap();
}
