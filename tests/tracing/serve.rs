use std::{convert::Infallible, time::Duration};

use futures_util::stream;
use http::Request;
use hyper::{body::Incoming, service::service_fn};
use ssekit::{Event, serve::Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::record::{begin, taken};

#[tokio::test(start_paused = true)]
async fn a_slow_reader_that_is_cut_is_reported() {
    for hand_over in [true, false] {
        begin();
        let server = Server::new().write_timeout(Duration::from_secs(7)).hand_over(hand_over);
        let (mut client, io) = duplex(16);
        let service = service_fn(async |_: Request<Incoming>| {
            let events = (0..10).map(|_| Event::new("more than the pipe holds"));
            Ok::<_, Infallible>(ssekit::response(stream::iter(events)))
        });
        server.spawn(io, service).await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        // The clock goes on while nobody reads.
        tokio::time::sleep(Duration::from_secs(8)).await;
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest).await;
        assert_eq!(
            taken(),
            ["INFO ssekit::serve: a slow reader was cut timeout=7s"],
            "hand over: {hand_over}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_only_waits_is_not_reported() {
    begin();
    let server = Server::new().write_timeout(Duration::from_secs(7));
    let (mut client, io) = duplex(4096);
    let service = service_fn(async |_: Request<Incoming>| {
        Ok::<_, Infallible>(ssekit::response(stream::iter([Event::new("a")])))
    });
    server.spawn(io, service).await;
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut received = Vec::new();
    client.read_to_end(&mut received).await.unwrap();
    assert!(received.ends_with(b"0\r\n\r\n"));
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(taken(), [""; 0]);
}
