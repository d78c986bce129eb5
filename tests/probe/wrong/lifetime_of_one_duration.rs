use std::time::Duration;

use ssekit::Subscribe;

fn main() {
    let _ = Subscribe::to("orders").lifetime(Duration::from_secs(60));
}
