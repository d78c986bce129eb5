//! A browser's own `EventSource` gets each event once and in order, however often the connection breaks off.

use std::time::Duration;

use ssekit::{
    Bounds, Event, EventId, EventType, Hub,
    hub::{Close, HubBuilder, PositionForm},
    replay::Ids,
};
use ssekit_browser_tests::{Browser, Service, Tab, in_each_browser};

in_each_browser! {
    is_open_before_any_event_and_gets_each_at_once,
    resumes_where_it_was_cut,
    resumes_where_it_was_cut_twice,
    comes_back_with_its_position_if_cut_before_any_event,
    keeps_the_position_of_a_block_without_data_or_not,
    brings_ids_beyond_ascii_back_as_they_were,
    is_told_of_a_gap_before_what_comes_after_it,
    stops_for_good_when_the_topic_is_finished,
    comes_back_to_a_closed_hub_that_sends_it_away,
    has_six_streams_over_http_1_and_no_more,
    passes_no_event_that_has_a_type_to_onmessage,
}

fn hub() -> HubBuilder {
    Hub::builder(Bounds::events(100)).retry(RETRY)
}

async fn subscribed(tab: &Tab, hub: Hub) -> Service {
    let service = Service::start(hub).await;
    tab.open(&service.url()).await;
    tab.subscribe("/events").await;
    service
}

async fn is_open_before_any_event_and_gets_each_at_once(tab: Tab) {
    let service = subscribed(&tab, hub().position_form(PositionForm::Off).build()).await;
    tab.wait_for("source.readyState === 1").await;
    assert_eq!(tab.eval("return log.map(({ type }) => type)").await, serde_json::json!(["open"]));

    // Each is published only when the one before it is there.
    for data in ["one", "two", "three\nfour"] {
        let id = service.publish([data]);
        assert_eq!(tab.wait_for_event("message", &data.replace('\n', "\\n")).await, id);
    }
    assert_eq!(service.asked(), [None]);
}

async fn resumes_where_it_was_cut(tab: Tab) {
    let service = subscribed(&tab, hub().build()).await;
    tab.wait_for_event("position", "").await;
    let seen = service.publish(["1", "2", "3"]);
    tab.wait_for_event("message", "3").await;

    service.cut();
    let missed = service.publish(["4", "5"]);

    assert_eq!(tab.wait_for_event("message", "5").await, missed);
    assert_eq!(service.asked(), [None, Some(seen)]);
    service.publish(["6"]);
    tab.wait_for_event("message", "6").await;
    assert_eq!(tab.eval("return data().join()").await, "1,2,3,4,5,6");
    assert_eq!(tab.eval("return log.filter(({ type }) => type === 'reset').length").await, 0);
}

async fn resumes_where_it_was_cut_twice(tab: Tab) {
    let service = subscribed(&tab, hub().build()).await;
    tab.wait_for_event("position", "").await;
    let seen = service.publish(["1"]);
    tab.wait_for_event("message", "1").await;

    service.cut();
    service.wait_for_requests(2).await;
    tab.wait_for("source.readyState === 1").await;
    service.cut();
    service.publish(["2"]);

    tab.wait_for_event("message", "2").await;
    assert_eq!(service.asked(), [None, Some(seen.clone()), Some(seen)]);
    assert_eq!(tab.eval("return data().join()").await, "1,2");
}

async fn comes_back_with_its_position_if_cut_before_any_event(tab: Tab) {
    let hub = hub().build();
    hub.publish("news", Event::new("before")).unwrap();
    let service = subscribed(&tab, hub).await;
    let position = tab.wait_for_event("position", "").await;

    service.cut();
    service.publish(["while it was away"]);

    tab.wait_for_event("message", "while it was away").await;
    assert_eq!(service.asked(), [None, Some(position)]);
    assert_eq!(tab.eval("return data().join()").await, "while it was away");
}

/// The standard stores the ID of each block, Firefox only that of an event that it dispatches.
async fn keeps_the_position_of_a_block_without_data_or_not(tab: Tab) {
    let hub = hub().position_form(PositionForm::IdOnly).build();
    let position = hub.publish("news", Event::new("before")).unwrap().to_string();
    let service = subscribed(&tab, hub).await;
    tab.wait_for("source.readyState === 1").await;

    service.cut();
    service.wait_for_requests(2).await;

    let expected = match tab.browser() {
        Browser::Chromium => Some(position),
        Browser::Firefox => None,
    };
    assert_eq!(service.asked(), [None, expected]);
}

async fn brings_ids_beyond_ascii_back_as_they_were(tab: Tab) {
    let service = subscribed(&tab, hub().ids(Ids::unordered()).build()).await;
    tab.wait_for("source.readyState === 1").await;
    let mut last = None;
    for (number, id) in IDS.into_iter().enumerate() {
        let event = Event::new(number.to_string()).with_id(EventId::try_from(id).unwrap());
        service.hub().publish("news", event).unwrap();
        assert_eq!(tab.wait_for_event("message", &number.to_string()).await, id);

        service.cut();
        service.wait_for_requests(number + 2).await;
        tab.wait_for("source.readyState === 1").await;
        last = Some(id.to_owned());
        assert_eq!(service.asked().pop().unwrap(), last);
    }
    assert!(last.is_some());
    let stats = service.hub().stats();
    assert_eq!((stats.resumed, stats.gaps), (IDS.len() as u64, 0));
}

async fn is_told_of_a_gap_before_what_comes_after_it(tab: Tab) {
    let service = subscribed(&tab, Hub::builder(Bounds::events(2)).retry(RETRY).build()).await;
    tab.wait_for_event("position", "").await;
    service.publish(["1"]);
    tab.wait_for_event("message", "1").await;

    service.cut();
    service.publish(["2", "3", "4"]);

    tab.wait_for_event("message", "4").await;
    let seen = "return log.filter(({ type }) => type !== 'open' && type !== 'error').map(({ type, data }) => type + data).join()";
    assert_eq!(tab.eval(seen).await, r#"position,message1,reset{"reason": "evicted"},message3,message4"#);
}

async fn stops_for_good_when_the_topic_is_finished(tab: Tab) {
    let service = subscribed(&tab, hub().build()).await;
    tab.wait_for_event("position", "").await;
    let last = service.publish(["the last one"]);
    service.hub().finish("news");

    tab.wait_for("source.readyState === 2").await;
    assert_eq!(tab.eval("return data().join()").await, "the last one");
    assert_eq!(service.asked(), [None, Some(last)]);
    tab.let_pass(LONG_AFTER_RETRY).await;
    assert_eq!(service.asked().len(), 2);

    // One that comes later gets what is left, and stops then as well.
    tab.subscribe("/events").await;
    tab.wait_for("source.readyState === 2").await;
    let asked = service.asked().len();
    tab.let_pass(LONG_AFTER_RETRY).await;
    assert_eq!(service.asked().len(), asked);
}

async fn comes_back_to_a_closed_hub_that_sends_it_away(tab: Tab) {
    let service = subscribed(&tab, hub().build()).await;
    let position = tab.wait_for_event("position", "").await;

    service.hub().close(Close::new().retry(RETRY, Duration::ZERO));

    service.wait_for_requests(4).await;
    assert_eq!(service.asked()[1..4], [Some(position.clone()), Some(position.clone()), Some(position)]);
    tab.wait_for("source.readyState !== 2").await;
}

/// A browser opens six connections to a server over HTTP/1.1, whatever the number of tabs.
async fn has_six_streams_over_http_1_and_no_more(tab: Tab) {
    let service = Service::start(hub().build()).await;
    let session = tab.session();
    let mut windows = vec![session.window().await.unwrap()];
    while windows.len() < 7 {
        windows.push(session.new_window(true).await.unwrap().handle);
    }
    for window in &windows {
        session.switch_to_window(window.clone()).await.unwrap();
        tab.open(&service.url()).await;
    }
    for (number, window) in windows.iter().enumerate() {
        session.switch_to_window(window.clone()).await.unwrap();
        tab.subscribe("/events").await;
        if number < 6 {
            tab.wait_for("source.readyState === 1").await;
        }
    }
    tab.let_pass(LONG_AFTER_RETRY).await;
    assert_eq!(tab.eval("return source.readyState").await, 0);
    assert_eq!(service.asked().len(), 6);

    session.switch_to_window(windows[0].clone()).await.unwrap();
    session.close_window().await.unwrap();
    session.switch_to_window(windows[6].clone()).await.unwrap();
    tab.wait_for("source.readyState === 1").await;
    assert_eq!(service.asked().len(), 7);
}

async fn passes_no_event_that_has_a_type_to_onmessage(tab: Tab) {
    let service = Service::start(hub().build()).await;
    tab.open(&service.url()).await;
    tab.eval(
        "window.log = [];
         window.source = new EventSource('/events');
         source.onmessage = ({ data }) => log.push(`onmessage ${data}`);
         source.addEventListener('note', ({ data }) => log.push(`note ${data}`));",
    )
    .await;
    tab.wait_for("source.readyState === 1").await;
    let note = Event::new("1").with_type(EventType::from_static("note"));
    service.hub().publish("news", note).unwrap();
    service.publish(["2"]);
    tab.wait_for("log.length === 2").await;
    assert_eq!(tab.eval("return log").await, serde_json::json!(["note 1", "onmessage 2"]));
}

/// Firefox waits for half a second at least.
const RETRY: Duration = Duration::from_millis(50);
/// Longer than any browser waits after `RETRY`, in milliseconds.
const LONG_AFTER_RETRY: u32 = 1500;
/// What a browser must store, and send as it was.
const IDS: [&str; 5] = ["é", "naïve … 😀", "日本-7", "a,b;c=\"d\"", "\u{FEFF}%E2%82%AC"];
