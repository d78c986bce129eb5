//! HTTP/1.1 and HTTP/2 are told apart, and no byte is lost by that.

use ssekit::serve::Server;

use crate::{
    app::Running,
    client::{Client, is_handed_over},
};

#[tokio::test]
async fn a_request_may_come_byte_by_byte() {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    client.io.set_nodelay(true).unwrap();
    for byte in b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n" {
        client.send([*byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(is_handed_over(&client.head().await));
}

#[tokio::test]
async fn a_request_that_begins_like_the_preface_is_one_of_http_1() {
    let running = Running::start(Server::new()).await;
    for (request, answer) in [
        ("PRIME /text HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK"),
        ("PRI * HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK"),
        ("P /events HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\rx", "HTTP/1.1 400"),
    ] {
        for split in [0, 1, 3, 10, request.len()] {
            let mut client = Client::connect(running.address).await;
            client.io.set_nodelay(true).unwrap();
            client.send(&request[..split.min(request.len())]).await;
            tokio::task::yield_now().await;
            client.send(&request[split.min(request.len())..]).await;
            let head = client.head().await;
            assert!(head.starts_with(answer), "{request} cut at {split}: {head}");
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_within_the_preface_is_let_go() {
    use tokio::io::AsyncWriteExt;
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    client.send("PRI * HT").await;
    client.io.shutdown().await.unwrap();
    client.rest().await;
    assert_eq!(running.stop().await.cut, 0);
}
