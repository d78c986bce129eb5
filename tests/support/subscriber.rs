//! A client of a hub that reads one stream at a time, with nothing between it and the socket but HTTP.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, response::Parts};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use ssekit::{Decoder, ReceivedEvent, decode::Item};
use tokio::{
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};

/// One stream, from its request on.
pub(crate) struct Subscriber {
    head: Parts,
    body: Incoming,
    decoder: Decoder,
    /// How many more bytes of the body are looked at.
    budget: usize,
    is_broken: bool,
    connection: JoinHandle<()>,
}

/// What a stream brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Event(ReceivedEvent),
    Retry(Duration),
    Comment,
}

impl Subscriber {
    /// Subscribes as a new client.
    pub(crate) async fn new(address: SocketAddr, path: &str) -> Self {
        Self::resume(address, path, "").await
    }

    /// Subscribes as a client that has seen an event last; none if it is empty.
    pub(crate) async fn resume(address: SocketAddr, path: &str, last_event_id: impl AsRef<[u8]>) -> Self {
        Self::open(TcpStream::connect(address).await.unwrap(), path, last_event_id.as_ref()).await.unwrap()
    }

    /// Subscribes over a socket.
    pub(crate) async fn open(socket: TcpStream, path: &str, last_event_id: &[u8]) -> hyper::Result<Self> {
        let (mut requests, connection) = handshake(TokioIo::new(socket)).await?;
        // How a connection ends is seen at its body.
        let connection = tokio::spawn(async { connection.await.unwrap_or_default() });
        let mut request = Request::get(path).header("host", "hub").header("accept", "text/event-stream");
        if !last_event_id.is_empty() {
            request = request.header("last-event-id", last_event_id);
        }
        let response = requests.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await?;
        let (head, body) = response.into_parts();
        let decoder = Decoder::new().with_last_event_id(String::from_utf8_lossy(last_event_id));
        Ok(Self { head, body, decoder, budget: usize::MAX, is_broken: false, connection })
    }

    /// Lets the stream end after so many more bytes, wherever that is.
    pub(crate) fn cut_after(&mut self, bytes: usize) {
        self.budget = bytes;
    }

    /// Returns whether it has ended because of that.
    pub(crate) fn is_cut(&self) -> bool {
        self.budget == 0
    }

    /// Returns whether the stream has ended otherwise than the server wanted.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    pub(crate) fn head(&self) -> &Parts {
        &self.head
    }

    pub(crate) fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// Reads the next block; `None` at the end, be it good or bad.
    pub(crate) async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some(item) = self.decoder.next() {
                return Some(match item {
                    Item::Event(event) => Block::Event(event.to_owned()),
                    Item::Retry(time) => Block::Retry(time),
                    Item::Comment(_) => Block::Comment,
                    Item::LimitExceeded(over) => panic!("{over}"),
                });
            }
            if self.budget == 0 {
                return None;
            }
            let frame = self.body.frame().await?;
            self.is_broken = frame.is_err();
            let mut chunk = frame.ok()?.into_data().ok()?;
            chunk.truncate(self.budget);
            self.budget -= chunk.len();
            self.decoder.feed(&chunk);
        }
    }

    /// Reads the next event, past comments and reconnection times.
    pub(crate) async fn event(&mut self) -> Option<ReceivedEvent> {
        let event = async {
            loop {
                if let Block::Event(event) = self.block().await? {
                    return Some(event);
                }
            }
        };
        timeout(PATIENCE, event).await.expect("no event comes, nor the end")
    }

    /// Reads up to the end, and returns the data of all events that were published.
    pub(crate) async fn rest(&mut self) -> Vec<String> {
        let mut data = Vec::new();
        while let Some(event) = self.event().await {
            if event.event_type() != "position" {
                data.push(event.data().to_owned());
            }
        }
        data
    }

    /// Reads the block that a stream begins with, which is its position.
    pub(crate) async fn position(&mut self) -> String {
        let event = self.event().await.expect("the stream ends");
        assert_eq!((event.event_type(), event.data()), ("position", ""));
        assert!(!event.last_event_id().is_empty());
        event.last_event_id().to_owned()
    }

    /// Reads the block that a stream begins with, which says that there is a gap.
    pub(crate) async fn reset(&mut self, reason: &str) -> String {
        let event = self.event().await.expect("the stream ends");
        assert_eq!(event.event_type(), "reset");
        assert_eq!(event.json::<serde_json::Value>().unwrap(), serde_json::json!({ "reason": reason }));
        assert!(!event.last_event_id().is_empty());
        event.last_event_id().to_owned()
    }
}

/// Connects a socket that takes little which is not read.
pub(crate) async fn small_socket(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    socket.connect(address).await.unwrap()
}

impl Drop for Subscriber {
    /// Closes the socket at once.
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// A test fails rather than to hang for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
