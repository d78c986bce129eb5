use std::{
    io,
    io::IoSlice,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::serve::stall::Stall;

/// A stream, wrapped for hyper.
///
/// It first returns bytes that were read before, records whether everything that hyper wrote was flushed, and
/// fails a write that is pending for too long.
#[derive(Debug)]
pub(super) struct Socket<Io> {
    io: TokioIo<Io>,
    given_back: Bytes,
    flushed: Arc<AtomicBool>,
    active: Arc<AtomicBool>,
    stall: Stall,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Socket<Io> {
    pub(super) fn new(io: Io, given_back: Bytes, write_timeout: Duration) -> Self {
        let (flushed, active) = (Arc::default(), Arc::default());
        Self { io: TokioIo::new(io), given_back, flushed, active, stall: Stall::new(write_timeout) }
    }

    /// Returns the flag that is set while the last call for writing was a successful flush.
    ///
    /// hyper flushes at the end of each pass. If bytes are left in its buffer, its last call is a write
    /// instead.
    pub(super) fn flushed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flushed)
    }

    /// Returns the flag that is set when bytes are read or written.
    pub(super) fn active(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.active)
    }

    /// Returns the stream, and the number of the bytes given back that hyper has not read.
    pub(super) fn into_inner(self) -> (Io, usize) {
        (self.io.into_inner(), self.given_back.len())
    }

    /// Applies the timeout to the result of a call for writing.
    fn watch<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall.progress();
            return written;
        }
        self.stall.poll_elapsed(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<Io: AsyncRead + Unpin> Read for Socket<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given_back.is_empty() {
            let read = Pin::new(&mut self.io).poll_read(cx, buffer);
            self.active.fetch_or(read.is_ready(), Ordering::Relaxed);
            return read;
        }
        self.active.store(true, Ordering::Relaxed);
        let len = self.given_back.len().min(buffer.remaining());
        buffer.put_slice(&self.given_back[..len]);
        self.given_back.advance(len);
        if self.given_back.is_empty() {
            self.given_back = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Write for Socket<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.flushed.store(false, Ordering::Relaxed);
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.active.fetch_or(written.is_ready(), Ordering::Relaxed);
        self.watch(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.flushed.store(false, Ordering::Relaxed);
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.active.fetch_or(written.is_ready(), Ordering::Relaxed);
        self.watch(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.flushed.store(matches!(flushed, Poll::Ready(Ok(()))), Ordering::Relaxed);
        self.watch(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushed.store(false, Ordering::Relaxed);
        let shut_down = Pin::new(&mut self.io).poll_shutdown(cx);
        self.watch(shut_down, cx)
    }
}
