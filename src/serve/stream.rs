use std::{
    future::{Future, poll_fn},
    io,
    io::IoSlice,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::serve::{
    latch::Latch,
    outgoing::{Outgoing, SLICES},
    peer::Peer,
    stall::Stall,
};

pin_project! {
    /// A handed-over event stream: writes a head and a body to a socket.
    ///
    /// It is all that the connection keeps in memory, so its size matters.
    pub(super) struct EventStream<Io, B: Body> {
        io: Io,
        peer: Peer,
        // Dropped when it has ended, together with the state that the application's layers keep in it.
        #[pin]
        body: Option<B>,
        outgoing: Outgoing<B::Data>,
        stall: Stall,
        phase: Phase,
    }
}

/// The phase of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Streaming,
    /// The body has ended: write the rest, then shut down the sending half.
    Ending,
    /// The body has failed, or the time is over: write the rest, then drop the connection without an end.
    Cutting,
    /// Everything was sent. The server waits for the peer to close first.
    Lingering,
}

/// The result of filling the buffer.
enum Filled {
    /// The body is pending, and will wake the task.
    Pending,
    /// The body may have more.
    More,
}

impl<Io, B> EventStream<Io, B>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    B: Body,
{
    pub(super) fn new(io: Io, peer: Peer, head: Bytes, body: B, stall: Stall) -> Self {
        Self { io, peer, body: Some(body), outgoing: Outgoing::new(head), stall, phase: Phase::Streaming }
    }

    /// Writes the stream until it or its peer has ended, or until shortly after `cut` is set.
    pub(super) async fn run(self, cut: &Latch) {
        let mut stream = pin!(self);
        let mut cut = pin!(cut.wait());
        let mut was_cut = false;
        poll_fn(move |cx| {
            if !was_cut && cut.as_mut().poll(cx).is_ready() {
                was_cut = true;
                stream.as_mut().cut();
            }
            stream.as_mut().poll(cx)
        })
        .await;
    }

    fn cut(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.body.set(None);
        this.stall.linger();
        if *this.phase == Phase::Streaming {
            *this.phase = Phase::Cutting;
        }
    }

    /// Ready when the socket can be dropped.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Bounded, so that a body which is always ready does not occupy the thread.
        for _ in 0..ROUNDS {
            // First, so that nothing is written to a peer that has gone, and its bytes do not stay unread.
            {
                let this = self.as_mut().project();
                if this.peer.poll_gone(this.io, cx).is_ready() {
                    return Poll::Ready(());
                }
            }
            let filled = self.as_mut().fill(cx);
            // On any error the peer has gone, or has accepted nothing for too long.
            if ready!(self.as_mut().poll_write_all(cx)).is_err() {
                return Poll::Ready(());
            }
            match (self.phase, filled) {
                (Phase::Streaming, Filled::More) => {}
                (Phase::Streaming, Filled::Pending) => return Poll::Pending,
                (Phase::Cutting, _) => return Poll::Ready(()),
                (Phase::Ending, _) => {
                    if ready!(self.as_mut().poll_shut_down(cx)).is_err() {
                        return Poll::Ready(());
                    }
                }
                (Phase::Lingering, _) => return self.project().stall.poll_elapsed(cx),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes frames from the body, up to the amount that is written at once.
    fn fill(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Filled {
        let mut this = self.project();
        for _ in 0..MOST_FRAMES {
            if this.outgoing.is_full() {
                break;
            }
            let Some(body) = this.body.as_mut().as_pin_mut() else { break };
            // A panic must not lose frames yielded before it. The body is not polled again.
            let frame = match catch_unwind(AssertUnwindSafe(|| body.poll_frame(cx))) {
                Ok(Poll::Pending) => return Filled::Pending,
                Ok(Poll::Ready(frame)) => frame,
                Err(_) => {
                    this.body.set(None);
                    *this.phase = Phase::Cutting;
                    break;
                }
            };
            match frame.map(|frame| frame.map(http_body::Frame::into_data)) {
                Some(Ok(Ok(data))) => this.outgoing.push(data),
                // Trailers end a body. Without a `trailer` header they are not sent.
                None | Some(Ok(Err(_))) => {
                    this.body.set(None);
                    this.outgoing.push_end();
                    *this.phase = Phase::Ending;
                }
                Some(Err(_)) => {
                    this.body.set(None);
                    *this.phase = Phase::Cutting;
                }
            }
        }
        Filled::More
    }

    /// Writes and flushes the gathered frames.
    fn poll_write_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        while !this.outgoing.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = this.outgoing.slices(&mut slices);
            match Pin::new(&mut *this.io).poll_write_vectored(cx, &slices[..filled]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => {
                    this.outgoing.advance(written);
                    this.stall.progress();
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return this.stall.poll_elapsed(cx).map(|()| Err(stalled())),
            }
        }
        // A TLS stream has its own buffer.
        if Pin::new(&mut *this.io).poll_flush(cx)?.is_pending() {
            return this.stall.poll_elapsed(cx).map(|()| Err(stalled()));
        }
        this.stall.progress();
        this.outgoing.shrink();
        Poll::Ready(Ok(()))
    }

    /// Shuts down the sending half, and begins to wait for the peer.
    fn poll_shut_down(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        if Pin::new(&mut *this.io).poll_shutdown(cx)?.is_pending() {
            return this.stall.poll_elapsed(cx).map(|()| Err(stalled()));
        }
        *this.phase = Phase::Lingering;
        this.peer.end_with_its_sending();
        this.stall.linger();
        Poll::Ready(Ok(()))
    }
}

fn stalled() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// The number of frames taken from a body at once, including empty ones.
const MOST_FRAMES: usize = 32;
/// The number of times that one poll fills and writes.
const ROUNDS: usize = 4;
