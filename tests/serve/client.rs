//! The other end of a connection, byte by byte.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A client that says exactly what the test wants said.
pub(crate) struct Client<Io> {
    pub(crate) io: Io,
    received: Vec<u8>,
}

impl Client<TcpStream> {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Client<Io> {
    pub(crate) fn new(io: Io) -> Self {
        Self { io, received: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
    }

    /// Receives up to and including `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            let found = self.received.windows(end.len()).position(|part| part == end.as_bytes());
            if let Some(at) = found {
                let rest = self.received.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.received, rest)).unwrap();
            }
            let len = self.receive().await.unwrap();
            let received = String::from_utf8_lossy(&self.received);
            assert!(len > 0, "the connection ended before {end:?}, after {received:?}");
        }
    }

    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Receives until the connection ends, in whatever way.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while let Ok(1..) = self.receive().await {}
        std::mem::take(&mut self.received)
    }

    /// Receives until the connection ends in order, and fails if it is reset.
    pub(crate) async fn orderly_rest(&mut self) -> String {
        while self.receive().await.expect("the connection ends in order") > 0 {}
        String::from_utf8(std::mem::take(&mut self.received)).unwrap()
    }

    async fn receive(&mut self) -> io::Result<usize> {
        patiently(self.io.read_buf(&mut self.received)).await
    }
}

/// Waits for what must happen, but not for ever.
pub(crate) async fn patiently<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it happens in time")
}

/// Tells whether the head is that of a stream that was handed over. With hyper, HTTP/1.1 connections stay open.
pub(crate) fn is_handed_over(head: &str) -> bool {
    head.contains("connection: close\r\n")
}

const PATIENCE: Duration = Duration::from_secs(60);
