use ssekit::Subscribe;

fn for_tenant(tenant: &str) -> Subscribe {
    Subscribe::to("orders").filter(|event| event.event_type() == Some(tenant))
}

fn main() {
    let _ = for_tenant("3");
}
