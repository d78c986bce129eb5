use ssekit::Subscribe;

fn main() {
    let _ = Subscribe::to("orders").filter(|event| {
        event.event_type();
    });
}
