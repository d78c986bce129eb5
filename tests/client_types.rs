//! What the client's types may be used for: other threads, other tasks, errors with a source.

use std::error::Error;

use ssekit::client::{
    Change, Command, EventSourceError, Machine, Policy, ReadyState, Reason, TransportError,
};

fn shared<T: Send + Sync + Unpin + 'static>() {}

#[test]
fn types_can_be_sent_shared_and_moved() {
    shared::<Change>();
    shared::<Command>();
    shared::<EventSourceError>();
    shared::<Machine>();
    shared::<Policy>();
    shared::<ReadyState>();
    shared::<Reason>();
    shared::<TransportError>();
}

#[test]
fn errors_are_small() {
    assert!(size_of::<EventSourceError>() <= 32, "{}", size_of::<EventSourceError>());
    assert!(size_of::<Reason>() <= 24, "{}", size_of::<Reason>());
}

#[test]
fn a_transport_error_shows_the_error_and_its_source() {
    let cause = std::io::Error::other("cause");
    let error = TransportError::new(std::io::Error::other(cause));
    assert_eq!(error.to_string(), "cause");
    assert!(error.get_ref().is::<std::io::Error>());
    let reason = Reason::Transport(error);
    assert_eq!(reason.to_string(), "cause");
    let Reason::Transport(error) = reason else { unreachable!() };
    assert!(error.into_inner().downcast::<std::io::Error>().is_ok());

    let last = Reason::Transport(TransportError::new("refused"));
    let error = EventSourceError::Attempts { attempts: 3, last };
    assert_eq!(error.to_string(), "gave up after 3 reconnections in a row");
    assert_eq!(error.source().unwrap().to_string(), "refused");
    assert!(error.response().is_none());
}

#[cfg(feature = "http-body")]
#[test]
fn a_source_is_send_where_its_parts_are_and_always_unpin() {
    use std::{
        future::Future,
        marker::PhantomPinned,
        pin::Pin,
        task::{Context, Poll},
    };

    use bytes::Bytes;
    use http::{Request, Response};
    use http_body::{Body, Frame};
    use ssekit::{EventSource, client::Connect};

    struct Pinned(PhantomPinned);
    impl Body for Pinned {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Ready(None)
        }
    }
    impl Future for Pinned {
        type Output = Result<Response<Self>, std::io::Error>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            Poll::Pending
        }
    }
    struct Client;
    impl Connect<()> for Client {
        type Body = Pinned;
        type Error = std::io::Error;
        type Future = Pinned;

        fn connect(&mut self, _: Request<()>) -> Pinned {
            Pinned(PhantomPinned)
        }
    }

    fn sent<T: Send + Unpin + 'static>() {}
    sent::<EventSource<Client, Request<()>, ()>>();
}
