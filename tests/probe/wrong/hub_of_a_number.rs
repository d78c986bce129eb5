use ssekit::Hub;

fn main() {
    let _ = Hub::new(10_000);
}
