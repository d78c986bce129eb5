use ssekit::Event;

fn main() {
    let _ = Event::new(42);
}
