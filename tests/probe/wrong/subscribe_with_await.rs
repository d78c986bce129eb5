use ssekit::{Bounds, Hub};

async fn subscribe(hub: &Hub) {
    hub.subscribe("orders").await.unwrap();
}

fn main() {
    drop(subscribe(&Hub::new(Bounds::events(10))));
}
