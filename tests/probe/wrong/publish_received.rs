use ssekit::{Hub, ReceivedEvent};

fn send_on(hub: &Hub, received: ReceivedEvent) {
    hub.publish("orders", received).unwrap();
}

fn main() {
    let _ = send_on;
}
