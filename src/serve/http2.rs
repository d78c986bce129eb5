use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::serve::{
    options::{LEAST_BUFFER, LONGEST, Options},
    registry::Permit,
    service::{HandOver, HttpService, Interceptor},
    socket::Socket,
    stall::Stall,
};

/// Serves HTTP/2 until the connection ends.
pub(super) async fn serve<Io, S, K>(io: Io, read: Bytes, service: S, options: Options, permit: &Permit)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: HttpService<K>,
    K: 'static,
{
    let hand_over = HandOver::new(false);
    let socket = Socket::new(io, read, options.write_timeout);
    let service = Interceptor::new(service, Arc::clone(&hand_over));
    let mut connection = pin!(builder(&options).serve_connection(socket, service));
    let mut draining = pin!(permit.registry().draining.wait());
    let mut is_draining = false;
    // hyper sets no timeout for the first request.
    let mut silence = Stall::new(options.head_timeout);
    poll_fn(|cx| {
        if !is_draining && draining.as_mut().poll(cx).is_ready() {
            is_draining = true;
            connection.as_mut().graceful_shutdown();
        }
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if hand_over.has_request() {
            silence.progress();
            return Poll::Pending;
        }
        silence.poll_elapsed(cx)
    })
    .await;
}

fn builder(options: &Options) -> http2::Builder<TokioExecutor> {
    let buffer = u32::try_from(options.max_buffer_bytes.max(LEAST_BUFFER)).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_send_buf_size(buffer as usize)
        .max_header_list_size(buffer)
        // A connection without streams sends nothing, so without pings its end could go unnoticed.
        .keep_alive_interval(options.head_timeout.min(LONGEST))
        .keep_alive_timeout(options.write_timeout.min(LONGEST));
    builder
}
