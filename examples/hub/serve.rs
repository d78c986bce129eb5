//! Connections: bounded buffers, a limit on stalled readers, and an end in bounded time.

use std::{future::Future, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use ssekit::{Hub, hub::Close};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;

/// Serves until `stop` is ready, then closes the hub and waits for its clients, but not for long.
pub(crate) async fn until(listener: TcpListener, routes: Router, hub: Hub, stop: impl Future<Output = ()>) {
    let connections = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => serve(socket, &routes, &connections),
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
    hub.close(Close::new().with_retry(LEAST_RETRY, RETRY_SPREAD).with_deadline(DRAIN));
    if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
        eprintln!("some connections did not end in time and are cut");
    }
}

fn serve(socket: TcpStream, routes: &Router, connections: &GracefulShutdown) {
    if let Err(error) = socket.set_nodelay(true) {
        eprintln!("nodelay: {error}");
    }
    let mut socket = TimeoutStream::new(socket);
    socket.set_write_timeout(Some(WRITE_TIMEOUT));
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).max_buf_size(MAX_BUFFER);
    server.http2().timer(TokioTimer::new()).max_send_buf_size(MAX_BUFFER);
    let service = TowerToHyperService::new(routes.clone());
    let connection = server.serve_connection(TokioIo::new(Box::pin(socket)), service).into_owned();
    tokio::spawn(connections.watch(connection));
}

/// hyper would take up to 400 KB a connection from a subscription whose reader has stalled.
const MAX_BUFFER: usize = 16 * 1024;
/// A reader that takes nothing for so long is cut; it can resume.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const LEAST_RETRY: Duration = Duration::from_millis(500);
const RETRY_SPREAD: Duration = Duration::from_secs(4);
const DRAIN: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_secs(4);
