//! HTTP/2 on the same port.

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use ssekit::serve::Server;
use tokio::net::TcpStream;

use crate::{app::Running, client::patiently};

async fn connect(running: &Running) -> http2::SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(running.address).await.unwrap();
    let (client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://a{path}")).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn many_streams_share_a_connection() {
    let running = Running::start(Server::new()).await;
    let mut client = connect(&running).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let response = patiently(client.send_request(get("/events"))).await.unwrap();
        assert_eq!((response.version(), response.status().as_u16()), (Version::HTTP_2, 200));
        streams.push((running.scripts.next().await, response.into_body()));
    }
    for (at, (script, body)) in streams.iter_mut().enumerate() {
        script.send(format!("data: {at}\n\n"));
        let frame = patiently(body.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), format!("data: {at}\n\n"));
    }
    for (mut script, body) in streams {
        script.end();
        assert_eq!(patiently(body.collect()).await.unwrap().to_bytes(), "");
    }
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_streams() {
    let running = Running::start(Server::new()).await;
    let mut client = connect(&running).await;
    let response = patiently(client.send_request(get("/events"))).await.unwrap();
    let mut script = running.scripts.next().await;
    drop(response);
    patiently(script.dropped()).await;
}

#[tokio::test]
async fn shutting_down_lets_streams_end() {
    let running = Running::start(Server::new()).await;
    let mut client = connect(&running).await;
    let response = patiently(client.send_request(get("/events"))).await.unwrap();
    let mut script = running.scripts.next().await;
    let stopped = tokio::spawn(running.stop());
    script.send("data: a\n\n");
    script.end();
    assert_eq!(patiently(response.into_body().collect()).await.unwrap().to_bytes(), "data: a\n\n");
    assert_eq!(patiently(stopped).await.unwrap().cut, 0);
}
