//! Clients behind a proxy that cuts and stalls their connections get every event, once.
#![cfg(all(feature = "http-body", feature = "tokio"))]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::support::proxy::{Fault, Proxy};
use crate::support::raw_connection::{Connection, OK};
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
    net::{TcpListener, TcpStream},
    sync::watch,
};

const CLIENTS: usize = 6;
const EVENTS: usize = 600;
/// How far the server may be ahead of the slowest client, so that a cut meets a stream under way.
const WINDOW: usize = 50;
/// How many events a client gets from one fault to the next.
const FAULT_EVERY: usize = 40;

/// What the slowest client has, and how far the server may therefore go.
struct Progress {
    received: Mutex<[usize; CLIENTS]>,
    published: watch::Sender<usize>,
    faults: AtomicUsize,
}

#[tokio::test]
async fn every_event_comes_exactly_once() {
    let progress = Arc::new(Progress {
        received: Mutex::new([0; CLIENTS]),
        published: watch::channel(WINDOW).0,
        faults: AtomicUsize::new(0),
    });
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(server.local_addr().unwrap()).await;
    let published = progress.published.subscribe();
    let accept = tokio::spawn(async move {
        loop {
            let (stream, _) = server.accept().await.unwrap();
            tokio::spawn(serve(stream, published.clone()));
        }
    });
    let reconnections = join_all((0..CLIENTS).map(|number| read(number, &proxy, &progress))).await;
    accept.abort();
    assert!(reconnections.iter().sum::<usize>() >= CLIENTS, "{reconnections:?}");
}

/// Sends the events after the client's last one, as far as they are published.
async fn serve(stream: TcpStream, mut published: watch::Receiver<usize>) {
    // A fault may come before the request.
    let Some(mut connection) = Connection::read(stream).await else { return };
    let mut sent = connection.header("last-event-id").map_or(0, |id| id.parse().unwrap());
    if connection.send(OK).await.is_err() {
        return;
    }
    loop {
        let limit = *published.borrow_and_update();
        while sent < limit {
            sent += 1;
            if connection.send(format!("id: {sent}\ndata: event {sent}\n\n")).await.is_err() {
                return;
            }
        }
        tokio::select! {
            changed = published.changed() => if changed.is_err() { return },
            () = connection.closed() => return,
        }
    }
}

/// Reads all the events, and lets a fault happen now and then. Returns how often the client came back.
async fn read(number: usize, proxy: &Proxy, progress: &Progress) -> usize {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("http://{}/", proxy.address())).body(Empty::<Bytes>::new()).unwrap();
    let policy = Policy::default()
        .with_reconnection_time(Duration::from_millis(1))
        .with_reconnection_time_bounds(Duration::from_millis(1), Duration::from_millis(1))
        .with_backoff(Duration::from_millis(1), Duration::from_millis(4))
        .with_connect_timeout(Some(Duration::from_millis(200)))
        .with_idle_timeout(Some(Duration::from_millis(50)));
    let mut source = EventSource::new(move |request| client.request(request), request).policy(policy);
    let (mut received, mut reconnections) = (0, 0);
    while received < EVENTS {
        match source.next().await.unwrap().unwrap() {
            Update::Event(event) => {
                received += 1;
                assert_eq!(event.data(), format!("event {received}"), "client {number}");
                progress.note(number, received);
                if received % FAULT_EVERY == 0 {
                    let fault = progress.faults.fetch_add(1, Ordering::Relaxed);
                    let kinds = [Fault::Cut, Fault::Reset, Fault::CutInside, Fault::Stall];
                    proxy.strike(fault * 7, kinds[fault % kinds.len()]);
                }
            }
            Update::Reconnecting { .. } => reconnections += 1,
            _ => {}
        }
    }
    reconnections
}

impl Progress {
    fn note(&self, number: usize, received: usize) {
        let mut all = self.received.lock().unwrap();
        all[number] = received;
        let limit = (all.iter().min().unwrap() + WINDOW).min(EVENTS);
        self.published.send_if_modified(|published| std::mem::replace(published, limit) != limit);
    }
}
