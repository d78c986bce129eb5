//! The `broadcast` example: a replay buffer beside a channel loses and repeats nothing, over real sockets.
#![cfg(all(feature = "http-body", feature = "tokio"))]

#[expect(dead_code, reason = "a program, of which only the routes are used here")]
#[path = "../../examples/broadcast.rs"]
mod broadcast;

use std::{hint, net::SocketAddr, sync::Arc, thread, time::Duration};

use crate::support::proxy::{Fault, Proxy};
use axum::serve::ListenerExt;
use broadcast::Feed;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::join_all};
use http::Request;
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use ssekit::{
    Bounds, Decoder, Event, EventSource, LastEventId,
    client::{Policy, Update},
    decode::Item,
    hub::Notice,
};
use tokio::{net::TcpListener, sync::watch};

const PUBLISHERS: usize = 4;
/// How many events each of them publishes, and how many at a time.
const EVENTS: usize = 1_000;
const BURST: usize = 10;
const CLIENTS: usize = 8;
/// So few that readers lag behind the channel.
const CHANNEL: usize = 64;
/// How far publishers may be ahead of the clients, so that a cut meets a stream under way.
const WINDOW: usize = 100;
/// How many events all clients together get from one fault to the next.
const FAULT_EVERY: usize = 40;

/// How many events all clients together have got.
type Received = Arc<watch::Sender<usize>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_client_gets_each_event_once_however_often_it_is_cut() {
    let (live, _) = tokio::sync::broadcast::channel(CHANNEL);
    let feed = Feed::new(Bounds::events(100_000), live);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Arc::new(Proxy::start(listener.local_addr().unwrap()).await);
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    tokio::spawn(axum::serve(listener, broadcast::router(feed.clone())).into_future());

    // All are there before the first event.
    let sources = join_all((0..CLIENTS).map(|_| open(proxy.address()))).await;
    let received = Received::default();
    let clients: Vec<_> = sources
        .into_iter()
        .map(|source| tokio::spawn(read(source, Arc::clone(&proxy), Arc::clone(&received))))
        .collect();
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|number| tokio::spawn(publish(feed.clone(), number, received.subscribe())))
        .collect();
    let mut published = Vec::new();
    for publisher in publishers {
        published.extend(publisher.await.unwrap());
    }
    // IDs end in a number that grows by one with each event.
    published.sort_by_key(|(id, _)| id.rsplit_once('-').unwrap().1.parse::<u64>().unwrap());
    for client in clients {
        let (events, reconnections) = client.await.unwrap();
        assert!(events == published, "an event is missing, double or out of order");
        assert!(reconnections > 0);
    }
    let faults = [Fault::Cut, Fault::Reset, Fault::CutInside].map(|fault| proxy.effects(fault));
    assert!(faults.iter().all(|&effects| effects > 0), "{faults:?}");
}

type Body = Empty<Bytes>;

/// Opens a stream, and waits until it has told its position.
async fn open(address: SocketAddr) -> EventSource<Body> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("http://{address}/orders")).body(Body::default()).unwrap();
    let policy = Policy::default()
        .with_reconnection_time_bounds(Duration::ZERO, Duration::ZERO)
        .with_backoff(Duration::ZERO, Duration::ZERO);
    let mut source = EventSource::new(move |request| client.request(request), request).policy(policy);
    loop {
        if let Update::Event(event) = source.next().await.unwrap().unwrap() {
            assert!(matches!(Notice::of(&event), Some(Notice::Position)), "{event:?}");
            return source;
        }
    }
}

/// Reads all events, as IDs and data, while connections are cut. Returns how often the client came back, too.
async fn read(
    mut source: EventSource<Body>,
    proxy: Arc<Proxy>,
    received: Received,
) -> (Vec<(String, String)>, usize) {
    let (mut events, mut reconnections) = (Vec::new(), 0);
    while events.len() < PUBLISHERS * EVENTS {
        match source.next().await.unwrap().unwrap() {
            Update::Event(event) => {
                assert_eq!(Notice::of(&event), None, "no client is new, and there is no gap");
                events.push((event.last_event_id().to_owned(), event.data().to_owned()));
                let mut count = 0;
                received.send_modify(|received| {
                    *received += 1;
                    count = *received;
                });
                if count % FAULT_EVERY == 0 {
                    let faults = [Fault::Cut, Fault::Reset, Fault::CutInside];
                    proxy.strike(count, faults[count / FAULT_EVERY % faults.len()]);
                }
            }
            Update::Reconnecting { .. } => reconnections += 1,
            _ => {}
        }
    }
    (events, reconnections)
}

/// Publishes in bursts while the clients keep up. Returns the IDs and the data.
async fn publish(
    feed: Feed,
    publisher: usize,
    mut received: watch::Receiver<usize>,
) -> Vec<(String, String)> {
    let mut published = Vec::new();
    while published.len() < EVENTS {
        // The others have published about as much.
        let due = (published.len() * PUBLISHERS).saturating_sub(WINDOW) * CLIENTS;
        received.wait_for(|&received| received >= due).await.unwrap();
        for _ in 0..BURST {
            let data = format!("{publisher} {}", published.len());
            let id = feed.publish(Event::new(data.clone())).unwrap();
            published.push((id.to_string(), data));
        }
    }
    published
}

/// Subscribes so often, while a thread publishes, that events fall between any two steps of it.
#[test]
fn a_stream_joins_what_was_missed_and_what_comes() {
    const EVENTS: u64 = 50_000;
    let feed = Feed::new(Bounds::events(100_000), tokio::sync::broadcast::channel(64).0);
    let number = |id: &str| id.rsplit_once('-').unwrap().1.parse::<u64>().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for data in 0..EVENTS {
                feed.publish(Event::new(data.to_string())).unwrap();
                // A lock that is never free is handed over by the kernel, which hides what happens without it.
                (0..data % 500).for_each(|_| hint::spin_loop());
            }
        });
        scope.spawn(|| {
            let mut last = feed.publish(Event::new("the first that it knows")).unwrap().to_string();
            while number(&last) < EVENTS {
                let mut stream = Box::pin(feed.subscribe(LastEventId::from_bytes(last.as_bytes())));
                let mut decoder = Decoder::new();
                // As many frames as are there, and no more than come in an instant.
                for frame in (0..4).map_while(|_| stream.next().now_or_never().flatten()) {
                    decoder.feed(&frame);
                    while let Some(Item::Event(event)) = decoder.next() {
                        assert_eq!(number(event.last_event_id()), number(&last) + 1);
                        last = event.last_event_id().to_owned();
                    }
                }
            }
        });
    });
}

#[test]
fn a_gap_is_told_before_any_event_and_the_next_id_leads_on() {
    let feed = || Feed::new(Bounds::events(2), tokio::sync::broadcast::channel(8).0);
    let (feed, elsewhere) = (feed(), feed());
    let ids = ["1", "2", "3", "4"].map(|data| feed.publish(Event::new(data)).unwrap());
    let foreign = elsewhere.publish(Event::new("1")).unwrap();
    let begins = |id: &str| {
        let mut stream = Box::pin(feed.subscribe(LastEventId::from_bytes(id.as_bytes())));
        let mut text = Vec::new();
        while let Some(Some(frame)) = stream.next().now_or_never() {
            text.extend(frame);
        }
        String::from_utf8(text).unwrap()
    };
    let held = format!("id: {}\ndata: 3\n\nid: {}\ndata: 4\n\n", ids[2], ids[3]);
    assert_eq!(begins(ids[3].as_str()), "");
    assert_eq!(begins(ids[1].as_str()), held);
    assert_eq!(begins(ids[0].as_str()), format!("event: reset\ndata: {{\"reason\": \"evicted\"}}\n\n{held}"));
    let unknown = format!("id: {}\nevent: reset\ndata: {{\"reason\": \"unknown\"}}\n\n", ids[3]);
    assert_eq!(begins(foreign.as_str()), unknown);
    assert_eq!(begins("\0"), unknown);
    assert_eq!(begins(""), format!("id: {}\nevent: position\ndata: \n\n", ids[3]));
}
