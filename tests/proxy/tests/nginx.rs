//! A stream passes through nginx, with its defaults, event by event, and stays for as long as keep-alives come.

#[path = "../../support/hub_process.rs"]
mod hub_process;

use std::{pin::pin, time::Duration};

use hub_process::HubProcess;
use ssekit::ReceivedEvent;
use ssekit_proxy_tests::{Block, Client, Nginx, PATIENCE};
use tokio::time::timeout;

#[tokio::test]
async fn each_event_comes_at_once_through_the_default_buffering() {
    let hub = HubProcess::start(&[]).await;
    let nginx = Nginx::start(hub.address(), "").await;
    let mut client = Client::subscribe(&nginx, "/events", "").await;
    assert_eq!(client.head().status, 200);
    assert_eq!(client.head().headers["content-type"], "text/event-stream");
    assert_eq!(client.head().headers["cache-control"], "no-cache, no-store, no-transform");

    assert_each_comes_before_the_next(&hub, &mut client).await;
    hub.stop().await;
}

#[tokio::test]
async fn each_event_comes_at_once_with_gzip_on() {
    let hub = HubProcess::start(&[]).await;
    let nginx = Nginx::start(hub.address(), "gzip on;").await;
    let mut client = Client::subscribe(&nginx, "/events", "").await;
    assert!(!client.head().headers.contains_key("content-encoding"));

    assert_each_comes_before_the_next(&hub, &mut client).await;
    hub.stop().await;
}

#[tokio::test]
async fn each_event_comes_at_once_when_event_streams_are_compressed() {
    let hub = HubProcess::start(&[]).await;
    let nginx = Nginx::start(hub.address(), "gzip on; gzip_types text/event-stream;").await;
    let mut client = Client::subscribe(&nginx, "/events", "").await;
    assert_eq!(client.head().headers["content-encoding"], "gzip");

    assert_each_comes_before_the_next(&hub, &mut client).await;
    hub.stop().await;
}

/// What the header is for, and that the tests above can fail.
#[tokio::test]
async fn events_are_held_back_where_the_header_is_not_heeded() {
    let hub = HubProcess::start(&[]).await;
    let nginx = Nginx::start(hub.address(), "").await;
    let mut client = pin!(Client::subscribe(&nginx, "/unheeding/events", ""));
    // Not even the headers come.
    assert!(timeout(HELD_BACK, &mut client).await.is_err(), "it came before the end of the stream");
    hub.stats_when(PATIENCE, |stats| stats.subscribers == 1).await;
    for data in ["1", "2", "3"] {
        hub.publish("/events", data).await;
    }
    assert!(timeout(HELD_BACK, &mut client).await.is_err(), "it came before the end of the stream");

    hub.finish("/events").await;
    let mut client = client.await;
    let mut data = Vec::new();
    while let Some(event) = client.event().await {
        data.push(event.data().to_owned());
    }
    assert_eq!(data, ["", "1", "2", "3"]);
    hub.stop().await;
}

#[tokio::test]
async fn keep_alives_keep_an_idle_stream_past_the_read_timeout() {
    let hub = HubProcess::start(&["--heartbeat", "1"]).await;
    let nginx = Nginx::start(hub.address(), READ_TIMEOUT).await;
    let mut client = Client::subscribe(&nginx, "/events", "").await;
    client.event().await.expect("its position");

    // One a second, so that more time passes than nginx has patience.
    for _ in 0..7 {
        assert_eq!(client.block().await, Some(Block::Comment));
    }
    let id = hub.publish("/events", "still here").await;
    let event = client.event().await.expect("nginx has cut the stream");
    assert_eq!((event.data(), event.last_event_id()), ("still here", &*id));
    hub.stop().await;
}

/// That the test above can fail, and that nothing is lost when it happens.
#[tokio::test]
async fn an_idle_stream_without_keep_alives_is_cut_and_resumes() {
    let hub = HubProcess::start(&["--heartbeat", "60"]).await;
    let nginx = Nginx::start(hub.address(), READ_TIMEOUT).await;
    let mut client = Client::subscribe(&nginx, "/events", "").await;
    let position = client.event().await.expect("its position");
    assert_eq!(client.block().await, None);

    hub.stats_when(PATIENCE, |stats| stats.subscribers == 0).await;
    let id = hub.publish("/events", "meanwhile").await;
    let mut client = Client::subscribe(&nginx, "/events", position.last_event_id()).await;
    client.event().await.expect("its position");
    let event = client.event().await.expect("what it missed");
    assert_eq!((event.data(), event.last_event_id()), ("meanwhile", &*id));
    hub.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_is_noticed_behind_nginx() {
    let hub = HubProcess::start(&[]).await;
    let nginx = Nginx::start(hub.address(), "").await;
    let mut client = Client::subscribe(&nginx, "/events", "").await;
    client.event().await.expect("its position");
    assert_eq!(hub.stats().await.subscribers, 1);

    drop(client);

    hub.stats_when(PATIENCE, |stats| stats.subscribers == 0).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_finished_topic_stops_a_client_behind_nginx() {
    let hub = HubProcess::start(&[]).await;
    let nginx = Nginx::start(hub.address(), "").await;
    let id = hub.publish("/events", "the last one").await;
    hub.finish("/events").await;

    let mut client = Client::subscribe(&nginx, "/events", &id).await;
    assert_eq!(client.head().status, 204);
    assert_eq!(client.block().await, None);
    hub.stop().await;
}

/// Publishes one event after the other, each only when the one before it has come.
#[tokio::test]
async fn nodes_restart_one_by_one_and_no_client_is_refused() {
    let (first, second) = (HubProcess::start(&[]).await, HubProcess::start(&[]).await);
    let nginx = Nginx::start_before(&[first.address(), second.address()], "").await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut client = Client::subscribe(&nginx, "/events", "").await;
        let position = client.event().await.expect("its position");
        clients.push((client, position.last_event_id().to_owned()));
    }
    assert_eq!((first.stats().await.subscribers, second.stats().await.subscribers), (5, 5));
    let address = first.address();
    first.stop().await;

    // Those of the first node come back, to whatever node nginx tries first.
    second.publish("/events", "to those of the second node").await;
    let mut moved = 0;
    for (mut client, id) in clients {
        let is_position = |event: &ReceivedEvent| event.event_type() == "position";
        let mut event = client.event().await;
        while event.as_ref().is_some_and(is_position) {
            event = client.event().await;
        }
        if event.is_some() {
            continue;
        }
        let mut client = Client::subscribe(&nginx, "/events", &id).await;
        assert_eq!(client.head().status, 200);
        assert_eq!(client.event().await.unwrap().event_type(), "reset", "this node has another epoch");
        moved += 1;
    }
    assert_eq!(moved, 5);
    let first = HubProcess::start_at(address, &[]).await;
    second.stop().await;
    assert_eq!(Client::subscribe(&nginx, "/events", "").await.head().status, 200);
    first.stop().await;
    // What it would be otherwise: a browser gives up for good.
    assert_eq!(Client::subscribe(&nginx, "/events", "").await.head().status, 502);
}

async fn assert_each_comes_before_the_next(hub: &HubProcess, client: &mut Client) {
    let position = client.event().await.expect("its position");
    assert_eq!(position.event_type(), "position");
    for number in 0..20 {
        let id = hub.publish("/events", number.to_string()).await;
        let event = client.event().await.expect("the stream ends");
        assert_eq!((event.data(), event.last_event_id()), (&*number.to_string(), &*id));
    }
}

const READ_TIMEOUT: &str = "proxy_read_timeout 5s;";
/// Time enough for an event that is passed on at once.
const HELD_BACK: Duration = Duration::from_secs(1);
