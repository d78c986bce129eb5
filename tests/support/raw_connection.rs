//! A server's side of one connection, byte for byte.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The head of a response whose body ends with the connection.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

/// A connection on which a request's head has come.
pub(crate) struct Connection {
    stream: TcpStream,
    head: String,
}

impl Connection {
    /// Reads the head of a request, and of a short body what comes with it. `None` if the connection ends before.
    pub(crate) async fn read(mut stream: TcpStream) -> Option<Self> {
        stream.set_nodelay(true).unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if stream.read_buf(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        Some(Self { stream, head: String::from_utf8(head).unwrap() })
    }

    /// Returns the method of the request.
    #[allow(dead_code, reason = "most tests send one kind of request")]
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap()
    }

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
