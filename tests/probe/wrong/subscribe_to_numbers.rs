use ssekit::{Bounds, Hub};

fn main() {
    let hub = Hub::new(Bounds::events(10));
    let shops = vec![7_u64, 8];
    hub.subscribe(shops).unwrap();
}
