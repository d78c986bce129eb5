use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

use crate::serve::{latch::Latch, options::Options, stall::LINGER};

/// State shared by the connections of a server: their number, and the progress of its shutdown.
#[derive(Debug, Default)]
pub(super) struct Registry {
    live: AtomicUsize,
    /// Notified when a connection has ended.
    ended: Notify,
    /// The server is shutting down: each connection ends after its present answer.
    pub(super) draining: Latch,
    /// The time to drain has passed.
    pub(super) cut: Latch,
}

/// Permission for one of the connections that a server may have. Dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Permit(Arc<Registry>);

/// The result of a shutdown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// The number of connections that had not ended within the time to drain and were cut.
    pub cut: usize,
}

impl Registry {
    /// Waits until there is room for another connection.
    pub(super) async fn enter(self: &Arc<Self>, options: &Options) -> Permit {
        // With no room at all the server would wait for ever.
        let most = options.max_connections.max(1);
        loop {
            let ended = self.ended.notified();
            let add = |live: usize| (live < most).then_some(live + 1);
            if let Ok(before) = self.live.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add) {
                // Several ends may have merged into one notification, so there may be room for another waiter.
                if before + 1 < most {
                    self.ended.notify_one();
                }
                return Permit(Arc::clone(self));
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

    /// Ends all connections, at the latest shortly after `drain`.
    pub(super) async fn shut_down(&self, drain: Duration) -> Drained {
        self.draining.set();
        let in_time = timeout(drain, self.all_ended()).await.is_ok();
        let cut = if in_time { 0 } else { self.live.load(Ordering::SeqCst) };
        self.cut.set();
        // Frames already yielded are still written to clients that take them. Each connection has a limit of its own,
        // which is shorter.
        let _ = timeout(LINGER * 2, self.all_ended()).await;
        Drained { cut }
    }
}

impl Permit {
    pub(super) fn registry(&self) -> &Registry {
        &self.0
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.notify_one();
    }
}
