use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// The body of a request, as a [`Server`](super::Server) passes it to a tower service.
///
/// It wraps hyper's [`Incoming`] and reports to the server when it has been read to its end. Only then can
/// the answer be [handed over](super#the-hand-over).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct RequestBody {
    incoming: Incoming,
    read: BodyRead,
}

/// Tells when a request's body has been read to its end.
#[derive(Clone, Debug)]
pub(super) enum BodyRead {
    /// The request has no body.
    Empty,
    /// The body has been read once the flag is set.
    Noted(Arc<AtomicBool>),
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming) -> Self {
        let read = if incoming.is_end_stream() { BodyRead::Empty } else { BodyRead::Noted(Arc::default()) };
        Self { incoming, read }
    }

    pub(super) fn body_read(&self) -> BodyRead {
        self.read.clone()
    }

    /// Returns hyper's body. An answer to a request with a body then stays with hyper.
    pub fn into_incoming(self) -> Incoming {
        self.incoming
    }
}

impl BodyRead {
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Noted(read) => read.load(Ordering::Acquire),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        if let BodyRead::Noted(read) = &self.read {
            // With a `content-length`, readers stop at the last byte without asking for the end.
            let end = match &frame {
                None => true,
                Some(Ok(_)) => self.incoming.is_end_stream(),
                Some(Err(_)) => false,
            };
            if end {
                read.store(true, Ordering::Release);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
