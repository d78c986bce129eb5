//! A TCP server whose test says byte for byte what it answers, and when it misbehaves.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The head of a response whose body ends with the connection.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

pub(crate) struct RawServer(TcpListener);

/// A connection on which a request's head has come.
pub(crate) struct Connection {
    stream: TcpStream,
    head: String,
}

impl RawServer {
    pub(crate) async fn bind() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) async fn accept(&self) -> Connection {
        let (mut stream, _) = self.0.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0, "closed before a request");
        }
        Connection { stream, head: String::from_utf8(head).unwrap() }
    }
}

impl Connection {
    /// Returns the value of a request's header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Sends bytes, unless the client has closed the connection.
    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(text.as_ref()).await
    }

    /// Waits until the client has closed the connection.
    pub(crate) async fn closed(&mut self) {
        // An end or a reset: either is a closed socket.
        while matches!(self.stream.read(&mut [0; 64]).await, Ok(1..)) {}
    }
}
