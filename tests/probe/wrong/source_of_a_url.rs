use ssekit::EventSource;

fn main() {
    let _ = EventSource::new("http://127.0.0.1:3000/orders");
}
