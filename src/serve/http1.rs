use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::Poll,
};

use bytes::Bytes;
use http::Response;
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::serve::{
    head,
    options::{LEAST_BUFFER, LONGEST, Options},
    peer::Peer,
    registry::Permit,
    service::{HandOver, HttpService, Interceptor},
    socket::Socket,
    stall::{LINGER, Stall},
    stream::EventStream,
};

/// Serves HTTP/1.1 requests until the connection ends, or until an answer is an event stream to hand over.
pub(super) async fn serve<Io, S, K>(
    io: Io,
    read: Bytes,
    service: S,
    options: Options,
    permit: &Permit,
) -> Option<EventStream<Io, S::Body>>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: HttpService<K>,
    K: 'static,
{
    // Without vectored writes a frame would take three calls, and three TLS records; hyper copies it instead.
    let hand_over = HandOver::new(options.hand_over && io.is_write_vectored());
    let socket = Socket::new(io, read, options.write_timeout);
    let (flushed, active) = (socket.flushed(), socket.active());
    let service = Interceptor::new(service, Arc::clone(&hand_over));
    let mut connection = builder(&options).serve_connection(socket, service).with_upgrades();

    let mut draining = pin!(permit.registry().draining.wait());
    let mut is_draining = false;
    // hyper's timeout for the next head misses some connections with a request body that was not read.
    let mut silence = Stall::new(options.head_timeout.saturating_add(LINGER));
    let response: Option<Response<S::Body>> = poll_fn(|cx| {
        if !is_draining && draining.as_mut().poll(cx).is_ready() {
            is_draining = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        // hyper misses some wake-ups, for a request that it has already read while writing the answer before it. So a
        // poll that moved bytes is followed by another one.
        active.store(false, Ordering::Relaxed);
        if Pin::new(&mut connection).poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        if active.load(Ordering::Relaxed) {
            cx.waker().wake_by_ref();
        }
        // Taking hyper's connection apart drops its unwritten bytes, so an earlier answer or `100 Continue` must have
        // been flushed. Both flags change only while hyper is polled, so they are consistent here.
        if hand_over.has_response() && flushed.load(Ordering::Relaxed) {
            return Poll::Ready(hand_over.take());
        }
        // A short answer begins and ends within one poll.
        if hand_over.is_busy() || active.load(Ordering::Relaxed) {
            silence.progress();
            return Poll::Pending;
        }
        silence.poll_elapsed(cx).map(|()| None)
    })
    .await;

    let (head, body) = response?.into_parts();
    let parts = connection.into_parts()?;
    let (io, given_back) = parts.io.into_inner();
    let sent = parts.read_buf.len() + given_back;
    let peer = Peer::new(options.half_close, sent);
    Some(EventStream::new(io, peer, head::encode(head.headers), body, Stall::new(options.write_timeout)))
}

fn builder(options: &Options) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(options.head_timeout.min(LONGEST))
        .half_close(options.half_close)
        // Otherwise hyper 1.12 writes its answer to a head that it cannot parse before the frames that it has queued.
        .writev(false)
        .max_buf_size(options.max_buffer_bytes.max(LEAST_BUFFER));
    builder
}
