use http::{Request, Response};
use ssekit::EventSource;

fn main() {
    let _ = EventSource::new(
        |_: Request<()>| Ok::<_, std::io::Error>(Response::new(String::new())),
        Request::new(()),
    );
}
