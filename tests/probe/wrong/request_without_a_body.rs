use ssekit::EventSource;

fn main() {
    let request = http::Request::get("http://127.0.0.1:3000/orders").body(()).unwrap();
    let _ = EventSource::new(reqwest::Client::new(), request);
}
