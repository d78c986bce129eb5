use ssekit::{Bounds, Hub, LastEventId};

fn resume(hub: &Hub, last_event_id: Option<LastEventId>) {
    hub.subscribe("orders", last_event_id).unwrap();
}

fn main() {
    resume(&Hub::new(Bounds::events(10)), None);
}
