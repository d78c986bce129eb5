//! Faults at will, so that the page can show what a connection that breaks off or hangs does to a client.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::broadcast::{self, error::RecvError};

/// What can happen to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection breaks off, without an end of the response.
    Cut,
    /// The connection stays, and nothing comes on it any more, not even a keep-alive.
    Stall,
    /// The history of its topics is gone.
    Forget,
}

/// Where faults are called for.
#[derive(Clone, Debug)]
pub(crate) struct Faults(broadcast::Sender<Call>);

type Call = (Arc<str>, Fault);

/// Why a stream broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken<E: Error> {
    #[error("cut on demand")]
    OnDemand,
    #[error(transparent)]
    Stream(E),
}

impl Faults {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(CALLS))
    }

    /// Lets a fault happen to the streams that a client has by now.
    pub(crate) fn call(&self, client: &str, fault: Fault) {
        // Without any stream there is nobody to hear it.
        let _ = self.0.send((client.into(), fault));
    }

    /// Passes on a client's stream until a fault is called for.
    pub(crate) fn apply<S, E: Error>(
        &self,
        client: String,
        events: S,
    ) -> impl Stream<Item = Result<Bytes, Broken<E>>> + use<S, E>
    where
        S: Stream<Item = Result<Bytes, E>>,
    {
        let fault = Box::pin(called(self.0.subscribe(), client));
        stream::unfold(State::Streaming(Box::pin(events), fault), |state| async {
            let (mut events, mut fault) = match state {
                State::Streaming(events, fault) => (events, fault),
                State::Breaking => return Some((Err(Broken::OnDemand), State::Ended)),
                State::Ended => return None,
            };
            tokio::select! {
                // First, so that nothing comes that is published after the call.
                biased;
                fault = &mut fault => {
                    if fault == Fault::Stall {
                        tokio::time::sleep(STALL).await;
                    }
                    Some((Ok(Bytes::from_static(AWAY)), State::Breaking))
                }
                event = events.next() => {
                    Some((event?.map_err(Broken::Stream), State::Streaming(events, fault)))
                }
            }
        })
    }
}

/// A stream that a fault may break.
enum State<S, F> {
    Streaming(S, F),
    Breaking,
    Ended,
}

async fn called(mut calls: broadcast::Receiver<Call>, client: String) -> Fault {
    loop {
        match calls.recv().await {
            Ok((called, fault)) if *called == *client => return fault,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

const CALLS: usize = 64;
/// Keeps a browser away for so long that a person sees it. The next stream sets the usual time again.
const AWAY: &[u8] = b"retry: 3000\n\n";
/// A client that does not notice that its stream hangs is cut after so long.
const STALL: Duration = Duration::from_secs(60);
