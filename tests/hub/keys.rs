//! Events with keys: the newest of each key is the state of a topic, and what it supersedes is missed by nobody.

use std::time::Duration;

use ssekit::{
    Bounds, Event, EventId, EventType, Hub, Subscribe, Subscription,
    hub::{GapReason, Lag, PublishError, Start},
    replay::{IdError, Ids},
};

use crate::support::{
    clock::Clock,
    hub_client::{Seen, last_event_id, poll, read},
};

const A_MILLION: usize = if cfg!(miri) { 1_000 } else { 1_000_000 };
const SECOND: Duration = Duration::from_secs(1);

/// An event of a key: its data is the key and the value.
fn value(key: &str, value: impl ToString) -> Event {
    Event::new(format!("{key}={}", value.to_string())).with_key(key)
}

fn removal(key: &str) -> Event {
    Event::new(format!("{key} removed")).with_removed_key(key)
}

fn publish(hub: &Hub, event: Event) -> EventId {
    hub.publish("a", event).unwrap()
}

fn oldest(hub: &Hub) -> Subscription {
    hub.subscribe(Subscribe::to("a").start(Start::Oldest)).unwrap()
}

fn after(hub: &Hub, id: &EventId) -> Subscription {
    hub.subscribe(Subscribe::to("a").after(id.clone())).unwrap()
}

fn data(subscription: &mut Subscription) -> Vec<String> {
    read(subscription).data().into_iter().map(str::to_owned).collect()
}

fn reason(subscription: &Subscription) -> Option<GapReason> {
    subscription.gap().map(|gap| gap.reason())
}

#[test]
fn a_new_client_gets_the_newest_event_of_each_key_in_the_order_of_their_last_change() {
    let hub = Hub::new(Bounds::events(100));
    for event in [value("x", 1), value("y", 1), Event::new("plain"), value("x", 2), value("z", 1)] {
        publish(&hub, event);
    }
    let mut client = oldest(&hub);
    assert_eq!(reason(&client), None);
    assert_eq!(data(&mut client), ["y=1", "plain", "x=2", "z=1"]);
    publish(&hub, value("y", 2));
    assert_eq!(data(&mut client), ["y=2"]);
}

#[test]
fn a_client_that_resumes_gets_each_key_that_changed_once() {
    let hub = Hub::new(Bounds::events(100));
    publish(&hub, value("unchanged", 0));
    let last = publish(&hub, value("x", 0));
    for n in 1..50 {
        publish(&hub, value("x", n));
        publish(&hub, value("y", n));
    }
    let mut client = after(&hub, &last);
    assert_eq!((reason(&client), data(&mut client)), (None, vec!["x=49".to_owned(), "y=49".to_owned()]));
}

#[test]
fn a_cursor_at_a_superseded_event_is_valid() {
    for ids in [Ids::generated(), Ids::integers().after(0_u64.into())] {
        let own = format!("{ids:?}").contains("Integers");
        let hub = Hub::builder(Bounds::events(100)).ids(ids).build();
        let publish = |n: u64, event: Event| publish(&hub, if own { event.with_id(n) } else { event });
        publish(1, value("y", 1));
        let first = publish(2, value("x", 1));
        (3..600).for_each(|n| drop(publish(n, value("x", n))));
        publish(600, value("y", 2));
        let mut client = after(&hub, &first);
        assert_eq!((reason(&client), data(&mut client)), (None, vec!["x=599".to_owned(), "y=2".to_owned()]));
    }
}

#[test]
fn a_reader_that_stalls_gets_the_successor_at_the_place_of_that() {
    let hub = Hub::new(Bounds::events(100));
    let mut client = oldest(&hub);
    for event in [value("x", 1), value("y", 1), value("z", 1)] {
        publish(&hub, event);
    }
    publish(&hub, value("y", 2));
    assert_eq!(data(&mut client), ["x=1", "z=1", "y=2"]);
}

#[test]
fn a_reader_that_stalls_while_a_million_updates_go_by_gets_the_state_and_no_gap() {
    const KEYS: usize = 10;
    let hub = Hub::new(Bounds::events(KEYS));
    let mut stalled = oldest(&hub);
    let mut crowd: Vec<_> = (0..20).map(|_| oldest(&hub)).collect();
    crowd.iter_mut().for_each(|client| drop(read(client)));
    (0..KEYS).for_each(|key| drop(publish(&hub, value(&key.to_string(), "first"))));
    // It has taken a piece, and takes no more.
    let _position = poll(&mut stalled);
    let _taken = poll(&mut stalled);
    for n in 0..A_MILLION {
        publish(&hub, value(&(n % KEYS).to_string(), n));
        if n % 100_000 == 0 {
            crowd.iter_mut().for_each(|client| drop(read(client)));
        }
    }
    for client in crowd.iter_mut().chain([&mut stalled]) {
        let seen = read(client);
        assert_eq!((seen.gaps(), seen.data().len(), seen.ended), (vec![], KEYS, false));
    }
    let stats = hub.stats();
    assert_eq!((stats.lagged, stats.gaps, stats.events), (0, 0, KEYS));
    assert!(stats.memory < 10_000, "{} bytes for {KEYS} keys", stats.memory);
}

#[test]
fn a_key_that_never_changes_pins_nothing_behind_it() {
    let hub = Hub::new(Bounds::events(100));
    publish(&hub, value("still", 0));
    for n in 0..A_MILLION / 10 {
        publish(&hub, value("busy", n));
    }
    assert_eq!(data(&mut oldest(&hub)), ["still=0".to_owned(), format!("busy={}", A_MILLION / 10 - 1)]);
    assert!(hub.stats().memory < 10_000, "{}", hub.stats().memory);
}

#[test]
fn a_topic_of_ten_keys_that_is_bounded_to_ten_evicts_nothing_when_one_of_them_changes() {
    let hub = Hub::new(Bounds::events(10));
    let first = publish(&hub, value("0", 0));
    (1..10).for_each(|key| drop(publish(&hub, value(&key.to_string(), 0))));
    for n in 1..1000 {
        publish(&hub, value(&(n * 7 % 10).to_string(), n));
    }
    assert_eq!((reason(&oldest(&hub)), reason(&after(&hub, &first))), (None, None));
    assert_eq!(hub.stats().events, 10);
    // An eleventh key evicts the value that is unchanged for longest, as any event.
    publish(&hub, value("10", 0));
    assert_eq!(reason(&oldest(&hub)), Some(GapReason::Evicted));
    assert_eq!(reason(&after(&hub, &first)), Some(GapReason::Evicted));
}

#[test]
fn only_what_is_live_is_counted() {
    let hub = Hub::new(Bounds::events(usize::MAX));
    for n in 0..1000 {
        publish(&hub, value("x", n).with_label("label"));
    }
    let stats = hub.stats();
    let text = read(&mut oldest(&hub)).blocks[1].id.as_ref().unwrap().len() + "id: \ndata: x=999\n\n".len();
    let cost = text + "xlabel".len() + Bounds::EVENT_OVERHEAD + Bounds::KEY_OVERHEAD;
    assert_eq!((stats.published, stats.events, stats.bytes), (1000, 1, cost));
    hub.remove("a");
    assert_eq!((hub.stats().events, hub.stats().bytes), (0, 0));
}

#[test]
fn a_removal_supersedes_the_value_and_is_delivered_to_those_that_resume() {
    let hub = Hub::new(Bounds::events(100));
    let before = publish(&hub, value("x", 1));
    publish(&hub, value("y", 1));
    publish(&hub, removal("x"));
    assert_eq!(hub.stats().events, 2);
    assert_eq!(data(&mut after(&hub, &before)), ["y=1", "x removed"]);
    publish(&hub, value("x", 2));
    assert_eq!(data(&mut after(&hub, &before)), ["y=1", "x=2"]);
}

#[test]
fn an_evicted_removal_is_a_gap_for_those_that_resume_and_none_for_new_clients() {
    let hub = Hub::new(Bounds::events(2));
    let before = publish(&hub, value("x", 1));
    publish(&hub, removal("x"));
    publish(&hub, value("y", 1));
    publish(&hub, value("z", 1));
    let mut new = oldest(&hub);
    assert_eq!((reason(&new), data(&mut new)), (None, vec!["y=1".to_owned(), "z=1".to_owned()]));
    assert_eq!(reason(&after(&hub, &before)), Some(GapReason::Evicted));
    // A value that is evicted is a gap for both.
    publish(&hub, value("q", 1));
    assert_eq!(reason(&oldest(&hub)), Some(GapReason::Evicted));
}

#[test]
fn a_topic_whose_removals_alone_were_evicted_is_whole_also_when_it_was_empty() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(10).with_age(SECOND)).clock(clock.now()).build();
    let before = publish(&hub, value("x", 1));
    publish(&hub, removal("x"));
    clock.advance(SECOND);
    hub.expire();
    assert_eq!(hub.stats().events, 0);
    assert_eq!(reason(&oldest(&hub)), None);
    assert_eq!(reason(&after(&hub, &before)), Some(GapReason::Evicted));
}

#[test]
fn a_value_is_as_old_as_its_last_change() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(10).with_age(2 * SECOND)).clock(clock.now()).build();
    publish(&hub, value("still", 1));
    publish(&hub, value("busy", 1));
    clock.advance(SECOND);
    publish(&hub, value("busy", 2));
    clock.advance(SECOND);
    hub.expire();
    let mut client = oldest(&hub);
    assert_eq!((reason(&client), data(&mut client)), (Some(GapReason::Evicted), vec!["busy=2".to_owned()]));
}

#[test]
fn a_refused_event_supersedes_nothing() {
    let bounds = Bounds::events(10).with_bytes(1_000);
    let hub = Hub::builder(bounds).ids(Ids::integers()).build();
    publish(&hub, value("x", 1).with_id(5));
    let large = value("x", "x".repeat(1_000)).with_id(6);
    let reserved = value("x", 2).with_id(6).with_type(EventType::from_static("reset"));
    let refused = [large, reserved, value("x", 2).with_id(5), value("x", 2)];
    for event in refused {
        hub.publish("a", &event).unwrap_err();
        // One of several is refused, and so are all.
        hub.publish_all("a", [value("x", 2).with_id(6), event]).unwrap_err();
        assert_eq!(data(&mut oldest(&hub)), ["x=1"]);
    }
    hub.finish("a");
    assert_eq!(hub.publish("a", value("x", 2).with_id(6)), Err(PublishError::Finished));
    assert_eq!(data(&mut oldest(&hub)), ["x=1"]);
}

#[test]
fn keys_and_labels_count_against_the_bound_of_an_event() {
    let hub = Hub::new(Bounds::bytes(1_000));
    for event in [Event::new("").with_key("k".repeat(900)), Event::new("").with_label("l".repeat(900))] {
        assert!(matches!(hub.publish("a", event), Err(PublishError::TooLarge { .. })));
    }
}

#[test]
fn the_same_key_twice_at_once_gets_two_ids_and_the_first_is_superseded() {
    let hub = Hub::new(Bounds::events(10));
    let mut client = oldest(&hub);
    let ids = hub.publish_all("a", [value("x", 1), value("y", 1), value("x", 2)]).unwrap();
    assert!(ids.len() == 3 && ids[0] != ids[2]);
    assert_eq!(data(&mut client), ["y=1", "x=2"]);
    assert_eq!(data(&mut after(&hub, &ids[0])), ["y=1", "x=2"]);
}

#[test]
fn keys_need_ids_with_an_order_and_labels_do_not() {
    let hub = Hub::builder(Bounds::events(10)).ids(Ids::unordered()).build();
    let refused = hub.publish("a", value("x", 1).with_id(1));
    assert_eq!(refused, Err(PublishError::Id(IdError::KeyUnordered)));
    assert_eq!(refused.unwrap_err().to_string(), "the event has a key, which needs IDs with an order");
    hub.publish("a", Event::new("x").with_id(1).with_label("l")).unwrap();
}

#[test]
fn keys_of_different_topics_have_nothing_to_do_with_each_other() {
    let hub = Hub::new(Bounds::events(10));
    hub.publish("a", value("x", 1)).unwrap();
    hub.publish("b", value("x", 2)).unwrap();
    let mut both = hub.subscribe(Subscribe::to(["a", "b"]).start(Start::Oldest)).unwrap();
    assert_eq!(data(&mut both), ["x=1", "x=2"]);
}

#[test]
fn several_topics_stay_in_their_common_order_when_what_one_waits_at_is_superseded() {
    let hub = Hub::new(Bounds::events(10));
    let mut both = hub.subscribe(Subscribe::to(["a", "b"]).start(Start::Oldest)).unwrap();
    hub.publish("a", value("x", 1)).unwrap();
    hub.publish("b", value("y", 1)).unwrap();
    // After the first piece, `b` is queued at `y=1`, and `a` is again at `x=1`.
    let _position = poll(&mut both);
    hub.publish("a", value("x", 2)).unwrap();
    hub.publish("b", value("y", 2)).unwrap();
    hub.publish("a", value("x", 3)).unwrap();
    assert_eq!(data(&mut both), ["y=2", "x=3"]);
}

#[test]
fn a_reader_lags_for_live_events_alone() {
    for lag in [Lag::Disconnect, Lag::Skip] {
        let hub = Hub::new(Bounds::events(3));
        let mut client = hub.subscribe(Subscribe::to("a").start(Start::Oldest).lag(lag)).unwrap();
        (0..100).for_each(|n| drop(publish(&hub, value("x", n))));
        (0..2).for_each(|n| drop(publish(&hub, Event::new(n.to_string()))));
        assert_eq!(data(&mut client), ["x=99", "0", "1"]);
        (2..6).for_each(|n| drop(publish(&hub, Event::new(n.to_string()))));
        let seen = read(&mut client);
        assert_eq!(hub.stats().lagged, 1);
        assert_eq!(seen.gaps(), if lag == Lag::Skip { vec!["lagged"] } else { vec![] });
    }
}

/// Reads everything, and comes back with each ID that it has seen.
fn seen_after_each_cut(hub: &Hub, seen: &Seen) -> Vec<Vec<String>> {
    let ids = seen.blocks.iter().filter_map(|block| block.id.as_deref());
    ids.map(|id| {
        let mut client = hub.subscribe(Subscribe::to("a").after(last_event_id(id))).unwrap();
        assert_eq!(reason(&client), None);
        data(&mut client)
    })
    .collect()
}

#[test]
fn a_client_that_is_cut_anywhere_gets_the_rest_of_the_state() {
    let hub = Hub::new(Bounds::events(1_000));
    for n in 0..5_000 {
        let key = (n * 31 % 700).to_string();
        publish(&hub, value(&key, n));
    }
    let seen = read(&mut oldest(&hub));
    let all: Vec<_> = seen.data().into_iter().map(str::to_owned).collect();
    assert_eq!(all.len(), 700);
    for (at, rest) in seen_after_each_cut(&hub, &seen).into_iter().enumerate() {
        assert_eq!(rest, all[at..]);
    }
}

#[test]
fn a_filter_sees_keys_and_labels_on_replay_as_live() {
    let hub = Hub::new(Bounds::events(100));
    let tenant = |label: &'static str| {
        Subscribe::to(["a", "b"]).start(Start::Oldest).filter(move |event| event.label() == Some(label))
    };
    let keys = Subscribe::to("a").start(Start::Oldest).filter(|event| event.key() == Some("x"));
    let (mut mine, mut keyed) = (hub.subscribe(tenant("1")).unwrap(), hub.subscribe(keys).unwrap());
    let events = [
        value("x", 1).with_label("1"),
        value("y", 1).with_label("2"),
        Event::new("plain"),
        Event::new("labelled").with_label("1"),
        value("z", 1),
        value("x", 2).with_label("1"),
    ];
    for event in events {
        hub.publish("a", &event).unwrap();
        hub.publish("b", event).unwrap();
    }
    for client in [&mut mine, &mut hub.subscribe(tenant("1")).unwrap()] {
        assert_eq!(data(client), ["labelled", "labelled", "x=2", "x=2"]);
    }
    assert_eq!(data(&mut keyed), ["x=2"]);
    assert_eq!(data(&mut hub.subscribe(tenant("2")).unwrap()), ["y=1", "y=1"]);
}

#[test]
fn a_value_moves_to_another_label_with_a_key_for_each_and_not_with_one_for_both() {
    let tenant = |label: &'static str| {
        Subscribe::to("a").start(Start::Oldest).filter(move |event| event.label() == Some(label))
    };
    for (old, new, is_removed) in [("1/row", "2/row", true), ("row", "row", false)] {
        let hub = Hub::new(Bounds::events(100));
        let (mut first, mut second) =
            (hub.subscribe(tenant("1")).unwrap(), hub.subscribe(tenant("2")).unwrap());
        publish(&hub, value(old, 1).with_label("1"));
        assert_eq!(data(&mut first), [format!("{old}=1")]);
        // The first client reads again when both events are there.
        publish(&hub, removal(old).with_label("1"));
        publish(&hub, value(new, 1).with_label("2"));
        let removed: Vec<_> = is_removed.then(|| format!("{old} removed")).into_iter().collect();
        assert_eq!(data(&mut first), removed);
        assert_eq!(data(&mut second), [format!("{new}=1")]);
        assert_eq!(data(&mut hub.subscribe(tenant("1")).unwrap()), removed);
        assert_eq!(data(&mut hub.subscribe(tenant("2")).unwrap()), [format!("{new}=1")]);
    }
}

#[test]
fn long_values_are_superseded_as_short_ones() {
    let hub = Hub::new(Bounds::events(100));
    let mut client = oldest(&hub);
    for n in 0..200 {
        let len = [10, 20_000, 100, 70_000][n % 4];
        publish(&hub, value(&(n % 7).to_string(), "x".repeat(len)));
    }
    let lens: Vec<_> = data(&mut client).iter().map(|data| data.len() - "0=".len()).collect();
    assert_eq!(lens, (193..200).map(|n| [10, 20_000, 100, 70_000][n % 4]).collect::<Vec<_>>());
    assert!(hub.stats().memory < 400_000, "{}", hub.stats().memory);
}

#[test]
fn what_is_superseded_is_not_counted_however_long_it_was() {
    let hub = Hub::new(Bounds::events(100));
    for len in [65_000, 65_500, 65_535, 65_536, 66_000, 200_000] {
        for len in len - 60..len {
            publish(&hub, value("x", "x".repeat(len)));
        }
    }
    publish(&hub, value("x", 1));
    let text = read(&mut oldest(&hub)).blocks[1].id.as_ref().unwrap().len() + "id: \ndata: x=1\n\n".len();
    assert_eq!(hub.stats().bytes, text + "x".len() + Bounds::EVENT_OVERHEAD + Bounds::KEY_OVERHEAD);
}

#[test]
fn neither_keys_nor_labels_are_on_the_wire_and_events_with_other_ones_differ() {
    let plain = Event::new("x");
    let other =
        [plain.clone().with_key("k"), plain.clone().with_label("k"), plain.clone().with_removed_key("k")];
    for event in &other {
        assert_eq!(event.encode(), plain.encode());
        assert_eq!(event, &event.clone());
        assert_ne!(event, &plain);
        assert_eq!(other.iter().filter(|other| *other == event).count(), 1);
    }
    assert_eq!(other[2].clone().with_key("k"), other[0]);
    assert_eq!(format!("{:?}", other[2]), r#"Event { removed_key: "k", data: "x" }"#);
    let event = plain.with_retry(SECOND).with_comment("c").with_key("k").with_label("l");
    assert_eq!((event.key(), event.label(), event.is_removal()), (Some("k"), Some("l"), false));
    assert_eq!((event.retry(), &event.encode()[..]), (Some(SECOND), &b"retry: 1000\n: c\ndata: x\n\n"[..]));
}
