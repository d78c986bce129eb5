use std::{
    io,
    net::TcpStream,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The state of a socket, for readers that do not own it. The connection's driver owns the socket.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    written: AtomicU64,
    ended: AtomicBool,
}

impl Traffic {
    /// Returns the number of bytes that the system has accepted.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Returns whether nothing more will be written or read.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

pin_project! {
    /// A socket that counts the bytes written to it, to determine whether a command was sent.
    pub(super) struct Wire<S> {
        #[pin]
        socket: S,
        same: Option<TcpStream>,
        traffic: Arc<Traffic>,
    }
}

impl<S> Wire<S> {
    pub(super) fn new(socket: S, traffic: Arc<Traffic>) -> Self {
        Self { socket, same: None, traffic }
    }

    /// Checks before each write, through a second handle of the socket, that the other side has not closed
    /// the connection.
    ///
    /// The runtime learns of a close later than the system does, and the system would still accept the bytes,
    /// so that it would not be known whether they arrived. Local sockets reject such writes themselves.
    pub(super) fn watching(mut self, same: TcpStream) -> Self {
        self.same = Some(same);
        self
    }
}

/// Returns an error if the other side has closed the connection and all its bytes have been read.
fn check_open(socket: &TcpStream) -> io::Result<()> {
    match socket.peek(&mut [0]) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Err(error)
        }
        _ => Ok(()),
    }
}

impl<S: AsyncRead> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.project().socket.poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        // A socket whose peer has closed it still takes a write. Asking first makes it certain that
        // nothing was sent, so that the command may be sent again elsewhere.
        if let Some(same) = this.same {
            check_open(same)?;
        }
        let written = this.socket.poll_write(cx, bytes);
        if let Poll::Ready(Ok(length)) = written {
            this.traffic.written.fetch_add(length as u64, Ordering::AcqRel);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().socket.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().socket.poll_shutdown(cx)
    }
}
