//! Connections: bounded buffers, a limit on stalled readers, and an end in bounded time.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::service::{Service, service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use ssekit::hub::Close;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Notify,
    time::timeout,
};
use tokio_io_timeout::TimeoutStream;

use crate::source::Source;

/// Listens for connections, each with a bounded send buffer.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop` is ready, then closes the source of events and waits for its clients, but not for long.
pub(crate) async fn until(
    listener: TcpListener,
    routes: Router,
    source: Source,
    patience: Duration,
    stop: impl Future<Output = ()>,
) {
    let connections = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => serve(socket, &routes, patience, &connections),
                // Out of file descriptors, or the client has gone: the next one may do better.
                Err(error) => {
                    eprintln!("accept: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    source.close(Close::new().with_retry(LEAST_RETRY, RETRY_SPREAD).with_deadline(DRAIN));
    if timeout(GRACE, connections.shutdown()).await.is_err() {
        eprintln!("some connections did not end in time and are cut");
    }
}

fn serve(socket: TcpStream, routes: &Router, patience: Duration, connections: &GracefulShutdown) {
    if let Err(error) = socket.set_nodelay(true) {
        eprintln!("nodelay: {error}");
    }
    let mut socket = TimeoutStream::new(socket);
    // A reader that takes nothing for so long is cut; it can resume.
    socket.set_write_timeout(Some(patience));
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(MAX_BUFFER);
    server.http2().timer(TokioTimer::new()).max_send_buf_size(MAX_BUFFER).max_header_list_size(MAX_HEADERS);
    let asked = Arc::new(Notify::new());
    let service = TowerToHyperService::new(routes.clone());
    let asking = Arc::clone(&asked);
    let service = service_fn(move |request| {
        asking.notify_one();
        service.call(request)
    });
    let connection = server.serve_connection(TokioIo::new(Box::pin(socket)), service).into_owned();
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        // hyper waits for ever for the bytes that tell HTTP/2 from HTTP/1, and for the first request over HTTP/2.
        let silence = async {
            if timeout(patience, asked.notified()).await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = connection => {}
            () = silence => {}
        }
    });
}

/// hyper would take up to 400 KB a connection from a subscription whose reader has stalled. It bounds the head of a
/// request by the same number, so there is room for whatever a client may take for an event ID, and for the longest
/// URL, to be refused by what they are.
const MAX_BUFFER: usize = 128 * 1024;
const MAX_HEADERS: u32 = 128 * 1024;
/// The kernel would take up to 4 MB a connection from a subscription whose reader has stalled.
const SEND_BUFFER: u32 = 128 * 1024;
const BACKLOG: u32 = 4096;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const LEAST_RETRY: Duration = Duration::from_millis(500);
const RETRY_SPREAD: Duration = Duration::from_secs(4);
const DRAIN: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_secs(3);
