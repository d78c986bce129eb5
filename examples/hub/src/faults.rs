//! Faults at will, so that the page can show what a connection that breaks off or hangs does to a client.

use std::{error::Error, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::broadcast::{self, error::RecvError};

/// What can happen to the stream of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection breaks off, without an end of the response.
    Cut,
    /// The connection stays, and nothing comes on it any more, not even a keep-alive.
    Stall,
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
    pub(crate) fn apply<S, T, E: Error>(
        &self,
        client: String,
        events: S,
    ) -> impl Stream<Item = Result<T, Broken<E>>> + use<S, T, E>
    where
        S: Stream<Item = Result<T, E>>,
    {
        let fault = Box::pin(called(self.0.subscribe(), client));
        stream::unfold(Some((Box::pin(events), fault)), |state| async {
            let (mut events, mut fault) = state?;
            tokio::select! {
                fault = &mut fault => {
                    if fault == Fault::Stall {
                        tokio::time::sleep(STALL).await;
                    }
                    Some((Err(Broken::OnDemand), None))
                }
                event = events.next() => Some((event?.map_err(Broken::Stream), Some((events, fault)))),
            }
        })
    }
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
/// A client that does not notice that its stream hangs is cut after so long.
const STALL: Duration = Duration::from_secs(60);
