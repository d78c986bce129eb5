use ssekit::EventStream;

fn read(response: reqwest::Response) {
    let _ = EventStream::new(response);
}

fn main() {
    let _ = read;
}
