use std::{
    future::{Future, Ready, ready},
    io,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

/// A source of connections for a [`Server`](super::Server).
///
/// It is implemented for tokio's `TcpListener`, which sets `TCP_NODELAY` on each connection, and on Unix for
/// `UnixListener`. Without `TCP_NODELAY` an event can wait 40 ms for the client to acknowledge the one before
/// it.
///
/// # Examples
///
/// TLS, with a type that stands for `tokio_rustls::TlsAcceptor`:
///
/// ```
/// use std::io;
///
/// use ssekit::serve::Listener;
/// use tokio::net::{TcpListener, TcpStream};
///
/// struct Tls {
///     listener: TcpListener,
///     acceptor: TlsAcceptor,
/// }
///
/// impl Listener for Tls {
///     type Stream = TlsStream;
///     type Handshake = Accept;
///
///     async fn accept(&mut self) -> io::Result<Accept> {
///         let (stream, _) = self.listener.accept().await?;
///         stream.set_nodelay(true)?;
///         Ok(self.acceptor.accept(stream))
///     }
/// }
/// # type TlsStream = TcpStream;
/// # type Accept = std::future::Ready<io::Result<TcpStream>>;
/// # struct TlsAcceptor;
/// # impl TlsAcceptor {
/// #     fn accept(&self, stream: TcpStream) -> Accept {
/// #         std::future::ready(Ok(stream))
/// #     }
/// # }
/// ```
pub trait Listener: Send {
    /// The type of a connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// A future that completes before the first byte of HTTP, such as a TLS handshake.
    ///
    /// It runs in the connection's task and within the [time for a head](super::Server::head_timeout), so a
    /// slow client delays no other.
    type Handshake: Future<Output = io::Result<Self::Stream>> + Send + 'static;

    /// Accepts the next connection.
    ///
    /// # Errors
    ///
    /// The server ignores errors that concern a single connection. After any other error, such as too many
    /// open files, it tries again 50 ms later.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Handshake>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;
    type Handshake = Ready<io::Result<TcpStream>>;

    async fn accept(&mut self) -> io::Result<Self::Handshake> {
        let (stream, _) = TcpListener::accept(self).await?;
        // This fails only if the connection has already ended.
        Ok(ready(stream.set_nodelay(true).map(|()| stream)))
    }
}

#[cfg(unix)]
impl Listener for tokio::net::UnixListener {
    type Stream = tokio::net::UnixStream;
    type Handshake = Ready<io::Result<Self::Stream>>;

    async fn accept(&mut self) -> io::Result<Self::Handshake> {
        let (stream, _) = tokio::net::UnixListener::accept(self).await?;
        Ok(ready(Ok(stream)))
    }
}
