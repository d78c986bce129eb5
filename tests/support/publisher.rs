//! Publishing in bulk: many requests in one write, and then their answers.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{io, net::SocketAddr};

use bytes::{Buf, BytesMut};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A connection that publishes events to a hub.
pub(crate) struct Publisher {
    socket: TcpStream,
    received: BytesMut,
}

impl Publisher {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap()
    }

    pub(crate) async fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, received: BytesMut::new() })
    }

    /// Publishes an event for each path and data, and returns their IDs.
    pub(crate) async fn publish<P: AsRef<str>, D: AsRef<str>>(&mut self, events: &[(P, D)]) -> Vec<String> {
        let mut ids = Vec::with_capacity(events.len());
        self.try_publish(events, &mut ids).await.unwrap();
        ids
    }

    /// Publishes an event for each path and data, and adds the IDs of those that were answered for.
    pub(crate) async fn try_publish<P: AsRef<str>, D: AsRef<str>>(
        &mut self,
        events: &[(P, D)],
        ids: &mut Vec<String>,
    ) -> io::Result<()> {
        let mut requests = String::new();
        for (path, data) in events {
            let (path, data) = (path.as_ref(), data.as_ref());
            let length = data.len();
            requests +=
                &format!("POST {path} HTTP/1.1\r\nhost: hub\r\ncontent-length: {length}\r\n\r\n{data}");
        }
        self.socket.write_all(requests.as_bytes()).await?;
        for _ in events {
            ids.push(self.answer().await?);
        }
        Ok(())
    }

    /// Reads an answer, which is to be a 201 of known length with an ID.
    async fn answer(&mut self) -> io::Result<String> {
        #[derive(Deserialize)]
        struct Created {
            id: String,
        }
        loop {
            let end = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if let Some(end) = end.map(|end| end + 4) {
                let head = std::str::from_utf8(&self.received[..end]).unwrap();
                if !head.starts_with("HTTP/1.1 201 ") {
                    return Err(io::Error::other(head.to_owned()));
                }
                let mut headers = head.lines().filter_map(|line| line.split_once(": "));
                let length = headers.find_map(|(name, value)| (name == "content-length").then_some(value));
                let length: usize = length.unwrap().parse().unwrap();
                if let Some(body) = self.received.get(end..end + length) {
                    let created: Created = serde_json::from_slice(body).unwrap();
                    self.received.advance(end + length);
                    return Ok(created.id);
                }
            }
            if self.socket.read_buf(&mut self.received).await? == 0 {
                return Err(io::Error::other("the hub is gone"));
            }
        }
    }
}
