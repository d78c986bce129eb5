//! The client against the hub, through a proxy that cuts and stalls connections: every event comes, once.
//!
//! `SSEKIT_PROXY_SECONDS` sets for how long, 10 s by default.
#![cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]

use std::time::{Duration, Instant};

use crate::support::hub_process::HubProcess;
use crate::support::proxy::{Fault, Proxy};
use crate::support::publisher::Publisher;
use crate::support::random::Random;
use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use ssekit::{
    EventSource,
    client::{Policy, Update},
};
use tokio::{
    join,
    sync::watch,
    time::{sleep, timeout},
};

const CLIENTS: usize = 50;
/// Between two faults, each at one of the connections.
const PAUSE: Duration = Duration::from_millis(10);
/// From the last fault on, until every client must have every event.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn every_event_comes_exactly_once_through_cuts_and_stalls() {
    let seconds = std::env::var("SSEKIT_PROXY_SECONDS").map_or(10, |seconds| seconds.parse().unwrap());
    // A stall is told from a silence by the keep-alives.
    let hub = HubProcess::start(&["--replay-events", "1000000", "--heartbeat", "0.1"]).await;
    let proxy = Proxy::start(hub.address()).await;
    let duration = Duration::from_secs(seconds);
    let ends = Instant::now() + duration;
    let (subscribed, mut everyone) = watch::channel(0);
    let (published, total) = watch::channel(None);

    let clients = (0..CLIENTS).map(|number| read(number, &proxy, &subscribed, total.clone()));
    let publish = async {
        // A new client starts now, so the first event waits for the last of them.
        everyone.wait_for(|count| *count == CLIENTS).await.unwrap();
        let ids = publish_until(ends, &hub).await;
        published.send_replace(Some(ids.len()));
        ids
    };
    let faults = async {
        let mut random = Random::new(7);
        let mut faults = 0;
        while Instant::now() < ends {
            sleep(PAUSE).await;
            let fault = [Fault::Cut, Fault::Reset, Fault::CutInside, Fault::Stall][random.within(0..4)];
            faults += usize::from(proxy.strike(random.within(0..CLIENTS), fault));
        }
        faults
    };
    let all = async { join!(publish, faults, join_all(clients)) };
    let (ids, faults, clients) = timeout(duration + PATIENCE, all).await.expect("an event does not come");

    let mut reconnections = 0;
    for (number, client) in clients.iter().enumerate() {
        let firsts = client.ids.iter().zip(&ids).take_while(|(received, id)| received == id).count();
        assert_eq!((firsts, client.ids.len()), (ids.len(), ids.len()), "client {number}");
        reconnections += client.reconnections;
    }
    assert!(reconnections >= CLIENTS, "{reconnections} reconnections after {faults} faults");
    let stats = hub.stats().await;
    assert_eq!((stats.published, stats.gaps, stats.lagged), (ids.len() as u64, 0, 0), "{stats:?}");
    println!("{CLIENTS} clients, {} events, {faults} faults, {reconnections} reconnections", ids.len());
    drop(proxy);
    hub.stop().await;
}

struct Received {
    ids: Vec<String>,
    reconnections: usize,
}

/// Reads until it has as many events as were published.
async fn read(
    number: usize,
    proxy: &Proxy,
    subscribed: &watch::Sender<usize>,
    mut total: watch::Receiver<Option<usize>>,
) -> Received {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("http://{}/events?topic=a", proxy.address());
    let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
    let policy = Policy::default()
        .with_reconnection_time_bounds(Duration::from_millis(10), Duration::from_millis(10))
        .with_backoff(Duration::from_millis(10), Duration::from_millis(100))
        .with_connect_timeout(Some(Duration::from_secs(1)))
        .with_idle_timeout(Some(Duration::from_secs(1)));
    let mut source =
        EventSource::new(move |request| client.request(request), request).policy(policy).seed(number as u64);
    let mut received = Received { ids: Vec::new(), reconnections: 0 };
    let mut is_subscribed = false;
    loop {
        let update = tokio::select! {
            update = source.next() => update.expect("the client ends").expect("the client fails"),
            enough = total.wait_for(|total| *total == Some(received.ids.len())) => {
                enough.unwrap();
                return received;
            }
        };
        match update {
            Update::Event(event) if event.event_type() == "position" => {
                if !std::mem::replace(&mut is_subscribed, true) {
                    subscribed.send_modify(|count| *count += 1);
                }
            }
            Update::Event(event) => {
                assert_eq!(event.event_type(), "message", "client {number}: {event:?}");
                assert_eq!(event.data(), received.ids.len().to_string(), "client {number}");
                received.ids.push(event.last_event_id().to_owned());
            }
            Update::Reconnecting { .. } => received.reconnections += 1,
            Update::Opened(_) => {}
            other => panic!("client {number}: {other:?}"),
        }
    }
}

/// Publishes events that are numbered from 0, a few at a time, and returns their IDs.
async fn publish_until(ends: Instant, hub: &HubProcess) -> Vec<String> {
    let mut publisher = Publisher::connect(hub.address()).await;
    let mut random = Random::new(8);
    let mut ids = Vec::new();
    while Instant::now() < ends {
        let first = ids.len();
        let numbers = first..first + random.within(1..10);
        let events: Vec<_> = numbers.map(|number| ("/events?topic=a", number.to_string())).collect();
        ids.extend(publisher.publish(&events).await);
        sleep(Duration::from_millis(random.within(0..30) as u64)).await;
    }
    ids
}
