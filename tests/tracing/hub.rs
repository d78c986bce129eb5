use futures_util::{FutureExt, StreamExt};
use ssekit::{
    Bounds, Hub, Subscribe,
    hub::{Close, Lag},
};

use crate::record::{begin, taken};

#[test]
fn a_refusal_is_reported_with_its_reason() {
    begin();
    let hub = Hub::new(Bounds::events(10));
    hub.finish("done");
    hub.subscribe("done").unwrap_err();
    assert_eq!(
        taken(),
        [r#"INFO ssekit::hub: a client was refused a stream topics="done" reason=all topics are finished"#]
    );
    hub.close(Close::new());
    hub.subscribe(["a", "b", "c", "d", "e"]).unwrap_err();
    assert_eq!(
        taken(),
        [
            r#"INFO ssekit::hub: a client was refused a stream topics="a", "b", "c" and 2 more reason=the hub is closed"#
        ]
    );
}

#[test]
fn a_gap_is_reported_with_its_reason() {
    begin();
    let hub = Hub::new(Bounds::events(1));
    let ids = ["1", "2", "3"].map(|data| hub.publish("a", data).unwrap());
    drop(hub.subscribe(Subscribe::to("a").after(ids[2].clone())).unwrap());
    drop(hub.subscribe("a").unwrap());
    assert_eq!(taken(), [""; 0], "neither misses anything");
    drop(hub.subscribe(Subscribe::to("a").after(ids[0].clone())).unwrap());
    assert_eq!(taken(), [r#"INFO ssekit::hub: a client has a gap topics="a" reason="evicted""#]);
    let elsewhere = Hub::new(Bounds::events(1)).publish("a", "1").unwrap();
    drop(hub.subscribe(Subscribe::to("a").after(elsewhere)).unwrap());
    assert_eq!(taken(), [r#"INFO ssekit::hub: a client has a gap topics="a" reason="unknown""#]);
}

#[test]
fn a_lag_is_reported_whatever_follows_it() {
    begin();
    let hub = Hub::new(Bounds::events(1));
    let lag = r#"INFO ssekit::hub: a subscription fell behind the history topics="a""#;
    let gap = r#"INFO ssekit::hub: a client has a gap topics="a" reason="lagged""#;
    for (policy, expected) in [(Lag::Skip, &[lag, gap][..]), (Lag::Disconnect, &[lag])] {
        let mut events = hub.subscribe(Subscribe::to("a").lag(policy)).unwrap();
        let _position = events.next().now_or_never().unwrap();
        for data in ["1", "2", "3"] {
            hub.publish("a", data).unwrap();
        }
        let _reset = events.next().now_or_never().unwrap();
        assert_eq!(taken(), expected, "{policy:?}");
    }
}

#[test]
fn names_cannot_inject_lines_into_a_log() {
    begin();
    let hub = Hub::new(Bounds::events(1));
    let topic = "a\nINFO all is well";
    hub.finish(topic);
    hub.subscribe(topic).unwrap_err();
    assert_eq!(
        taken(),
        [
            r#"INFO ssekit::hub: a client was refused a stream topics="a\nINFO all is well" reason=all topics are finished"#
        ]
    );
}

#[test]
fn publishing_and_delivering_report_nothing() {
    begin();
    let hub = Hub::new(Bounds::events(1));
    let mut events = hub.subscribe("a").unwrap();
    let _position = events.next().now_or_never().unwrap();
    hub.publish("a", "1").unwrap();
    let _event = events.next().now_or_never().unwrap();
    drop(events);
    assert_eq!(taken(), [""; 0]);
}
