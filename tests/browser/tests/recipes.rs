//! Each script of the guide does what the guide says, as it is printed, and with the Rust that is printed beside it.

mod counter {
    include!(concat!(env!("OUT_DIR"), "/counter.rs"));
}
mod heartbeat {
    include!(concat!(env!("OUT_DIR"), "/heartbeat.rs"));
}

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Response, header::CONTENT_TYPE};
use serde_json::json;
use ssekit::{Bounds, Event, EventType, Hub, Subscribe};
use ssekit_browser_tests::{Reply, Service, Tab, in_each_browser, recipe, recipes};

/// Names the tests of each script, and runs them.
macro_rules! scripts {
    ($($page:literal, $heading:literal => $($test:ident),+;)*) => {
        in_each_browser! { $($($test,)+)* }

        const TRIED: &[(&str, &str)] = &[$(($page, $heading)),*];
    };
}

scripts! {
    "browsers.md", "Reconnecting by hand" =>
        reconnects_by_hand_after_errors_without_losing_an_event_of_any_type,
        stops_when_the_topic_is_finished;
    "browsers.md", "A heartbeat that a page can see" =>
        sees_each_heartbeat_on_a_busy_hub_and_notices_a_stall;
    "browsers.md", "Six connections" =>
        shares_one_stream_among_tabs_and_hands_it_on_without_losing_an_event;
    "resuming.md", "A snapshot, then the events after it" =>
        follows_a_snapshot_of_the_process_that_publishes;
    "resuming.md", "A snapshot from elsewhere" =>
        follows_a_snapshot_that_the_page_loads;
}

#[test]
fn each_script_of_the_guide_is_tried() {
    let printed = recipes();
    let printed: Vec<_> = printed.iter().map(|script| (&script.page[..], &script.heading[..])).collect();
    assert_eq!(printed, TRIED);
}

async fn reconnects_by_hand_after_errors_without_losing_an_event_of_any_type(tab: Tab) {
    let service = Service::start(hub(100)).await;
    tab.open(&service.url()).await;
    tab.run(&recipe("browsers.md", "Reconnecting by hand")).await;
    tab.wait_for("log.includes('position')").await;

    // It has seen its position and no event.
    service.reply([Reply::Error(503), Reply::Error(502)]);
    service.cut();
    publish_order(service.hub(), "1");
    tab.wait_for("log.includes('order 1')").await;

    // The newest that it has seen is no message.
    service.publish(["2"]);
    publish_order(service.hub(), "3");
    tab.wait_for("log.includes('order 3')").await;
    // The new stream sends it away, without an ID, and then fails as well.
    service.reply([Reply::Error(500), Reply::Stream, Reply::Away, Reply::Error(503)]);
    service.cut();
    service.publish(["4"]);
    publish_order(service.hub(), "5");
    tab.wait_for("log.includes('order 5')").await;

    let events = "return log.filter((shown) => shown !== 'position').join()";
    assert_eq!(tab.eval(events).await, "order 1,message 2,order 3,message 4,order 5");
}

async fn stops_when_the_topic_is_finished(tab: Tab) {
    let service = Service::start(hub(100)).await;
    tab.open(&service.url()).await;
    tab.run(&recipe("browsers.md", "Reconnecting by hand")).await;
    tab.wait_for("log.includes('position')").await;
    service.publish(["the last one"]);
    service.hub().finish("news");

    tab.wait_for("log.includes('finished')").await;
    // The stream, 204 to the browser, and 204 to the page that asks why.
    assert_eq!(service.asked().len(), 3);
    tab.let_pass(LONG_AFTER_RETRY).await;
    assert_eq!(service.asked().len(), 3);
    assert_eq!(tab.eval("return log.join()").await, "position,message the last one,finished");
}

async fn sees_each_heartbeat_on_a_busy_hub_and_notices_a_stall(tab: Tab) {
    let hub = hub(100);
    let source = hub.clone();
    let service = Service::with(hub, move |_, last_event_id| heartbeat::events(&source, last_event_id, BEAT));
    let service = service.await;
    let busy = tokio::spawn({
        let hub = service.hub().clone();
        async move {
            loop {
                hub.publish("another", Event::new("")).unwrap();
                tokio::time::sleep(BEAT / 10).await;
            }
        }
    });
    tab.open(&service.url()).await;
    // What the script keeps to itself: how often a beat has come, and with which IDs.
    tab.eval(
        "window.beats = [];
         const listen = EventSource.prototype.addEventListener;
         EventSource.prototype.addEventListener = function (type, listener) {
             listen.call(this, type, listener);
             if (type === 'beat') listen.call(this, type, ({ lastEventId }) => beats.push(lastEventId));
         };",
    )
    .await;
    tab.run(&recipe("browsers.md", "A heartbeat that a page can see")).await;
    tab.wait_for("beats.length >= 3").await;
    assert_eq!(service.asked().len(), 1, "it has given up a live connection");
    // Each says how far the hub has come, so a page that comes back is not sent what is long gone.
    assert_eq!(tab.eval("return new Set(beats).size === beats.length").await, true);

    service.stall();
    publish_order(service.hub(), "1");
    service.publish(["2"]);
    tab.wait_for("log.includes('message 2')").await;

    busy.abort();
    let events = "return log.filter((shown) => shown !== 'position').join()";
    assert_eq!(tab.eval(events).await, "order 1,message 2");
}

async fn shares_one_stream_among_tabs_and_hands_it_on_without_losing_an_event(tab: Tab) {
    let service = Service::start(hub(100)).await;
    let session = tab.session();
    let mut windows = vec![session.window().await.unwrap()];
    while windows.len() < 8 {
        windows.push(session.new_window(true).await.unwrap().handle);
    }
    for (number, window) in windows.iter().enumerate() {
        session.switch_to_window(window.clone()).await.unwrap();
        tab.open(&service.url()).await;
        tab.run(&recipe("browsers.md", "Six connections")).await;
        if number == 0 {
            tab.wait_for("log.includes('position')").await;
        }
    }
    service.publish(["1"]);
    publish_order(service.hub(), "2");
    for window in &windows {
        session.switch_to_window(window.clone()).await.unwrap();
        tab.wait_for("log.includes('order 2')").await;
    }
    assert_eq!(service.asked().len(), 1);

    // The one that has the stream is closed, and something happens before the next one has it.
    session.switch_to_window(windows[0].clone()).await.unwrap();
    session.close_window().await.unwrap();
    service.publish(["3"]);
    for window in &windows[1..] {
        session.switch_to_window(window.clone()).await.unwrap();
        tab.wait_for("log.includes('message 3')").await;
        let events = "return log.filter((shown) => shown !== 'position').join()";
        assert_eq!(tab.eval(events).await, "message 1,order 2,message 3");
    }
    assert_eq!(service.asked().len(), 2);
}

async fn follows_a_snapshot_of_the_process_that_publishes(tab: Tab) {
    let hub = hub(3);
    let counter = Arc::new(counter::Counter::new(hub.clone()));
    let answer = Arc::clone(&counter);
    let service = Service::with(hub, move |_, last_event_id| answer.events(last_event_id)).await;
    let add = |times: usize| (0..times).for_each(|_| counter.add(1).unwrap());
    add(4);
    tab.open(&service.url()).await;
    tab.run(&recipe("resuming.md", "A snapshot, then the events after it")).await;
    tab.wait_for("log.at(-1) === 4").await;
    add(1);
    tab.wait_for("log.at(-1) === 5").await;

    // What it misses is still held: no snapshot.
    service.cut();
    add(2);
    tab.wait_for("log.at(-1) === 7").await;
    // A gap, and of what the snapshot contains the hub still holds three events.
    service.cut();
    add(4);
    tab.wait_for("log.at(-1) === 11").await;
    add(1);
    tab.wait_for("log.at(-1) === 12").await;

    assert_eq!(tab.eval("return log").await, json!([4, 5, 6, 7, 11, 12]));
    assert_eq!(service.hub().stats().gaps, 1);
}

async fn follows_a_snapshot_that_the_page_loads(tab: Tab) {
    let hub = hub(3);
    // Its lock stands for a database in which changes are committed one after the other.
    let state = Arc::new(Mutex::new(0));
    let (source, read) = (hub.clone(), Arc::clone(&state));
    let service = Service::with(hub, move |path, last_event_id| match path {
        "/counter" => {
            let version = *read.lock().unwrap();
            let snapshot = json!({ "version": version, "total": version }).to_string();
            Response::builder().header(CONTENT_TYPE, "application/json").body(snapshot.into()).unwrap()
        }
        _ => match source.subscribe(Subscribe::to(["news"]).after(last_event_id)) {
            Ok(events) => ssekit::response(events),
            Err(refusal) => refusal.response(),
        },
    })
    .await;
    let add = |times: usize| {
        for _ in 0..times {
            let mut version = state.lock().unwrap();
            *version += 1;
            service.publish([&json!({ "version": *version, "add": 1 }).to_string()]);
        }
    };
    add(4);
    tab.open(&service.url()).await;
    tab.run(&recipe("resuming.md", "A snapshot from elsewhere")).await;
    tab.wait_for("log.at(-1) === 4").await;
    add(1);
    tab.wait_for("log.at(-1) === 5").await;

    service.cut();
    add(2);
    tab.wait_for("log.at(-1) === 7").await;
    service.cut();
    add(4);
    tab.wait_for("log.at(-1) === 11").await;
    add(1);
    tab.wait_for("log.at(-1) === 12").await;

    assert_eq!(tab.eval("return log").await, json!([4, 5, 6, 7, 11, 12]));
    assert_eq!(service.hub().stats().gaps, 1);
}

fn hub(events: usize) -> Hub {
    Hub::builder(Bounds::events(events)).retry(Duration::from_millis(50)).build()
}

fn publish_order(hub: &Hub, data: &'static str) {
    hub.publish("news", Event::new(data).with_type(EventType::from_static("order"))).unwrap();
}

/// Long enough for a machine under load: the page gives up after two and a half of them.
const BEAT: Duration = Duration::from_secs(1);
/// Longer than any browser waits before it comes back, in milliseconds.
const LONG_AFTER_RETRY: u32 = 1500;
