use std::time::Duration;

use ssekit::{
    Bounds, Event, Hub, Subscribe,
    relay::{InvalidRecord, Record, Relay},
};
use tokio::time::sleep;

use crate::{
    record::{begin, taken},
    support::memory_log::MemoryLog,
};

/// Starts a relay that has read the log.
async fn start(log: &MemoryLog) -> Relay<MemoryLog> {
    let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(100)));
    tokio::spawn(tail.run());
    drop(relay.subscribe("a").await.unwrap());
    taken();
    relay
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_the_log_is_reported_and_so_is_what_it_does_to_publishers_and_clients() {
    begin();
    let log = MemoryLog::default();
    let relay = start(&log).await;
    let id = relay.publish("a", Event::new("1")).await.unwrap();
    assert_eq!(taken(), [r#"DEBUG ssekit::relay: publish topic="a""#]);

    log.set_unreachable(true);
    while relay.stats().connected {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(taken(), ["WARN ssekit::relay: the log cannot be read error=unreachable"]);
    relay.publish("a", Event::new("2")).await.unwrap_err();
    let lines = taken();
    assert!(
        lines
            .iter()
            .any(|line| line == "WARN ssekit::relay: the log did not take an event error=unreachable"),
        "{lines:?}"
    );
    // Not an ID that this node has read, so it must ask the log.
    let unseen = ssekit::EventId::try_from("n1000").unwrap();
    relay.subscribe(Subscribe::to("a").after(unseen)).await.unwrap_err();
    let lines = taken();
    for expected in [
        r#"DEBUG ssekit::relay: subscribe topics="a""#,
        r#"INFO ssekit::hub: a client was refused a stream topics="a" reason=the log cannot be reached"#,
    ] {
        assert_eq!(lines.iter().filter(|line| *line == expected).count(), 1, "{expected} in {lines:?}");
    }
    drop(id);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_replaced_is_reported() {
    begin();
    let log = MemoryLog::default();
    let relay = start(&log).await;
    relay.publish("a", Event::new("1")).await.unwrap();
    taken();
    log.erase();
    while relay.stats().resets == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(
        taken(),
        [
            "WARN ssekit::relay: the log has changed: the hub is filled again reason=\"the last entry that was read is gone\"",
            "WARN ssekit::relay: the clients of this node must reconnect",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_skipped_is_reported() {
    begin();
    let log = MemoryLog::default();
    let relay = start(&log).await;
    let invalid: InvalidRecord = Record::from_fields([("x", "y".into())]).unwrap_err();
    let id = log.append_entry(Err(invalid));
    while relay.stats().invalid == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(
        taken(),
        [format!("WARN ssekit::relay: an entry of the log is invalid and was skipped id=\"{id}\"")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_behind_a_trimmed_log_is_reported_once() {
    begin();
    let log = MemoryLog::default();
    let relay = start(&log).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(relay.publish("a", Event::new(number.to_string())).await.unwrap());
    }
    log.trim(5);
    let (relay, _first) = (start(&log).await, relay);
    drop(relay.subscribe(Subscribe::to("a").after(ids[3].clone())).await.unwrap());
    let gaps: Vec<_> = taken().into_iter().filter(|line| line.starts_with("INFO")).collect();
    assert_eq!(gaps, [r#"INFO ssekit::hub: a client has a gap topics="a" reason="evicted""#]);
}
