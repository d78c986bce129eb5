use std::{convert::Infallible, future, future::Future, io, pin::pin, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::sleep,
};

use crate::serve::{
    connection,
    latch::Latch,
    listener::Listener,
    options::Options,
    registry::{Drained, Registry},
    service::HttpService,
};

/// A server for HTTP/1.1 and HTTP/2 in which idle event streams take little memory. See the [module](super).
///
/// Set its options, then pass it a listener and a service ([`serve`](Self::serve),
/// [`serve_until`](Self::serve_until)), or single connections ([`spawn`](Self::spawn)). Dropping the server,
/// or a future that owns it, cuts all its connections.
///
/// # Examples
///
/// An axum `Router`, with a hub that closes when the process is interrupted:
///
/// ```no_run
/// use std::time::Duration;
///
/// use axum::{Router, extract::State, http::HeaderMap, response::Response, routing::get};
/// use ssekit::{Bounds, Hub, Subscribe, hub::Close, serve::Server};
///
/// async fn events(State(hub): State<Hub>, headers: HeaderMap) -> http::Response<ssekit::Body> {
///     match hub.subscribe(Subscribe::to("orders").after(ssekit::last_event_id(&headers, None))) {
///         Ok(events) => ssekit::response(events.keep_alive(Duration::from_secs(15))),
///         Err(refusal) => refusal.response(),
///     }
/// }
///
/// # async fn run() -> std::io::Result<()> {
/// let hub = Hub::new(Bounds::events(10_000));
/// let app = Router::new().route("/orders", get(events)).with_state(hub.clone());
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// let stop = async move {
///     let _ = tokio::signal::ctrl_c().await;
///     hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(5)));
/// };
/// let drained = Server::new().serve_until(listener, app, stop).await;
/// println!("{} connections were cut", drained.cut);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
#[must_use = "a server does nothing before it is given connections"]
pub struct Server {
    options: Options,
    registry: Arc<Registry>,
}

impl Server {
    /// Creates a server with the default options, which its methods state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the maximum number of connections (default: 100,000; at least one).
    ///
    /// Further clients wait in the listener's queue.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.options.max_connections = connections;
        self
    }

    /// Sets how long a client may take for a handshake and the first bytes, and then for the head of each
    /// request (default: 30 s).
    ///
    /// It also limits the silence between two requests over HTTP/1.1. Over HTTP/2 it limits the time until
    /// the first request, and is the interval at which the server sends pings.
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.options.head_timeout = timeout;
        self
    }

    /// Sets how long a client may accept no bytes while there are bytes to write to it (default: 30 s).
    ///
    /// Each byte that the client accepts restarts the time. A client that is cut can resume. Over HTTP/2 this
    /// applies to the connection: a stream that stalls while others are read is not cut.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.options.write_timeout = timeout;
        self
    }

    /// Sets the size of hyper's buffers for a connection, in bytes (default: 128 KiB; at least 8 KiB).
    ///
    /// It also bounds the head of a request.
    pub fn max_buffer_bytes(mut self, bytes: usize) -> Self {
        self.options.max_buffer_bytes = bytes;
        self
    }

    /// Sets how long connections may take to end when the server shuts down (default: 5 s).
    ///
    /// After that they are cut. Streams that were [handed over](super#the-hand-over) write frames that they
    /// have already yielded for at most one more second.
    pub fn drain(mut self, time: Duration) -> Self {
        self.options.drain = time;
        self
    }

    /// Sets whether an HTTP/1.1 client that has shut down its sending half can still receive (default: no).
    ///
    /// Most such clients have gone. If you allow it, the server notices the end of such a client only when it
    /// writes to it.
    pub fn half_close(mut self, allowed: bool) -> Self {
        self.options.half_close = allowed;
        self
    }

    /// Sets whether event streams are [handed over](super#the-hand-over) (default) or stay with hyper.
    pub fn hand_over(mut self, enabled: bool) -> Self {
        self.options.hand_over = enabled;
        self
    }

    /// Serves the connections of a listener. Never returns.
    pub async fn serve<L, S, K>(self, listener: L, service: S) -> Infallible
    where
        L: Listener,
        S: HttpService<K>,
        K: 'static,
    {
        let mut listener = listener;
        self.accept(&mut listener, service).await
    }

    /// Serves the connections of a listener until `stop` is ready, then shuts down.
    ///
    /// Close your hub at the end of `stop`, as the [example](Self#examples) does, so that its streams end
    /// cleanly. The listener is then dropped, and [`shut_down`](Self::shut_down) is called.
    pub async fn serve_until<L, S, K>(
        self,
        listener: L,
        service: S,
        stop: impl Future<Output = ()>,
    ) -> Drained
    where
        L: Listener,
        S: HttpService<K>,
        K: 'static,
    {
        let mut listener = listener;
        {
            let (mut accept, mut stop) = (pin!(self.accept(&mut listener, service)), pin!(stop));
            future::poll_fn(|cx| {
                let _: std::task::Poll<Infallible> = accept.as_mut().poll(cx);
                stop.as_mut().poll(cx)
            })
            .await;
        }
        drop(listener);
        self.shut_down().await
    }

    /// Serves one connection in a new task.
    ///
    /// Waits first until there is room for the connection. Set `TCP_NODELAY` yourself. Call it in a tokio
    /// runtime with time enabled.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use hyper::{Request, body::Incoming, service::service_fn};
    /// use ssekit::serve::Server;
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = Server::new();
    /// let (mut client, stream) = tokio::io::duplex(1024);
    /// let service = service_fn(|_: Request<Incoming>| async {
    ///     Ok::<_, Infallible>(ssekit::response(futures_util::stream::iter([ssekit::Event::new("a")])))
    /// });
    /// server.spawn(stream, service).await;
    ///
    /// client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    /// let mut response = String::new();
    /// client.read_to_string(&mut response).await?;
    /// assert!(response.ends_with("\r\n\r\n9\r\ndata: a\n\n\r\n0\r\n\r\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn spawn<Io, S, K>(&self, stream: Io, service: S)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: HttpService<K>,
        K: 'static,
    {
        let permit = self.registry.enter(&self.options).await;
        tokio::spawn(connection::serve(future::ready(Ok(stream)), service, self.options, permit));
    }

    /// Ends all connections in bounded time.
    ///
    /// Connections without a request end at once, others after their present answer. Those that have not
    /// ended within the [time to drain](Self::drain) are cut, which takes at most two more seconds.
    pub async fn shut_down(self) -> Drained {
        self.registry.shut_down(self.options.drain).await
    }

    async fn accept<S, K>(&self, listener: &mut impl Listener, service: S) -> Infallible
    where
        S: HttpService<K>,
        K: 'static,
    {
        loop {
            let permit = self.registry.enter(&self.options).await;
            let handshake = loop {
                match listener.accept().await {
                    Ok(handshake) => break handshake,
                    Err(error) if concerns_one_connection(&error) => {}
                    // Out of file descriptors or memory. A connection may end meanwhile.
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                }
            };
            tokio::spawn(connection::serve(handshake, service.clone(), self.options, permit));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Registry { draining, cut, .. } = &*self.registry;
        [draining, cut].into_iter().for_each(Latch::set);
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
