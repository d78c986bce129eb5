//! How streams end: finished topics, a hub that closes, a client that goes away.

use crate::support::{blocks, hub_client, twin};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use crate::support::blocks::Block;
use crate::support::clock::Clock;
use crate::support::counting_waker::CountingWaker;
use crate::support::hub_client::{last_event_id, poll, read};
use futures_core::Stream;
use ssekit::{
    Bounds, Event, EventId, Hub, LastEventId, Subscribe,
    hub::{Close, PositionForm, PublishError, Refusal, RefusalReason, Start},
};

const SECOND: Duration = Duration::from_secs(1);

fn event(data: impl ToString) -> Event {
    Event::new(data.to_string())
}

fn publish(hub: &Hub, topic: &str, data: impl ToString) -> EventId {
    hub.publish(topic, event(data)).unwrap()
}

fn refusal(hub: &Hub, topics: &[&str], last: Option<LastEventId>) -> Refusal {
    hub.subscribe(Subscribe::to(topics).after(last)).expect_err("it was not refused")
}

#[test]
fn a_finished_topic_ends_its_streams_after_the_last_event() {
    let hub = Hub::new(Bounds::events(10));
    let mut behind = hub.subscribe(["a"]).unwrap();
    let mut parked = hub.subscribe(["a"]).unwrap();
    let (wakes, waker) = CountingWaker::new();
    publish(&hub, "a", 1);
    while Pin::new(&mut parked).poll_next(&mut Context::from_waker(&waker)).is_ready() {}
    hub.finish("a");
    assert_eq!(wakes.take(), 1);
    let end = read(&mut parked);
    assert_eq!((end.data().len(), end.ended), (0, true));
    let end = read(&mut behind);
    assert_eq!((end.data(), end.ended), (vec!["1"], true));
    assert_eq!(hub.stats().subscribers, 0);
    assert!(matches!(poll(&mut behind), Poll::Ready(None)), "it stays ended");
}

#[test]
fn a_client_of_a_finished_topic_gets_what_it_missed_and_then_the_end_and_then_204() {
    let hub = Hub::new(Bounds::events(10));
    let first = publish(&hub, "a", 1);
    publish(&hub, "a", 2);
    hub.finish("a");
    let seen = read(&mut hub.subscribe(Subscribe::to(["a"]).after(first)).unwrap());
    assert_eq!((seen.data(), seen.gaps(), seen.ended), (vec!["2"], vec![], true));

    let refused = refusal(&hub, &["a"], seen.last_event_id());
    assert_eq!((refused.reason(), refused.retry()), (RefusalReason::Finished, None));
    assert_eq!(refused.response().status(), 204);
    assert_eq!(refusal(&hub, &["a"], None).response().status(), 204, "a new client, from now on");
    let oldest = hub.subscribe(Subscribe::to(["a"]).start(Start::Oldest));
    assert_eq!(read(&mut oldest.unwrap()).data(), ["1", "2"]);
    assert_eq!(refusal(&hub, &[], None).reason(), RefusalReason::Finished, "no topic at all");
}

#[test]
fn a_client_with_a_gap_is_told_before_a_finished_topic_ends() {
    let hub = Hub::new(Bounds::events(1));
    let first = publish(&hub, "a", 1);
    publish(&hub, "a", 2);
    publish(&hub, "a", 3);
    hub.finish("a");
    let seen = read(&mut hub.subscribe(Subscribe::to(["a"]).after(first)).unwrap());
    assert_eq!((seen.gaps(), seen.data(), seen.ended), (vec!["evicted"], vec!["3"], true));
    assert_eq!(refusal(&hub, &["a"], seen.last_event_id()).reason(), RefusalReason::Finished);

    let seen = read(&mut hub.subscribe(Subscribe::to(["a"]).after(last_event_id("foreign"))).unwrap());
    assert_eq!((seen.gaps(), seen.data(), seen.ended), (vec!["unknown"], vec![], true));
    assert_eq!(refusal(&hub, &["a"], seen.last_event_id()).reason(), RefusalReason::Finished);
}

#[test]
fn a_finished_topic_that_has_aged_out_is_a_gap_and_then_the_end_for_a_client_that_never_saw_it() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(10).with_age(SECOND)).clock(clock.now()).build();
    publish(&hub, "a", 1);
    hub.finish("a");
    hub.finish("never published to");
    clock.advance(SECOND);
    let oldest = |topic: &str, last| hub.subscribe(Subscribe::to([topic]).start(Start::Oldest).after(last));
    let seen = read(&mut oldest("a", None).unwrap());
    assert_eq!((seen.gaps(), seen.data(), seen.ended), (vec!["evicted"], vec![], true));
    let refused = oldest("a", seen.last_event_id()).unwrap_err();
    assert_eq!(refused.response().status(), 204);
    // Nothing of this one is missing.
    assert_eq!(oldest("never published to", None).unwrap_err().response().status(), 204);
}

#[test]
fn publishing_to_a_finished_topic_is_refused() {
    let hub = Hub::new(Bounds::events(10));
    hub.finish("never published to");
    publish(&hub, "a", 1);
    hub.finish("a");
    hub.finish("a");
    for topic in ["a", "never published to"] {
        assert_eq!(hub.publish(topic, event(2)), Err(PublishError::Finished));
        assert_eq!(hub.publish_all(topic, [event(2)]), Err(PublishError::Finished));
    }
    publish(&hub, "b", 2);
    assert_eq!(hub.stats().published, 2);
}

#[test]
fn a_stream_of_several_topics_ends_only_when_all_are_finished() {
    let hub = Hub::new(Bounds::events(10));
    hub.finish("a");
    let mut client = hub.subscribe(["a", "b", "c"]).unwrap();
    assert!(!read(&mut client).ended);
    publish(&hub, "b", 1);
    hub.finish("b");
    publish(&hub, "c", 2);
    let seen = read(&mut client);
    assert_eq!((seen.data(), seen.ended), (vec!["1", "2"], false));
    hub.finish("c");
    assert!(read(&mut client).ended);
    assert_eq!(refusal(&hub, &["a", "b", "c"], None).reason(), RefusalReason::Finished);
    assert!(hub.subscribe(["a", "d"]).is_ok());
}

#[test]
fn a_closing_hub_gives_what_is_pending_and_then_ends() {
    let hub = Hub::new(Bounds::events(10_000));
    let mut behind = hub.subscribe(["a", "b"]).unwrap();
    let mut parked = hub.subscribe(["c"]).unwrap();
    let (wakes, waker) = CountingWaker::new();
    while Pin::new(&mut parked).poll_next(&mut Context::from_waker(&waker)).is_ready() {}
    for n in 0..5000 {
        publish(&hub, if n % 3 == 0 { "a" } else { "b" }, n);
    }
    hub.close(Close::new());
    hub.close(Close::new().last_event(event("the first call counts")));
    assert_eq!(wakes.take(), 1);
    assert!(read(&mut parked).ended);
    let seen = read(&mut behind);
    assert_eq!((seen.data().len(), seen.ended), (5000, true));
    assert_eq!(hub.publish("a", event("late")), Err(PublishError::Closed));
    assert_eq!(refusal(&hub, &["a"], None).reason(), RefusalReason::Closed);
    assert_eq!(refusal(&hub, &["a"], None).retry(), Some(3 * SECOND));
}

#[test]
fn a_closed_hub_sends_new_clients_away_or_stops_them() {
    let hub = Hub::new(Bounds::events(10));
    hub.close(Close::new().retry(SECOND, 9 * SECOND));
    let retries: Vec<_> = (0..100).map(|_| refusal(&hub, &["a"], None).retry().unwrap()).collect();
    assert!(retries.iter().all(|retry| (SECOND..=10 * SECOND).contains(retry)));
    assert!(
        retries.iter().any(|retry| *retry < 4 * SECOND) && retries.iter().any(|retry| *retry > 7 * SECOND)
    );
    assert_eq!(refusal(&hub, &["a"], None).response().status(), 200);

    let hub = Hub::new(Bounds::events(10));
    hub.close(Close::new().retry(SECOND, SECOND).stopping());
    assert_eq!(refusal(&hub, &["a"], None).response().status(), 204);
}

#[test]
fn a_closing_hub_tells_each_client_its_own_reconnection_time() {
    let hub = Hub::new(Bounds::events(10));
    let mut clients: Vec<_> = (0..100).map(|_| hub.subscribe(["a"]).unwrap()).collect();
    for client in &mut clients {
        read(client);
    }
    hub.close(Close::new().retry(SECOND, 9 * SECOND));
    let mut retries: Vec<_> = clients
        .iter_mut()
        .map(|client| {
            let seen = read(client);
            assert!(seen.ended);
            seen.blocks.iter().find_map(|block| block.retry).unwrap()
        })
        .collect();
    retries.sort_unstable();
    assert!(*retries.first().unwrap() >= 1000 && *retries.last().unwrap() <= 10_000);
    assert!(retries[10] < 4000 && retries[90] > 7000, "{retries:?}");
}

#[test]
fn a_reconnection_time_goes_out_in_an_event_that_no_client_takes_for_a_message() {
    let hub = Hub::builder(Bounds::events(10)).position_type("at".try_into().unwrap()).build();
    let mut client = hub.subscribe(["a"]).unwrap();
    let last = read(&mut client).last_event_id();
    hub.close(Close::new().retry(SECOND, Duration::ZERO));
    let expected = Block {
        event: Some("at".to_owned()),
        data: Some(String::new()),
        id: last.as_ref().and_then(LastEventId::as_id).map(|id| id.as_str().to_owned()),
        retry: Some(1_000),
    };
    assert!(expected.id.is_some());
    assert_eq!(read(&mut client).blocks, std::slice::from_ref(&expected));
    assert_eq!(blocks::blocks(&refusal(&hub, &["a"], last).body()), [expected]);
    assert_eq!(refusal(&hub, &["a"], None).body(), "event: at\nretry: 1000\n\n", "no ID, no event");

    let hub = Hub::builder(Bounds::events(10)).position_form(PositionForm::Off).build();
    hub.close(Close::new().retry(SECOND, Duration::ZERO));
    assert_eq!(refusal(&hub, &["a"], None).body(), "retry: 1000\n\n");
}

#[test]
fn a_client_that_is_sent_away_keeps_its_id_even_if_each_response_begins_without_one() {
    let hub = Hub::new(Bounds::events(10));
    let id = publish(&hub, "a", 1);
    hub.close(Close::new().retry(SECOND, Duration::ZERO));
    for last in [id.as_str(), "of another hub"] {
        let refused = refusal(&hub, &["a"], last_event_id(last));
        assert_eq!(twin::interpret(&refused.body()).last_event_id, last);
    }
}

#[test]
fn the_last_event_of_a_closing_hub_comes_last_and_its_id_counts() {
    let hub = Hub::new(Bounds::events(10));
    let mut client = hub.subscribe(["a"]).unwrap();
    read(&mut client);
    let moved = publish(&hub, "other", 1);
    let pending = publish(&hub, "a", 2);
    let after = publish(&hub, "other", 3);
    let last = event("bye").with_id(EventId::from_static("elsewhere"));
    hub.close(Close::new().last_event(last).retry(SECOND, Duration::ZERO));
    let seen = read(&mut client);
    let ids: Vec<_> = seen.blocks.iter().map(|block| block.id.as_deref().unwrap()).collect();
    assert_eq!(ids, [pending.as_str(), after.as_str(), "elsewhere"]);
    assert!(!ids.contains(&moved.as_str()));
    assert_eq!(seen.blocks[1].retry, Some(1000));
    assert_eq!(seen.blocks[2].data.as_deref(), Some("bye"));
}

#[test]
fn a_closing_hub_ends_streams_at_its_deadline_and_they_have_lost_nothing() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(100)).clock(clock.now()).build();
    let ids: Vec<_> = (0..3).map(|n| publish(&hub, "a", n)).collect();
    let mut client = hub.subscribe(Subscribe::to(["a"]).after(ids[0].clone())).unwrap();
    assert!(poll(&mut client).is_ready());
    hub.close(Close::new().deadline(SECOND).last_event(event("bye")));
    clock.advance(SECOND - Duration::from_nanos(1));
    let mut in_time = hub_client::Seen::default();
    let Poll::Ready(Some(piece)) = poll(&mut client) else { panic!("the deadline has not come") };
    in_time.blocks = blocks::blocks(&piece);
    assert_eq!(in_time.data(), ["1", "2"]);

    let hub = Hub::builder(Bounds::events(100)).clock(clock.now()).build();
    let ids: Vec<_> = (0..3).map(|n| publish(&hub, "a", n)).collect();
    let mut client = hub.subscribe(Subscribe::to(["a"]).after(ids[0].clone())).unwrap();
    hub.close(Close::new().deadline(SECOND).last_event(event("bye")));
    clock.advance(SECOND);
    let seen = read(&mut client);
    assert_eq!((seen.data(), seen.ended), (vec!["bye"], true));
    assert_eq!(seen.last_event_id(), Some(ids[0].clone().into()), "it claims nothing that it was not given");
}

#[cfg(feature = "tokio")]
#[tokio::test(start_paused = true)]
async fn events_age_on_a_paused_clock() {
    let hub = Hub::new(Bounds::events(10).with_age(3_600 * SECOND));
    let mut buffer = ssekit::ReplayBuffer::new(Bounds::events(10).with_age(3_600 * SECOND));
    publish(&hub, "a", 1);
    buffer.push(&event(1)).unwrap();
    for held in [1, 0] {
        tokio::time::advance(1_800 * SECOND).await;
        hub.expire();
        buffer.expire();
        assert_eq!((hub.stats().events, buffer.len()), (held, held));
    }
}

#[test]
fn a_stream_that_ends_tells_its_last_position() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(10)).clock(clock.now()).build();
    let client = Subscribe::to(["a"]).filter(|_| false).lifetime(SECOND..=SECOND);
    let mut client = hub.subscribe(client).unwrap();
    let filtered_out = publish(&hub, "a", 1);
    read(&mut client);
    clock.advance(SECOND);
    let seen = read(&mut client);
    let expected = Block {
        id: Some(filtered_out.to_string()),
        event: Some("position".to_owned()),
        data: Some(String::new()),
        retry: None,
    };
    assert_eq!((seen.blocks, seen.ended), (vec![expected], true));
}

#[test]
fn a_subscription_that_is_dropped_is_gone_at_once() {
    let hub = Hub::new(Bounds::events(10));
    let (alive, waker) = CountingWaker::new();
    let mut client = hub.subscribe(["a", "b"]).unwrap();
    while Pin::new(&mut client).poll_next(&mut Context::from_waker(&waker)).is_ready() {}
    drop(waker);
    assert_eq!((hub.stats().subscribers, hub.stats().topics, Arc::strong_count(&alive)), (1, 2, 2));
    drop(client);
    assert_eq!((hub.stats().subscribers, hub.stats().topics, Arc::strong_count(&alive)), (0, 0, 1));
    publish(&hub, "a", 1);
}

#[test]
fn the_drop_callback_runs_once_and_may_use_the_hub() {
    let hub = Hub::new(Bounds::events(10));
    let counts = Arc::new(Mutex::new(Vec::new()));
    let callback = || {
        let (hub, counts) = (hub.clone(), counts.clone());
        move || {
            publish(&hub, "presence", "gone");
            counts.lock().unwrap().push(hub.stats().subscribers);
        }
    };
    let dropped = hub.subscribe(["a"]).unwrap().on_end(callback());
    let mut ended = hub.subscribe(["b"]).unwrap().on_end(callback());
    drop(dropped);
    hub.finish("b");
    assert!(read(&mut ended).ended);
    assert_eq!(*counts.lock().unwrap(), [1, 0]);
    drop(ended);
    assert_eq!(*counts.lock().unwrap(), [1, 0]);

    let mut ended = hub.subscribe(Subscribe::to(["c"]).lifetime(Duration::ZERO..=Duration::ZERO)).unwrap();
    assert!(read(&mut ended).ended);
    drop(ended.on_end(callback()));
    assert_eq!(counts.lock().unwrap().len(), 3, "it is not forgotten if the stream has ended already");
}

#[test]
fn a_hub_is_drained_when_its_last_subscription_goes() {
    let hub = Hub::new(Bounds::events(10));
    let (wakes, waker) = CountingWaker::new();
    let cx = &mut Context::from_waker(&waker);
    assert!(pin!(hub.drained()).poll(cx).is_ready(), "there never was one");

    let (first, second) = (hub.subscribe(["a"]).unwrap(), hub.subscribe(["b"]).unwrap());
    let mut drained = pin!(hub.drained());
    let mut other = pin!(hub.drained());
    for _ in 0..2 {
        assert!(drained.as_mut().poll(cx).is_pending());
        assert!(other.as_mut().poll(cx).is_pending());
    }
    drop(first);
    assert_eq!(wakes.take(), 0);
    drop(second);
    assert_eq!(wakes.take(), 2);
    let third = hub.subscribe(["c"]).unwrap();
    assert!(drained.as_mut().poll(cx).is_pending(), "there is one again");
    drop(third);
    assert_eq!(wakes.take(), 1);
    assert!(drained.poll(cx).is_ready());
}

#[test]
fn a_wait_for_the_last_subscription_that_is_given_up_leaves_nothing_behind() {
    let hub = Hub::new(Bounds::events(10));
    let client = hub.subscribe(["a"]).unwrap();
    let (wakes, waker) = CountingWaker::new();
    for _ in 0..3 {
        assert!(pin!(hub.drained()).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&wakes), 2, "the test's own and its waker's");
    drop(client);
    assert_eq!(wakes.take(), 0);
}

#[test]
fn a_client_whose_filter_drops_the_last_events_of_finished_topics_is_stopped_in_every_form() {
    for form in [PositionForm::Event, PositionForm::IdOnly, PositionForm::Off] {
        for topics in [&["a"][..], &["a", "b"]] {
            for is_new in [false, true] {
                let hub = Hub::builder(Bounds::events(10)).position_form(form).build();
                let first = publish(&hub, "a", 1);
                publish(&hub, "a", 2);
                topics.iter().for_each(|topic| hub.finish(topic));
                let what = |last: Option<LastEventId>| {
                    Subscribe::to(topics).after(last).start(Start::Oldest).filter(|_| false)
                };
                let last = if is_new { None } else { last_event_id(first.as_str()) };
                let seen = read(&mut hub.subscribe(what(last)).unwrap());
                assert_eq!((seen.data().len(), seen.ended), (0, true));
                let refusal = hub.subscribe(what(seen.last_event_id())).expect_err("it comes back for ever");
                assert_eq!(refusal.reason(), RefusalReason::Finished);
            }
        }
    }
}

#[test]
fn a_finished_topic_whose_last_event_was_delivered_ends_without_a_position_if_none_is_wanted() {
    let hub = Hub::builder(Bounds::events(10)).position_form(PositionForm::Off).build();
    let first = publish(&hub, "a", 1);
    let last = publish(&hub, "a", 2);
    publish(&hub, "other", 3);
    hub.finish("a");
    let seen = read(&mut hub.subscribe(Subscribe::to(["a"]).after(first)).unwrap());
    assert_eq!((seen.blocks.len(), seen.last_event_id()), (1, last_event_id(last.as_str())));
}
