//! Event streams over TLS, handed over as without it.

use std::{io, sync::Arc, time::Duration};

use axum::{Router, http::Response, routing::get};
use bytes::Bytes;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use ssekit::{
    Body, Bounds, Hub,
    hub::Close,
    serve::{Drained, Listener, Server},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_rustls::{
    Accept, TlsAcceptor, TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        pki_types::{PrivateKeyDer, ServerName},
    },
    server,
};

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Stream = server::TlsStream<TcpStream>;
    type Handshake = Accept<TcpStream>;

    async fn accept(&mut self) -> io::Result<Accept<TcpStream>> {
        let (stream, _) = self.listener.accept().await?;
        Ok(self.acceptor.accept(stream))
    }
}

/// A server, and what connects to it.
struct Running {
    address: std::net::SocketAddr,
    connector: TlsConnector,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Drained>,
}

impl Running {
    async fn start(service: Router, protocols: &[&[u8]]) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let mut client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        client.alpn_protocols = config.alpn_protocols.clone();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let tls = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
        let server = tokio::spawn(Server::new().serve_until(tls, service, async {
            let _ = stopped.await;
        }));
        Self { address, connector: TlsConnector::from(Arc::new(client)), stop, server }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let socket = TcpStream::connect(self.address).await.unwrap();
        self.connector.connect(ServerName::try_from("localhost").unwrap(), socket).await.unwrap()
    }

    /// Asks for the stream.
    async fn ask(&self) -> TlsStream<TcpStream> {
        let mut stream = self.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        stream
    }
}

fn router(hub: &Hub) -> Router {
    let hub = hub.clone();
    Router::new().route(
        "/",
        get(move || async move {
            hub.subscribe("orders").map(ssekit::response).unwrap_or_else(|refusal| refusal.response())
        }),
    )
}

/// Reads until a text has come.
async fn read_until(stream: &mut TlsStream<TcpStream>, seen: &mut Vec<u8>, text: &str) {
    while !String::from_utf8_lossy(seen).contains(text) {
        assert!(stream.read_buf(seen).await.unwrap() > 0, "it ends: {}", String::from_utf8_lossy(seen));
    }
}

#[tokio::test]
async fn an_orderly_end_arrives_whole_and_with_the_end_of_tls() {
    let hub = Hub::new(Bounds::events(1_000));
    let running = Running::start(router(&hub), &[]).await;
    let mut stream = running.ask().await;
    let mut seen = Vec::new();
    read_until(&mut stream, &mut seen, "event: position").await;
    assert!(seen.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let head = String::from_utf8_lossy(&seen).to_ascii_lowercase();
    assert!(head.contains("\r\nconnection: close\r\n"), "it was handed over: {head}");
    let text = "two coffees ".repeat(2_000);
    for _ in 0..40 {
        hub.publish("orders", text.clone()).unwrap();
    }
    hub.close(Close::new());
    // Without its close_notify, rustls takes the end of a connection for a cut.
    stream.read_to_end(&mut seen).await.unwrap();
    let seen = String::from_utf8(seen).unwrap();
    assert_eq!(seen.matches("data: two coffees").count(), 40);
    assert!(seen.ends_with("\r\n0\r\n\r\n"), "{:?}", &seen[seen.len() - 20..]);
    running.stop.send(()).unwrap();
    assert_eq!(running.server.await.unwrap().cut, 0);
}

#[tokio::test]
async fn a_stream_that_fails_sends_what_it_had_and_is_cut() {
    let service = Router::new().route(
        "/",
        get(|| async {
            let (sender, mut receiver) = mpsc::unbounded_channel::<Result<Bytes, io::Error>>();
            sender.send(Ok("data: the last\n\n".into())).unwrap();
            sender.send(Err(io::Error::other("the source fails"))).unwrap();
            let events = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
            let response: Response<Body> = ssekit::response(events);
            response
        }),
    );
    let running = Running::start(service, &[]).await;
    let mut stream = running.ask().await;
    let mut seen = Vec::new();
    read_until(&mut stream, &mut seen, "the last").await;
    let end = stream.read_to_end(&mut seen).await;
    let seen = String::from_utf8(seen).unwrap();
    assert!(!seen.ends_with("0\r\n\r\n"), "the end of an orderly stream");
    assert!(end.is_err() || !seen.contains("\r\n0\r\n"), "{end:?}");
}

#[tokio::test]
async fn a_client_that_goes_is_noticed_at_once() {
    let hub = Hub::new(Bounds::events(10));
    let running = Running::start(router(&hub), &[]).await;
    let mut stream = running.ask().await;
    read_until(&mut stream, &mut Vec::new(), "event: position").await;
    let topic = hub.topic("orders");
    assert_eq!(topic.subscribers(), 1);
    drop(stream);
    tokio::time::timeout(Duration::from_secs(20), topic.wait_unsubscribed()).await.expect("it is noticed");
}

#[tokio::test]
async fn http_2_is_told_apart_behind_the_handshake() {
    let hub = Hub::new(Bounds::events(10));
    let running = Running::start(router(&hub), &[b"h2"]).await;
    let io = hyper_util::rt::TokioIo::new(running.connect().await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut send, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let request =
        http::Request::get("https://localhost/").body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let response = send.send_request(request).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
    let mut events = ssekit::EventStream::from(response);
    hub.publish("orders", "two coffees").unwrap();
    let mut data = Vec::new();
    while !data.contains(&"two coffees".to_owned()) {
        data.push(events.next().await.unwrap().unwrap().data().to_owned());
    }
}
