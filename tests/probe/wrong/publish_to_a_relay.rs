use ssekit::relay::{DiskLog, Relay};

async fn publish(relay: &Relay<DiskLog>) {
    relay.publish("orders", 42).await.unwrap();
}

fn main() {
    let _ = publish;
}
