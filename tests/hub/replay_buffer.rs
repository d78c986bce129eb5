//! The replay buffer against a plain list, and what it promises claim by claim.

use crate::support::replay_model;
use proptest::prelude::*;
use ssekit::{
    Bounds, Event, EventId, ReplayBuffer,
    replay::{Events, Ids, PushError, Replay},
};

use self::replay_model::{bounds, kinds, steps};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_answers_as_a_plain_list_does(kind in kinds(), bounds in bounds(), steps in steps()) {
        replay_model::run(kind, bounds, steps);
    }
}

fn push(buffer: &mut ReplayBuffer, data: impl ToString) -> EventId {
    buffer.push(&Event::new(data.to_string())).unwrap()
}

#[test]
fn after_the_latest_nothing_is_missed_however_often_the_ring_has_wrapped() {
    let mut buffer = ReplayBuffer::new(Bounds::events(3));
    let start = buffer.latest().unwrap();
    assert!(matches!(buffer.after(&start), Replay::After(events) if events.remaining() == 0));
    for n in 0..100 {
        let latest = push(&mut buffer, n);
        assert!(matches!(buffer.after(&latest), Replay::After(events) if events.remaining() == 0));
    }
    assert!(matches!(buffer.after(&start), Replay::Evicted(events) if events.remaining() == 3));
}

#[test]
fn an_id_that_was_never_given_out_is_unknown() {
    let mut buffer = ReplayBuffer::new(Bounds::events(3));
    let last = push(&mut buffer, 1);
    let (epoch, _) = last.as_str().split_once('-').unwrap();
    let elsewhere = push(&mut ReplayBuffer::new(Bounds::events(3)), 1);
    let ids = [format!("{epoch}-2"), format!("{epoch}-"), format!("{epoch}-01"), format!("{epoch}-1 1")];
    let ids = ids.iter().map(String::as_str).chain([elsewhere.as_str(), "", "1", "reset", "unknown"]);
    for id in ids {
        assert!(matches!(buffer.after(&id.try_into().unwrap()), Replay::Unknown), "{id}");
    }
}

#[test]
fn a_replay_far_longer_than_a_chunk_comes_whole() {
    let mut buffer = ReplayBuffer::new(Bounds::bytes(100 << 20));
    let first = push(&mut buffer, "first");
    let mut expected = String::new();
    for n in 0..50_000 {
        let data = if n % 500 == 0 { "x".repeat(100_000) } else { n.to_string() };
        expected += &format!("id: {}\ndata: {data}\n\n", push(&mut buffer, &data));
    }
    let Replay::After(events) = buffer.after(&first) else { panic!("it holds all") };
    assert_eq!(events.remaining(), 50_000);
    let mut pieces = 0;
    let mut rest = expected.as_bytes();
    for bytes in events {
        rest = rest.strip_prefix(&bytes[..]).unwrap();
        pieces += 1;
    }
    assert!(rest.is_empty());
    assert!(pieces < 1000, "it comes in {pieces} pieces");
}

#[test]
fn what_was_handed_out_stays_as_it_is_when_its_events_are_gone() {
    let mut buffer = ReplayBuffer::new(Bounds::events(10));
    let mut kept = Vec::new();
    for n in 0..1000 {
        let id = push(&mut buffer, n);
        kept.push((buffer.all().last().unwrap(), format!("id: {id}\ndata: {n}\n\n")));
    }
    for (bytes, expected) in kept {
        assert!(bytes.ends_with(expected.as_bytes()));
    }
}

#[test]
fn an_event_as_large_as_the_bound_is_held_alone() {
    let mut buffer = ReplayBuffer::new(Bounds::bytes(1000));
    let largest = 1000 - Bounds::EVENT_OVERHEAD - "id: 0123456789ab-18446744073709551615\ndata: \n\n".len();
    push(&mut buffer, 1);
    let id = push(&mut buffer, "x".repeat(largest));
    assert_eq!((buffer.len(), buffer.oldest()), (1, Some(id)));
    let error = buffer.push(&Event::new("x".repeat(largest + 1))).unwrap_err();
    assert_eq!(error, PushError::TooLarge { len: 1001, max: 1000 });
    assert_eq!(buffer.len(), 1);
}

#[test]
fn a_key_supersedes_and_a_cursor_at_a_superseded_event_is_valid() {
    let mut buffer = ReplayBuffer::new(Bounds::events(3));
    let priced = |price: u32, pair| Event::new(price.to_string()).with_key(pair);
    let first = buffer.push(&priced(1, "EURUSD")).unwrap();
    buffer.push(&priced(2, "EURCHF")).unwrap();
    for price in 3..100 {
        buffer.push(&priced(price, "EURUSD")).unwrap();
    }
    assert_eq!(buffer.len(), 2, "one for each key, and nothing was evicted");
    let text = |events: Events<'_>| String::from_utf8(events.flatten().collect()).unwrap();
    let held = text(buffer.all());
    assert!(
        held.contains("data: 2\n") && held.contains("data: 99\n") && !held.contains("data: 98\n"),
        "{held}"
    );
    let Replay::After(events) = buffer.after(&first) else { panic!("nothing live is missing") };
    assert_eq!(text(events), held);

    // A bound evicts the key that has not changed for longest, which is a gap.
    buffer.push(&Event::new("a")).unwrap();
    buffer.push(&Event::new("b")).unwrap();
    let Replay::Evicted(events) = buffer.after(&first) else { panic!("EURCHF is gone") };
    assert_eq!(events.remaining(), 3);
    let unordered =
        ReplayBuffer::with_ids(Bounds::events(3), Ids::unordered()).push(&priced(1, "EURUSD").with_id(7));
    assert!(unordered.is_err());
}
