use ssekit::{Bounds, Hub, hub::RefusalReason};

#[test]
fn a_topic_ends_with_its_publisher() {
    let hub = Hub::new(Bounds::events(10));
    let job = hub.topic("job-7").finish_on_drop();
    job.publish("half done").unwrap();
    let client = hub.subscribe("job-7").unwrap();
    assert_eq!(job.subscribers(), 1);
    drop(job);
    drop(client);
    assert_eq!(hub.subscribe("job-7").unwrap_err().reason(), RefusalReason::Finished);
}

#[tokio::test]
async fn a_publisher_stops_when_nobody_listens_any_more() {
    let hub = Hub::new(Bounds::events(10));
    let job = hub.topic("job-7");
    let client = hub.subscribe("job-7").unwrap();
    let worker = tokio::spawn({
        let job = job.clone();
        async move { job.wait_unsubscribed().await }
    });
    drop(client);
    worker.await.unwrap();
    hub.topic("job-7").remove();
    assert_eq!(hub.stats().events, 0);
}
