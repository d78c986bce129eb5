//! The server ends in bounded time, and tells how.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, http::HeaderMap, routing::get};
use http::Response;
use ssekit::{Bounds, Event, Hub, Subscribe, hub::Close, serve::Server};
use tokio::{io::duplex, net::TcpListener, sync::Notify, time::Instant};

use crate::{
    app::{App, Running},
    client::{Client, is_handed_over, patiently},
};

async fn events(State(hub): State<Hub>, headers: HeaderMap) -> Response<ssekit::Body> {
    match hub.subscribe(Subscribe::to(["orders"]).after(ssekit::last_event_id(&headers, None))) {
        Ok(events) => ssekit::response(events),
        Err(refusal) => refusal.response(),
    }
}

#[tokio::test]
async fn a_router_is_served_and_a_hub_that_closes_ends_its_streams_in_order() {
    let hub = Hub::new(Bounds::events(100));
    let app = Router::new().route("/orders", get(events)).with_state(hub.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Arc::new(Notify::new());
    let (stopped, closing) = (Arc::clone(&stop), hub.clone());
    let server = tokio::spawn(Server::new().serve_until(listener, app, async move {
        stopped.notified().await;
        closing.close(Close::new().last_event(Event::new("bye")));
    }));

    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut client = Client::connect(address).await;
        client.get("/orders").await;
        assert!(is_handed_over(&client.head().await));
        clients.push(client);
    }
    hub.publish("orders", Event::new("tea")).unwrap();
    for client in &mut clients {
        client.until("data: tea\n\n\r\n").await;
    }
    let mut idle = Client::connect(address).await;
    idle.get("/nothing").await;
    idle.head().await;
    let mut silent = Client::connect(address).await;
    stop.notify_one();
    for mut client in clients {
        let rest = client.orderly_rest().await;
        assert!(rest.ends_with("data: bye\n\n\r\n0\r\n\r\n"), "{rest}");
    }
    assert_eq!(idle.rest().await, b"");
    assert_eq!(silent.rest().await, b"");
    assert_eq!(patiently(server).await.unwrap().cut, 0);
}

#[tokio::test]
async fn streams_that_do_not_end_are_cut_after_what_they_yielded() {
    for hand_over in [true, false] {
        let running =
            Running::start(Server::new().hand_over(hand_over).drain(Duration::from_millis(50))).await;
        let mut client = Client::connect(running.address).await;
        client.get("/events").await;
        client.head().await;
        let mut script = running.scripts.next().await;
        script.send("data: a\n\n");
        client.until("\n\n\r\n").await;
        let stopped = patiently(running.stop()).await;
        assert_eq!(stopped.cut, 1);
        assert_eq!(client.rest().await, b"", "no end that could be taken for an orderly one");
        patiently(script.dropped()).await;
    }
}

/// When the time is over, a client that takes its bytes gets what was yielded, and one that does not is left.
#[tokio::test(start_paused = true)]
async fn a_stalled_client_is_given_a_second_more() {
    const DRAIN: Duration = Duration::from_secs(5);
    for reads in [true, false] {
        let (app, server) = (App::new(), Server::new().drain(DRAIN));
        let (stream, io) = duplex(16);
        server.spawn(io, app.clone()).await;
        let mut client = Client::new(stream);
        client.get("/events").await;
        client.head().await;
        let mut script = app.scripts.next().await;
        script.send("data: a\n\n".repeat(100));
        // It is half way out.
        client.until("data").await;
        let start = Instant::now();
        let stopped = tokio::spawn(server.shut_down());
        script.dropped().await;
        assert_eq!(start.elapsed().as_secs(), DRAIN.as_secs());
        if reads {
            let rest = String::from_utf8(client.rest().await).unwrap();
            assert_eq!(rest.len(), 900 - "data".len() + "\r\n".len());
            assert_eq!(start.elapsed().as_secs(), DRAIN.as_secs());
        }
        assert_eq!(stopped.await.unwrap().cut, 1);
        assert_eq!(start.elapsed().as_secs(), DRAIN.as_secs() + u64::from(!reads));
    }
}

#[tokio::test]
async fn a_server_that_is_dropped_cuts_its_connections() {
    let (app, server) = (App::new(), Server::new());
    let (stream, io) = duplex(1024);
    server.spawn(io, app.clone()).await;
    let mut client = Client::new(stream);
    client.get("/events").await;
    client.head().await;
    let mut script = app.scripts.next().await;
    drop(server);
    patiently(script.dropped()).await;
    assert_eq!(client.rest().await, b"");
}

/// The places of a bounded server are given back, also by many connections that end at once.
#[tokio::test]
async fn those_who_wait_for_a_place_all_get_one() {
    let (app, server) = (App::new(), Arc::new(Server::new().max_connections(3)));
    let mut waiting = Vec::new();
    for _ in 0..30 {
        let (app, server) = (app.clone(), Arc::clone(&server));
        waiting.push(tokio::spawn(async move {
            let (stream, io) = duplex(1024);
            server.spawn(io, app).await;
            let mut client = Client::new(stream);
            client.send("GET /text HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
            assert!(client.orderly_rest().await.ends_with("text"));
        }));
    }
    for client in waiting {
        patiently(client).await.unwrap();
    }
}
