//! What a client is told first is enough to resume by, over real sockets.
#![cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]

use crate::support::hub_process::HubProcess;
use crate::support::publisher::Publisher;
use crate::support::subscriber::Subscriber;

#[tokio::test]
async fn a_cut_right_after_the_position_loses_nothing() {
    let hub = HubProcess::start(&[]).await;
    hub.publish("/events?topic=a", "before").await;
    let cut = async |path: &str| {
        let mut stream = Subscriber::new(hub.address(), path).await;
        stream.position().await;
        stream.last_event_id().to_owned()
    };
    let now = cut("/events?topic=a").await;
    let oldest = cut("/events?topic=a&from=oldest").await;
    for data in ["1", "2"] {
        hub.publish("/events?topic=a", data).await;
    }
    for (id, expected) in [(now, &["1", "2"][..]), (oldest, &["before", "1", "2"])] {
        // Again and again, each time before the first event.
        let mut id = id;
        for _ in 0..3 {
            let mut stream = Subscriber::resume(hub.address(), "/events?topic=a", &id).await;
            id = stream.position().await;
        }
        let mut stream = Subscriber::resume(hub.address(), "/events?topic=a", &id).await;
        stream.position().await;
        for data in expected {
            assert_eq!(stream.event().await.unwrap().data(), *data);
        }
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_cut_right_after_a_gap_was_told_loses_nothing_more() {
    let hub = HubProcess::start(&["--replay-events", "4"]).await;
    let first = hub.publish("/events?topic=a", "1").await;
    for number in 2..=7 {
        hub.publish("/events?topic=a", number.to_string()).await;
    }
    let cases = [
        ("evicted", &*first, "/events?topic=a", 4),
        ("unknown", "nonsense", "/events?topic=a", 8),
        ("unknown", "nonsense", "/events?topic=a&from=oldest", 4),
    ];
    let mut told = Vec::new();
    for (reason, id, path, _) in cases {
        let mut stream = Subscriber::resume(hub.address(), path, id).await;
        told.push(stream.reset(reason).await);
    }
    let gaps = hub.stats().await.gaps;
    for (id, (_, _, path, next)) in told.iter().zip(cases) {
        let mut stream = Subscriber::resume(hub.address(), path, id).await;
        assert_eq!(&stream.position().await, id);
        for number in next..=7 {
            assert_eq!(stream.event().await.unwrap().data(), number.to_string());
        }
    }
    hub.publish("/events?topic=a", "8").await;
    let mut stream = Subscriber::resume(hub.address(), "/events?topic=a", &told[1]).await;
    stream.position().await;
    assert_eq!(stream.event().await.unwrap().data(), "8");
    assert_eq!(hub.stats().await.gaps, gaps);
    // And another gap is told as one, by the ID that the first one left.
    Subscriber::resume(hub.address(), "/events?topic=a", &told[0]).await.reset("evicted").await;
    hub.stop().await;
}

#[tokio::test]
async fn a_quiet_topic_has_no_gap_after_a_thousand_rings_of_another() {
    // By count for each topic, and by bytes for all of them: the quiet topic's own event goes early.
    for bounds in [["--replay-events", "10"], ["--replay-bytes", "1200"]] {
        let hub = HubProcess::start(&bounds).await;
        let mut stream = Subscriber::new(hub.address(), "/events?topic=quiet").await;
        let position = stream.position().await;
        let seen = hub.publish("/events?topic=quiet", "1").await;
        assert_eq!(stream.event().await.unwrap().last_event_id(), seen);
        drop(stream);

        let mut publisher = Publisher::connect(hub.address()).await;
        let noise = vec![("/events?topic=noise", "x"); 100];
        for _ in 0..100 {
            publisher.publish(&noise).await;
        }
        let held = hub.stats().await.ring_events;
        assert!(held <= 11, "{held} events are held, so there were fewer rings");

        let mut stream = Subscriber::resume(hub.address(), "/events?topic=quiet", &seen).await;
        stream.position().await;
        hub.publish("/events?topic=quiet", "2").await;
        assert_eq!(stream.event().await.unwrap().data(), "2");
        // Whoever has not seen the first event has missed it, if it is no longer held.
        let mut missed = Subscriber::resume(hub.address(), "/events?topic=quiet", &position).await;
        if bounds[0] == "--replay-bytes" {
            missed.reset("evicted").await;
        } else {
            missed.position().await;
            assert_eq!(missed.event().await.unwrap().data(), "1");
        }
        assert_eq!(missed.event().await.unwrap().data(), "2");
        hub.stop().await;
    }
}

#[tokio::test]
async fn a_keep_alive_carries_a_client_past_topics_that_were_forgotten() {
    // More topics than the hub remembers, each with an event that is no longer held: an ID from before them is
    // told a gap, for the hub cannot know better. So a client that only listens must be told a newer one.
    const FORGOTTEN: usize = 10_000 + 1_000;
    let hub = HubProcess::start(&["--replay-bytes", "1200", "--heartbeat", "0.2"]).await;
    let mut stream = Subscriber::new(hub.address(), "/events?topic=quiet").await;
    let position = stream.position().await;
    let mut publisher = Publisher::connect(hub.address()).await;
    let mut last = String::new();
    for topics in (0..FORGOTTEN).collect::<Vec<_>>().chunks(100) {
        let noise: Vec<_> = topics.iter().map(|n| (format!("/events?topic=noise-{n}"), "x")).collect();
        last = publisher.publish(&noise).await.pop().unwrap();
    }
    while stream.last_event_id() != last {
        let event = stream.event().await.unwrap();
        assert_eq!((event.event_type(), event.data()), ("position", ""));
    }
    drop(stream);

    let mut stream = Subscriber::resume(hub.address(), "/events?topic=quiet", &last).await;
    stream.position().await;
    hub.publish("/events?topic=quiet", "1").await;
    assert_eq!(stream.event().await.unwrap().data(), "1");
    drop(stream);
    Subscriber::resume(hub.address(), "/events?topic=quieter", &position).await.reset("evicted").await;
    hub.stop().await;
}
