use std::{
    future::{Future, pending, poll_fn},
    pin::pin,
    task::Poll,
};

use tokio::sync::watch;

use crate::relay::redis::error::RedisLogError;

/// The master, as Sentinels name it. Each failover has a greater epoch than all before it.
#[derive(Clone, Debug)]
pub(super) struct Master {
    pub(super) epoch: u64,
    pub(super) host: String,
    pub(super) port: u16,
}

/// The master that a connection leads to, until the Sentinels name its successor.
pub(super) struct Lead {
    master: Master,
    /// The master that was found last.
    found: watch::Receiver<Option<Master>>,
}

impl Lead {
    pub(super) fn new(master: Master, found: watch::Receiver<Option<Master>>) -> Self {
        Self { master, found }
    }

    /// Returns an error if a failover has made another server the master.
    pub(super) fn check(&self) -> Result<(), RedisLogError> {
        match &*self.found.borrow() {
            Some(found) if self.is_superseded_by(found) => Err(failed_over(found)),
            _ => Ok(()),
        }
    }

    /// Waits for a reply, but only until a failover has made another server the master.
    ///
    /// The old one may be up for some seconds more, and acknowledge what will be lost.
    pub(super) async fn while_it_lasts<T>(&self, reply: impl Future<Output = T>) -> Result<T, RedisLogError> {
        let (mut reply, mut end) = (pin!(reply), pin!(self.end()));
        // The end goes first: it also counts if the reply is there by now.
        poll_fn(|cx| match end.as_mut().poll(cx) {
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending => reply.as_mut().poll(cx).map(Ok),
        })
        .await
    }

    async fn end(&self) -> RedisLogError {
        let mut found = self.found.clone();
        let superseded =
            found.wait_for(|found| found.as_ref().is_some_and(|found| self.is_superseded_by(found)));
        let successor = superseded.await.ok().and_then(|found| found.clone());
        match successor {
            Some(found) => failed_over(&found),
            // Nobody looks for the master any more.
            None => pending().await,
        }
    }

    fn is_superseded_by(&self, found: &Master) -> bool {
        self.master.epoch < found.epoch && (&self.master.host, self.master.port) != (&found.host, found.port)
    }
}

fn failed_over(to: &Master) -> RedisLogError {
    RedisLogError::failed_over(&to.host, to.port)
}
