//! The client hammers.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::stream;
use ssekit::{
    Body, Event, EventSource, Hub, Subscribe,
    client::{Policy, Update},
    hub::{Close, Start},
};

use crate::{SECOND, browser, client, data, ended, hub, update};

#[tokio::test]
async fn a_finished_stream_is_asked_for_again_and_again_unless_it_is_answered_with_204() {
    // The handler sends what there is and ends, as for any other request.
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let mut source = client(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        ssekit::response(stream::iter([Event::new("done")]))
    })
    .policy(browser());
    assert_eq!(data(&mut source, 10).await, ["done"; 10]);
    assert_eq!(asked.load(Ordering::Relaxed), 10);

    // A topic that is finished stops who has everything.
    let hub = hub();
    hub.publish("job", "done").unwrap();
    hub.finish("job");
    let mut source =
        client(move |last| match hub.subscribe(Subscribe::to("job").start(Start::Oldest).after(last)) {
            Ok(events) => ssekit::response(events),
            Err(refusal) => refusal.response(),
        })
        .policy(browser());
    assert_eq!(data(&mut source, 1).await, ["done"]);
    assert!(ended(&mut source).await.is_none());
}

#[tokio::test]
async fn all_clients_return_at_once_after_a_close_unless_it_spreads_them() {
    async fn times(spread: Duration) -> HashSet<Option<Duration>> {
        let hub = hub();
        let mut clients: Vec<_> = (0..50).map(|_| follow(&hub).reconnection_times()).collect();
        for client in &mut clients {
            crate::opened(client).await;
        }
        hub.close(Close::new().retry(SECOND, spread));
        let mut times = HashSet::new();
        for client in &mut clients {
            times.insert(loop {
                match update(client).await {
                    Update::ReconnectionTime(time) => break Some(time),
                    Update::Reconnecting { .. } => break None,
                    _ => {}
                }
            });
        }
        times
    }
    assert_eq!(times(Duration::ZERO).await, HashSet::from([Some(SECOND)]));
    let spread = times(SECOND * 60).await;
    assert!(spread.len() > 25, "{spread:?}");
    assert!(spread.iter().all(|time| (SECOND..=SECOND * 61).contains(&time.unwrap())));
}

#[tokio::test(start_paused = true)]
async fn a_client_returns_as_fast_as_the_server_says_unless_its_policy_has_a_minimum() {
    let server = |_| ssekit::response(stream::iter([Event::new("").with_retry(Duration::ZERO)]));
    let eager = Policy::default().with_reconnection_time_bounds(Duration::ZERO, SECOND);
    for (policy, least) in [(eager, Duration::ZERO), (Policy::default(), Duration::from_millis(100))] {
        let mut source = client(server).policy(policy);
        assert_eq!(delay(&mut source).await, least);
    }
}

/// A server that answers, sends nothing and ends looks alive to a client that counts responses.
#[tokio::test(start_paused = true)]
async fn a_server_that_ends_each_stream_without_an_event_is_backed_off_from() {
    let empty = |_| ssekit::response(Body::empty());
    let mut browser = client(empty).policy(Policy::browser());
    let mut patient = client(empty).policy(Policy::default());
    let (mut steady, mut growing) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        steady.push(delay(&mut browser).await);
        growing.push(delay(&mut patient).await);
    }
    assert_eq!(steady.iter().max(), Some(&(SECOND * 3)));
    assert!(growing.iter().max() > Some(&(SECOND * 6)), "{growing:?}");
}

fn follow(hub: &Hub) -> EventSource<()> {
    let hub = hub.clone();
    client(move |last| match hub.subscribe(Subscribe::to("orders").after(last)) {
        Ok(events) => ssekit::response(events),
        Err(refusal) => refusal.response(),
    })
}

/// Reads until the client waits to reconnect.
async fn delay(source: &mut EventSource<()>) -> Duration {
    loop {
        if let Update::Reconnecting { delay, .. } = update(source).await {
            return delay;
        }
    }
}
