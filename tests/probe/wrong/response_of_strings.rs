use futures_util::stream;

fn main() {
    let _ = ssekit::response(stream::iter(["one", "two"]));
}
