use futures_util::stream;
use ssekit::{Event, KeepAlive};

fn main() {
    let _ = KeepAlive::new(stream::pending::<Event>(), 15);
}
