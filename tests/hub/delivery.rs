//! What a subscription to a hub yields: its position, what it missed, what is published, and when it is woken.

#[allow(dead_code, reason = "its counts are not needed here")]
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use crate::support::blocks::{Block, blocks};
use crate::support::clock::Clock;
use crate::support::counting_waker::CountingWaker;
use crate::support::hub_client::{last_event_id, poll, read};
use crate::support::manual_timer::ManualTimer;
use bytes::Bytes;
use futures_core::Stream;
use ssekit::{
    Bounds, Event, EventId, EventType, Hub, LastEventId, Subscribe,
    hub::{GapReason, Lag, PositionForm, PublishError, Start},
};

const SECOND: Duration = Duration::from_secs(1);

fn event(data: impl ToString) -> Event {
    Event::new(data.to_string())
}

fn publish(hub: &Hub, topic: &str, data: impl ToString) -> EventId {
    hub.publish(topic, event(data)).unwrap()
}

fn notice(event: &str, id: &EventId, data: &str) -> Block {
    Block {
        id: Some(id.to_string()),
        event: Some(event.to_owned()),
        data: Some(data.to_owned()),
        retry: None,
    }
}

fn position(id: &EventId) -> Block {
    notice("position", id, "")
}

fn message(id: &EventId, data: impl ToString) -> Block {
    Block { id: Some(id.to_string()), data: Some(data.to_string()), ..Block::default() }
}

#[test]
fn a_new_client_is_told_its_position_and_gets_what_is_published_from_then_on() {
    let hub = Hub::new(Bounds::events(10));
    let before = publish(&hub, "a", "before");
    let mut client = hub.subscribe(["a"]).unwrap();
    let after = publish(&hub, "a", "after");
    assert_eq!(read(&mut client).blocks, [position(&before), message(&after, "after")]);
    assert!(client.gap().is_none());
}

#[test]
fn a_new_client_may_start_with_the_oldest_event() {
    let hub = Hub::new(Bounds::events(3));
    for data in 1..=3 {
        publish(&hub, "a", data);
    }
    let mut client = hub.subscribe(Subscribe::to(["a"]).start(Start::Oldest)).unwrap();
    let seen = read(&mut client);
    assert_eq!((seen.data(), seen.gaps()), (vec!["1", "2", "3"], vec![]));
    assert!(client.gap().is_none());
    assert_eq!(hub.stats().gaps, 0);
}

#[test]
fn a_client_that_resumes_gets_all_that_it_missed_and_then_what_comes() {
    let hub = Hub::new(Bounds::events(10));
    let seen = publish(&hub, "a", 1);
    let missed = publish(&hub, "a", 2);
    let mut client = hub.subscribe(Subscribe::to(["a"]).after(seen.clone())).unwrap();
    let live = publish(&hub, "a", 3);
    assert_eq!(read(&mut client).blocks, [position(&seen), message(&missed, 2), message(&live, 3)]);
    assert_eq!((hub.stats().resumed, hub.stats().gaps), (1, 0));
}

#[test]
fn resuming_with_the_latest_id_yields_nothing() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(3).with_age(SECOND)).clock(clock.now()).build();
    for wraps in 0..10 {
        let latest = publish(&hub, "a", wraps);
        for _ in 0..2 {
            let mut client = hub.subscribe(Subscribe::to(["a"]).after(latest.clone())).unwrap();
            assert_eq!(read(&mut client).blocks, [position(&latest)]);
            clock.advance(SECOND);
            hub.expire();
        }
    }
    assert_eq!((hub.stats().resumed, hub.stats().gaps), (20, 0));
}

#[test]
fn an_evicted_client_is_told_first_and_gets_all_that_is_held() {
    let hub = Hub::new(Bounds::events(2));
    let ids: Vec<_> = (1..=4).map(|data| publish(&hub, "a", data)).collect();
    let mut client = hub.subscribe(Subscribe::to(["a"]).after(ids[0].clone())).unwrap();
    let gap = client.gap().unwrap();
    assert_eq!((gap.reason(), gap.position()), (GapReason::Evicted, Some(&ids[1])));
    let told = notice("reset", &ids[1], r#"{"reason": "evicted"}"#);
    assert_eq!(read(&mut client).blocks, [told, message(&ids[2], 3), message(&ids[3], 4)]);

    // The one that has seen all that was evicted has no gap.
    let client = hub.subscribe(Subscribe::to(["a"]).after(ids[1].clone())).unwrap();
    assert!(client.gap().is_none());
    assert_eq!((hub.stats().resumed, hub.stats().gaps), (1, 1));
}

#[test]
fn an_id_that_was_not_given_out_here_is_unknown() {
    let hub = Hub::new(Bounds::events(10));
    let last = publish(&hub, "a", 1);
    let elsewhere = publish(&Hub::new(Bounds::events(10)), "a", 1);
    let (epoch, number) = last.as_str().split_once('-').unwrap();
    assert_eq!(number, "1");
    let ahead = format!("{epoch}-2");
    let far_ahead = format!("{epoch}-{}", u128::MAX);
    let padded = format!("{epoch}-01");
    let no_id = LastEventId::from_bytes(b"\x7F");
    for id in [elsewhere.as_str(), &ahead, &far_ahead, &padded, "1", "reset", "-", epoch] {
        let mut client = hub.subscribe(Subscribe::to(["a"]).after(last_event_id(id))).unwrap();
        assert_eq!(client.gap().map(|gap| gap.reason()), Some(GapReason::Unknown), "{id}");
        assert_eq!(read(&mut client).blocks, [notice("reset", &last, r#"{"reason": "unknown"}"#)], "{id}");
    }
    let mut client = hub.subscribe(Subscribe::to(["a"]).start(Start::Oldest).after(no_id)).unwrap();
    let seen = read(&mut client);
    assert_eq!((seen.gaps(), seen.data()), (vec!["unknown"], vec!["1"]));
}

#[test]
fn a_client_that_is_cut_right_after_its_first_block_loses_nothing() {
    let hub = Hub::new(Bounds::events(4));
    let old = publish(&hub, "a", "old");
    for _ in 0..9 {
        publish(&hub, "a", "evicted");
    }
    for id in [None, last_event_id("foreign"), Some(old.into())] {
        let mut first = hub.subscribe(Subscribe::to(["a"]).after(id)).unwrap();
        let Poll::Ready(Some(block)) = poll(&mut first) else { panic!("no first block") };
        let told = blocks(&block)[0].id.clone().unwrap();
        let pending = read(&mut first).data().len();
        drop(first);
        publish(&hub, "a", "missed");

        let mut again = hub.subscribe(Subscribe::to(["a"]).after(last_event_id(&told))).unwrap();
        let seen = read(&mut again);
        // One of those that were held may have gone meanwhile, which is told.
        assert_eq!(seen.gaps(), if pending == 4 { vec!["evicted"] } else { vec![] });
        assert_eq!(seen.data().len(), (pending + 1).min(4));
        assert_eq!(seen.data().last(), Some(&"missed"));
    }
}

#[test]
fn a_replay_far_longer_than_a_piece_is_delivered_whole() {
    let hub = Hub::new(Bounds::events(100_000));
    let first = publish(&hub, "a", "first");
    let expected: Vec<String> =
        (0..50_000).map(|n| if n % 1000 == 0 { "x".repeat(40_000) } else { n.to_string() }).collect();
    for data in &expected {
        publish(&hub, "a", data);
    }
    let mut client = hub.subscribe(Subscribe::to(["a"]).after(first.clone())).unwrap();
    assert!(read(&mut client).data() == expected);
    let mut filtered = hub.subscribe(Subscribe::to(["a", "b"]).filter(|_| true).after(first)).unwrap();
    assert!(read(&mut filtered).data() == expected);
}

#[test]
fn events_that_are_pending_come_in_few_pieces_that_are_the_same_for_all() {
    let hub = Hub::new(Bounds::events(10_000));
    hub.publish_all("a", (0..10_000).map(event)).unwrap();
    let mut clients: Vec<_> = (0..3).map(|_| hub.subscribe(["a"]).unwrap()).collect();
    hub.publish_all("a", (0..500).map(event)).unwrap();
    let mut pieces: Vec<Vec<_>> = Vec::new();
    for client in &mut clients {
        assert!(poll(client).is_ready());
        pieces.push(
            std::iter::from_fn(|| match poll(client) {
                Poll::Ready(piece) => piece,
                Poll::Pending => None,
            })
            .collect(),
        );
    }
    assert_eq!(pieces[0].iter().map(|piece| blocks(piece).len()).sum::<usize>(), 500);
    assert!(pieces[0].len() <= 2, "{} pieces", pieces[0].len());
    for other in &pieces[1..] {
        let addresses =
            |pieces: &[Bytes]| pieces.iter().map(|piece| piece.as_ptr_range()).collect::<Vec<_>>();
        assert_eq!(addresses(other), addresses(&pieces[0]));
    }
}

#[test]
fn a_batch_is_published_whole_or_not_at_all() {
    let hub = Hub::new(Bounds::bytes(200));
    let mut client = hub.subscribe(["a"]).unwrap();
    read(&mut client);
    let error = hub.publish_all("a", [event("small"), event("x".repeat(200))]).unwrap_err();
    assert!(matches!(error, PublishError::TooLarge { max: 200, .. }), "{error}");
    assert_eq!((hub.stats().published, hub.stats().events), (0, 0));
    assert!(poll(&mut client).is_pending());
    assert!(hub.publish_all("a", [] as [Event; 0]).unwrap().is_empty());
}

#[test]
fn the_types_of_the_hubs_own_notices_cannot_be_published() {
    let hub = Hub::builder(Bounds::events(10))
        .position_type(EventType::from_static("here"))
        .reset_type(EventType::from_static("gone"))
        .build();
    let typed = |ty| event("").with_type(EventType::from_static(ty));
    assert_eq!(hub.publish("a", typed("here")), Err(PublishError::ReservedType));
    assert_eq!(hub.publish_all("a", [typed("fine"), typed("gone")]), Err(PublishError::ReservedType));
    assert_eq!(hub.stats().published, 0);
    hub.publish("a", typed("position")).unwrap();
    hub.publish("a", typed("reset")).unwrap();
}

#[test]
fn each_stream_begins_with_the_reconnection_time() {
    for form in [PositionForm::Event, PositionForm::IdOnly, PositionForm::Off] {
        let hub = Hub::builder(Bounds::events(1)).retry(SECOND).position_form(form).build();
        publish(&hub, "a", 1);
        for id in [None, last_event_id("foreign")] {
            let mut client = hub.subscribe(Subscribe::to(["a"]).after(id)).unwrap();
            let first = &read(&mut client).blocks[0];
            assert_eq!(first.retry, Some(1000));
            // Else clients would make an empty message of it.
            assert_eq!(first.event.is_some(), form == PositionForm::Event || first.data.is_some());
        }
    }
}

#[test]
fn a_position_is_told_in_the_form_that_was_chosen() {
    let start = |form| {
        let hub = Hub::builder(Bounds::events(1)).position_form(form).build();
        let id = publish(&hub, "a", 1);
        (id, read(&mut hub.subscribe(["a"]).unwrap()).blocks)
    };
    let (id, blocks) = start(PositionForm::Event);
    assert_eq!(blocks, [position(&id)]);
    let (id, blocks) = start(PositionForm::IdOnly);
    assert_eq!(blocks, [Block { id: Some(id.to_string()), ..Block::default() }]);
    let (_, blocks) = start(PositionForm::Off);
    assert_eq!(blocks, []);
}

#[test]
fn a_filter_sees_each_event_once_on_replay_and_live() {
    let hub = Hub::new(Bounds::events(10));
    let looked_at = Arc::new(Mutex::new(Vec::new()));
    let typed = |data| event(data).with_type(EventType::from_static("t"));
    let first = publish(&hub, "a", 1);
    publish(&hub, "a", 2);
    hub.publish("b", typed(3)).unwrap();
    let record = looked_at.clone();
    let filter = move |info: &ssekit::hub::EventInfo<'_>| {
        let mut record = record.lock().unwrap();
        record.push((info.topic().to_owned(), info.event_type().map(str::to_owned)));
        info.event_type().is_some()
    };
    let client = hub.subscribe(Subscribe::to(["a", "b"]).filter(filter).after(first));
    let mut client = client.unwrap();
    assert_eq!(read(&mut client).data(), ["3"]);
    publish(&hub, "b", 4);
    hub.publish("a", typed(5)).unwrap();
    assert_eq!(read(&mut client).data(), ["5"]);
    let t = || Some("t".to_owned());
    let looked_at = looked_at.lock().unwrap();
    let expected = [("a", None), ("b", t()), ("b", None), ("a", t())];
    assert_eq!(*looked_at, expected.map(|(topic, ty)| (topic.to_owned(), ty)));
    assert_eq!(hub.stats().delivered, 2);
}

#[test]
fn a_client_whose_events_are_all_filtered_out_resumes_from_where_it_was_told() {
    let hub = Hub::new(Bounds::events(2));
    let timer = ManualTimer::new();
    let client = hub.subscribe(Subscribe::to(["a"]).filter(|_| false)).unwrap();
    let mut client = client.keep_alive_with_timer(SECOND, timer.clone());
    let (_, waker) = CountingWaker::new();
    let mut told = Vec::new();
    for n in 0..100 {
        publish(&hub, "a", n);
        timer.advance(SECOND);
        while let Poll::Ready(Some(Ok(bytes))) =
            Pin::new(&mut client).poll_next(&mut Context::from_waker(&waker))
        {
            told.extend(blocks(&bytes));
        }
    }
    let last = told.last().unwrap().id.clone().unwrap();
    let client = hub.subscribe(Subscribe::to(["a"]).filter(|_| false).after(last_event_id(&last)));
    assert!(client.unwrap().gap().is_none());
}

#[test]
fn a_stream_whose_filter_panics_ends_rather_than_hide_what_was_not_looked_at() {
    let hub = Hub::new(Bounds::events(10));
    let filter = |event: &ssekit::hub::EventInfo<'_>| {
        assert_ne!(event.event_type(), Some("bad"));
        true
    };
    let mut client = hub.subscribe(Subscribe::to(["a"]).filter(filter)).unwrap();
    read(&mut client);
    hub.publish("a", event("bad").with_type(EventType::from_static("bad"))).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut client))).is_err());
    publish(&hub, "a", "later");
    let seen = read(&mut client);
    assert_eq!((seen.blocks.len(), seen.ended), (0, true));
    assert_eq!(hub.stats().subscribers, 0);
}

#[test]
fn only_parked_subscriptions_are_woken_and_each_once() {
    let hub = Hub::new(Bounds::events(10));
    let mut client = hub.subscribe(["a", "b"]).unwrap();
    let (wakes, waker) = CountingWaker::new();
    let mut next = || Pin::new(&mut client).poll_next(&mut Context::from_waker(&waker));

    publish(&hub, "a", 1);
    assert_eq!(wakes.take(), 0, "it has not been polled");
    while next().is_ready() {}
    publish(&hub, "other", 2);
    assert_eq!(wakes.take(), 0);
    publish(&hub, "a", 3);
    publish(&hub, "a", 4);
    publish(&hub, "b", 5);
    assert_eq!(wakes.take(), 1);
    while next().is_ready() {}
    hub.publish_all("b", (0..5).map(event)).unwrap();
    assert_eq!(wakes.take(), 1);
    while next().is_ready() {}
    hub.finish("a");
    assert_eq!(wakes.take(), 1);
    assert!(next().is_pending());
    hub.close(ssekit::hub::Close::new());
    assert_eq!(wakes.take(), 1);
}

#[test]
fn the_waker_of_the_latest_poll_is_woken() {
    let hub = Hub::new(Bounds::events(10));
    let mut client = hub.subscribe(["a"]).unwrap();
    read(&mut client);
    let (first, first_waker) = CountingWaker::new();
    let (second, second_waker) = CountingWaker::new();
    for waker in [&first_waker, &second_waker] {
        assert!(Pin::new(&mut client).poll_next(&mut Context::from_waker(waker)).is_pending());
    }
    publish(&hub, "a", 1);
    assert_eq!((first.take(), second.take()), (0, 1));
}

#[test]
fn a_subscription_whose_pending_events_are_all_gone_has_lagged() {
    for lag in [Lag::Disconnect, Lag::Skip] {
        let clock = Clock::new();
        let hub = Hub::builder(Bounds::events(10).with_age(SECOND)).clock(clock.now()).build();
        let mut client = hub.subscribe(Subscribe::to(["a"]).lag(lag)).unwrap();
        read(&mut client);
        publish(&hub, "a", "lost");
        clock.advance(SECOND);
        hub.expire();
        assert_eq!(hub.stats().events, 0);

        let seen = read(&mut client);
        publish(&hub, "a", "later");
        assert_eq!(hub.stats().lagged, 1);
        match lag {
            Lag::Disconnect => assert_eq!((seen.blocks.len(), seen.ended), (0, true)),
            _ => {
                assert_eq!((seen.gaps(), seen.ended), (vec!["lagged"], false));
                assert_eq!(read(&mut client).data(), ["later"]);
            }
        }
    }
}

#[test]
fn one_slow_subscription_alone_is_told_that_it_lagged() {
    let hub = Hub::new(Bounds::events(5));
    let mut slow = hub.subscribe(Subscribe::to(["a"]).lag(Lag::Skip)).unwrap();
    let mut fast = hub.subscribe(Subscribe::to(["a"]).lag(Lag::Skip)).unwrap();
    let mut disconnected = hub.subscribe(["a"]).unwrap();
    read(&mut slow);
    read(&mut disconnected);
    let mut got = Vec::new();
    for n in 0..20 {
        publish(&hub, "a", n);
        got.extend(read(&mut fast).data().into_iter().map(str::to_owned));
    }
    assert_eq!(got, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    let seen = read(&mut slow);
    assert_eq!((seen.gaps(), seen.data()), (vec!["lagged"], vec!["15", "16", "17", "18", "19"]));
    assert_eq!(read(&mut disconnected).blocks, []);
    assert_eq!((hub.stats().subscribers, hub.stats().lagged, hub.stats().gaps), (2, 2, 1));
}

#[test]
fn a_client_cut_right_after_it_was_told_that_it_lagged_loses_nothing() {
    let hub = Hub::new(Bounds::events(5));
    let mut slow = hub.subscribe(Subscribe::to(["a"]).lag(Lag::Skip)).unwrap();
    read(&mut slow);
    for n in 0..20 {
        publish(&hub, "a", n);
    }
    let Poll::Ready(Some(told)) = poll(&mut slow) else { panic!("it was not told") };
    let id = blocks(&told)[0].id.clone().unwrap();
    let seen = read(&mut hub.subscribe(Subscribe::to(["a"]).after(last_event_id(&id))).unwrap());
    assert_eq!((seen.gaps(), seen.data()), (vec![], vec!["15", "16", "17", "18", "19"]));
}

#[test]
fn expiring_ends_even_if_every_event_is_too_old_at_once() {
    let (sender, expired) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let hub = Hub::new(Bounds::events(10).with_age(Duration::ZERO));
        hub.publish("a", "x").unwrap();
        hub.expire();
        sender.send(()).unwrap();
    });
    assert_eq!(expired.recv_timeout(Duration::from_secs(60)), Ok(()));
}
