use futures_util::stream;
use ssekit::EventStream;

fn main() {
    let _ = EventStream::new(stream::iter(["data: two coffees\n\n"]));
}
