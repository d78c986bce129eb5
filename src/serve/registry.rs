use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

use super::{latch::Latch, options::Options, stall::LINGER};

/// What the connections of a server share: their number, and how far its shutdown has come.
#[derive(Debug, Default)]
pub(super) struct Registry {
    live: AtomicUsize,
    /// Notified when a connection has ended.
    ended: Notify,
    /// The server shuts down: connections end after the answer that they are giving.
    pub(super) draining: Latch,
    /// The time to drain is over.
    pub(super) cut: Latch,
}

/// One of the connections that a server may have. Dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Place(Arc<Registry>);

/// How a server has shut down.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// The connections that had not ended when the time to drain was over, and were cut.
    pub cut: usize,
}

impl Registry {
    /// Waits until there is room for another connection.
    pub(super) async fn enter(self: &Arc<Self>, options: &Options) -> Place {
        // Without room for one connection the server would wait for ever.
        let most = options.max_connections.max(1);
        loop {
            let ended = self.ended.notified();
            let add = |live: usize| (live < most).then_some(live + 1);
            if let Ok(before) = self.live.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add) {
                // Several ends may have become one notification: there may be room for the next in line.
                if before + 1 < most {
                    self.ended.notify_one();
                }
                return Place(Arc::clone(self));
            }
            ended.await;
        }
    }

    async fn all_ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.live.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Ends all connections, at the latest some time after `drain`.
    pub(super) async fn shut_down(&self, drain: Duration) -> Drained {
        self.draining.set();
        let in_time = timeout(drain, self.all_ended()).await.is_ok();
        let cut = if in_time { 0 } else { self.live.load(Ordering::SeqCst) };
        self.cut.set();
        // What has been yielded is still written, to clients that take it. Each connection has its own limit, which
        // comes first.
        let _ = timeout(LINGER * 2, self.all_ended()).await;
        Drained { cut }
    }
}

impl Place {
    pub(super) fn registry(&self) -> &Registry {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.notify_one();
    }
}
