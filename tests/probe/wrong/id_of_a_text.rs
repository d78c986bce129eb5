use ssekit::Event;

fn main() {
    let _ = Event::new("two coffees").with_id("order-7");
}
