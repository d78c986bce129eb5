use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

/// The receiving half of a connection on which no further request is read.
///
/// It keeps reading, because that is the only way to notice the end of the connection, and discards what it
/// reads.
#[derive(Debug)]
pub(super) struct Peer {
    /// The number of bytes that it may still send.
    left: usize,
    /// A peer that has shut down its sending half may still receive.
    half_close: bool,
    ended: bool,
}

impl Peer {
    /// Creates a peer that has already sent `sent` bytes.
    pub(super) fn new(half_close: bool, sent: usize) -> Self {
        // If that is too much, the first poll notices.
        Self { left: (MOST_DISCARDED + 1).saturating_sub(sent), half_close, ended: false }
    }

    /// Ready when the connection is no longer of use: the peer has closed or reset it, or has sent too much.
    pub(super) fn poll_gone(&mut self, io: &mut (impl AsyncRead + Unpin), cx: &mut Context<'_>) -> Poll<()> {
        while self.left > 0 {
            if self.ended {
                // An ended stream is always readable, so reading it again would never be pending.
                return if self.half_close { Poll::Pending } else { Poll::Ready(()) };
            }
            match ready!(self.poll_discard(io, cx)) {
                Ok(0) => self.ended = true,
                Ok(len) => self.left = self.left.saturating_sub(len),
                Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Ready(())
    }

    /// Treats the end of the peer's sending as the end of the connection from now on, because nothing is left
    /// to send.
    pub(super) fn end_with_its_sending(&mut self) {
        self.half_close = false;
    }

    fn poll_discard(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        // On the stack, so an idle connection holds no buffer.
        let mut bytes = [MaybeUninit::uninit(); READ];
        let mut buffer = ReadBuf::uninit(&mut bytes);
        ready!(Pin::new(io).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

/// The number of bytes that a client may send after its request.
const MOST_DISCARDED: usize = 64 * 1024;
const READ: usize = 2048;
