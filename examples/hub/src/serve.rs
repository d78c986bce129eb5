//! Connections: bounded buffers, a limit on stalled readers, and an end in bounded time.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use axum::Router;
use ssekit::{hub::Close, serve::Server};
use tokio::net::{TcpListener, TcpSocket};

use crate::source::Source;

/// Listens for connections, each with a bounded send buffer.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let any = SocketAddr::new(address.ip(), 0);
            format!("{address} is in use: choose another address with --listen, such as --listen {any} for any free port")
        }
        _ => format!("cannot listen on {address}: {error}"),
    })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
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
    // What takes longer than `patience` is cut; it can resume.
    let server = Server::new()
        .head_timeout(patience)
        .write_timeout(patience)
        .max_buffer_bytes(MAX_BUFFER)
        .drain(GRACE);
    let stop = async {
        stop.await;
        source.close(Close::new().retry(LEAST_RETRY, RETRY_SPREAD).deadline(DRAIN));
    };
    let drained = server.serve_until(listener, routes, stop).await;
    if drained.cut > 0 {
        eprintln!("{} connections did not end in time and were cut", drained.cut);
    }
}

/// hyper would take up to 400 KB a connection from a subscription whose reader has stalled. It bounds the head of a
/// request by the same number, so there is room for whatever a client may take for an event ID, and for the longest
/// URL, to be refused by what they are.
const MAX_BUFFER: usize = 128 * 1024;
/// The kernel would take up to 4 MB a connection from a subscription whose reader has stalled.
const SEND_BUFFER: u32 = 128 * 1024;
const BACKLOG: u32 = 4096;
const LEAST_RETRY: Duration = Duration::from_millis(500);
const RETRY_SPREAD: Duration = Duration::from_secs(4);
const DRAIN: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_secs(3);
