//! A TCP server whose test says byte for byte what it answers, and when it misbehaves.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::raw_connection::Connection;

pub(crate) struct RawServer(TcpListener);

impl RawServer {
    pub(crate) async fn bind() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Accepts a connection and reads the request on it.
    pub(crate) async fn accept(&self) -> Connection {
        let (stream, _) = self.0.accept().await.unwrap();
        Connection::read(stream).await.expect("a connection without a request")
    }
}
