//! A client that reads a stream through nginx.

use std::{collections::VecDeque, io::Write};

use bytes::Bytes;
use flate2::write::GzDecoder;
use http::{Request, header, response::Parts};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use ssekit::{Decoder, ReceivedEvent, decode::Item};
use tokio::{task::JoinHandle, time::timeout};

use crate::{Nginx, PATIENCE};

/// One stream. Dropping it closes the connection.
#[derive(Debug)]
pub struct Client {
    head: Parts,
    body: Incoming,
    gunzip: Option<GzDecoder<Vec<u8>>>,
    decoder: Decoder,
    blocks: VecDeque<Block>,
    connection: JoinHandle<()>,
}

/// What comes in a stream, reconnection times left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// An event.
    Event(ReceivedEvent),
    /// A comment, such as a keep-alive.
    Comment,
}

impl Client {
    /// Subscribes through nginx, as a client that can read gzip. A new client has an empty last event ID.
    pub async fn subscribe(nginx: &Nginx, path: &str, last_event_id: &str) -> Self {
        let socket = nginx.connect().await.unwrap();
        let (mut requests, connection) = handshake(TokioIo::new(socket)).await.unwrap();
        let connection = tokio::spawn(async { connection.await.unwrap_or_default() });
        let mut request = Request::get(path)
            .header(header::HOST, "hub")
            .header(header::ACCEPT, "text/event-stream")
            .header(header::ACCEPT_ENCODING, "gzip");
        if !last_event_id.is_empty() {
            request = request.header("last-event-id", last_event_id);
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let answer = timeout(PATIENCE, requests.send_request(request)).await.expect("no answer comes");
        let (head, body) = answer.unwrap().into_parts();
        let is_gzip = head.headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip");
        let gunzip = is_gzip.then(|| GzDecoder::new(Vec::new()));
        Self { head, body, gunzip, decoder: Decoder::new(), blocks: VecDeque::new(), connection }
    }

    /// Returns the status and headers of the answer.
    pub fn head(&self) -> &Parts {
        &self.head
    }

    /// Reads the next block; `None` at the end, be it good or bad.
    pub async fn block(&mut self) -> Option<Block> {
        while self.blocks.is_empty() {
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("nothing comes, nor an end");
            let mut chunk = frame?.ok()?.into_data().ok()?;
            if let Some(gunzip) = &mut self.gunzip {
                gunzip.write_all(&chunk).unwrap();
                gunzip.flush().unwrap();
                chunk = std::mem::take(gunzip.get_mut()).into();
            }
            self.decoder.feed(&chunk);
            while let Some(item) = self.decoder.next() {
                match item {
                    Item::Event(event) => self.blocks.push_back(Block::Event(event.to_owned())),
                    Item::Comment(_) => self.blocks.push_back(Block::Comment),
                    Item::Retry(_) => {}
                    Item::LimitExceeded(limit) => panic!("{limit}"),
                }
            }
        }
        self.blocks.pop_front()
    }

    /// Reads the next event, past comments.
    pub async fn event(&mut self) -> Option<ReceivedEvent> {
        loop {
            if let Block::Event(event) = self.block().await? {
                return Some(event);
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
