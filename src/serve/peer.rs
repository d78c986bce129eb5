use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

/// The receiving half of a connection on which no further request is read.
///
/// It keeps reading, because the end of a connection is noticed in no other way, and discards what it reads.
#[derive(Debug)]
pub(super) struct Peer {
    /// How many bytes it may still send.
    left: usize,
    /// Whether a peer that has shut down its sending half may go on receiving.
    half_close: bool,
    ended: bool,
}

impl Peer {
    /// Creates one that has sent `sent` bytes already.
    pub(super) fn new(half_close: bool, sent: usize) -> Self {
        // Too many are noticed at the first poll.
        Self { left: (MOST_DISCARDED + 1).saturating_sub(sent), half_close, ended: false }
    }

    /// Ready when the connection is of no use any more: the peer has closed or reset it, or has sent too much.
    pub(super) fn poll_gone(&mut self, io: &mut (impl AsyncRead + Unpin), cx: &mut Context<'_>) -> Poll<()> {
        while self.left > 0 {
            if self.ended {
                // An ended stream is always readable and would never be pending.
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

    /// From now on there is nothing more to receive, so the end of sending is the end.
    pub(super) fn end_with_its_sending(&mut self) {
        self.half_close = false;
    }

    fn poll_discard(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        // On the stack, so that an idle connection holds no buffer.
        let mut bytes = [MaybeUninit::uninit(); READ];
        let mut buffer = ReadBuf::uninit(&mut bytes);
        ready!(Pin::new(io).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

/// The bytes that a client may send behind its request.
const MOST_DISCARDED: usize = 64 * 1024;
const READ: usize = 2048;
