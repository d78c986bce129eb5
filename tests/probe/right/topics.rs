use ssekit::{Bounds, Hub, hub::RefusalReason};

#[test]
fn a_topic_ends_with_its_publisher() {
    let hub = Hub::new(Bounds::events(10));
    let job = hub.topic("job-7").finish_on_drop();
    job.publish("half done").unwrap();
    let client = hub.subscribe("job-7").unwrap();
    drop(job);
    drop(client);
    assert_eq!(hub.subscribe("job-7").unwrap_err().reason(), RefusalReason::Finished);
}
