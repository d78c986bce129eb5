//! Shutdown hangs.

use std::{future::IntoFuture, time::Duration};

use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use ssekit::{hub::Close, serve::Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::timeout,
};

use crate::{PATIENCE, SECOND, hub, router};

#[tokio::test]
async fn a_graceful_shutdown_waits_for_streams_until_the_hub_is_closed() {
    let hub = hub();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, router(&hub));
    let server = server.with_graceful_shutdown(async { stopped.await.unwrap() });
    let server = tokio::spawn(server.into_future());

    let client: Client<HttpConnector, Empty<bytes::Bytes>> =
        Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let request = Request::get(format!("http://{address}/")).body(Empty::new()).unwrap();
    let mut body = client.request(request).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();

    stop.send(()).unwrap();
    // The listener is gone, so the shutdown has begun.
    while TcpStream::connect(address).await.is_ok() {}
    hub.publish("orders", "still served").unwrap();
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(frame.ends_with(b"data: still served\n\n"));
    assert!(!server.is_finished());

    hub.close(Close::new().retry(SECOND, SECOND * 5));
    timeout(PATIENCE, async { while body.frame().await.is_some() {} }).await.expect("the stream goes on");
    timeout(PATIENCE, server).await.expect("the server goes on").unwrap().unwrap();
}

/// A reader that takes nothing does not see the end either.
#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_a_reader_that_stalls_until_it_is_cut() {
    for (drain, cut) in [(SECOND, 1), (SECOND * 3600, 0)] {
        let hub = hub();
        let server = Server::new().drain(drain).write_timeout(SECOND * 7200);
        let (mut stalled, io) = duplex(256);
        server.spawn(io, router(&hub)).await;
        stalled.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        while hub.stats().subscribers == 0 {
            tokio::task::yield_now().await;
        }
        hub.publish("orders", "x".repeat(1000)).unwrap();
        hub.close(Close::new());
        // Before the longer time is over, the client reads on, and takes the end.
        let reads_on = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(600)).await;
            let mut rest = Vec::new();
            let _ = stalled.read_to_end(&mut rest).await;
        });
        assert_eq!(server.shut_down().await.cut, cut);
        reads_on.abort();
    }
}
