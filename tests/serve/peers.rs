//! A peer that goes is noticed at once, and everything that its stream held is freed.

use std::time::Duration;

use ssekit::serve::Server;
use tokio::{io::AsyncWriteExt, net::TcpSocket};

use crate::{
    app::Running,
    client::{Client, is_handed_over, patiently},
};

#[tokio::test]
async fn a_client_that_closes_is_noticed_without_a_write() {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    client.get("/events").await;
    client.head().await;
    let mut script = running.scripts.next().await;
    drop(client);
    patiently(script.dropped()).await;
}

#[tokio::test]
async fn a_reset_is_noticed_without_a_write() {
    let running = Running::start(Server::new()).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_zero_linger().unwrap();
    let mut client = Client::new(socket.connect(running.address).await.unwrap());
    client.get("/events").await;
    client.head().await;
    let mut script = running.scripts.next().await;
    drop(client);
    patiently(script.dropped()).await;
}

#[tokio::test]
async fn a_client_that_only_listens_has_gone_by_default() {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    client.get("/events").await;
    client.head().await;
    let mut script = running.scripts.next().await;
    client.io.shutdown().await.unwrap();
    patiently(script.dropped()).await;
}

#[tokio::test]
async fn a_client_that_only_listens_is_served_if_that_is_allowed() {
    let running = Running::start(Server::new().half_close(true)).await;
    let mut client = Client::connect(running.address).await;
    client.get("/events").await;
    client.io.shutdown().await.unwrap();
    assert!(is_handed_over(&client.head().await));
    let mut script = running.scripts.next().await;
    for _ in 0..3 {
        script.send("data: a\n\n");
        assert_eq!(client.until("\n\n\r\n").await, "9\r\ndata: a\n\n\r\n");
    }
    script.end();
    assert_eq!(client.orderly_rest().await, "0\r\n\r\n");
    assert_eq!(running.stop().await.cut, 0);
}

#[tokio::test]
async fn a_client_that_only_listens_and_then_leaves_is_noticed_at_a_write() {
    let running = Running::start(Server::new().half_close(true)).await;
    let mut client = Client::connect(running.address).await;
    client.get("/events").await;
    client.io.shutdown().await.unwrap();
    client.head().await;
    let mut script = running.scripts.next().await;
    drop(client);
    patiently(async {
        // The first write provokes the reset, a later one fails by it.
        while !script.is_dropped() {
            script.send("data: a\n\n");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_until_a_stream_ends() {
    let running = Running::start(Server::new().max_connections(2)).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(running.address).await;
        client.get("/events").await;
        client.head().await;
        clients.push((client, running.scripts.next().await));
    }
    // Its connection is in the listener's queue.
    let mut third = Client::connect(running.address).await;
    third.get("/events").await;
    // The streams that were handed over count, and go on.
    for (client, script) in &mut clients {
        script.send("data: a\n\n");
        client.until("\n\n\r\n").await;
    }
    let mut nothing = [0];
    assert!(third.io.try_read(&mut nothing).is_err(), "the third has no answer yet");
    clients.pop();
    assert!(is_handed_over(&third.head().await));
}
