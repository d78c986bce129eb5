use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{FromRedisValue, Pipeline};
use tokio::time::timeout;

use crate::relay::redis::{
    attempts::{Attempts, Reached},
    error::RedisLogError,
    failed::{Failed, Repeat},
    link::Link,
    target::Target,
    trouble::Trouble,
};

/// A connection that is made when it is needed, shared by concurrent callers, and replaced when it fails.
///
/// | event | state of the command | the connection |
/// | --- | --- | --- |
/// | it was closed while idle | nothing was sent | is replaced before anything is sent |
/// | it was dropped silently while idle | nothing was sent | as above: after half a second of silence it is pinged first |
/// | it ends while a command is queued | *not sent*, if no byte was written since | is replaced |
/// | it ends after that, or no reply arrives in time | *unknown* | is replaced |
/// | the server answers that it is the wrong one | *refused*, without effect | is replaced |
/// | the server answers with any other error | *refused*, without effect | stays |
/// | it cannot be made | *not sent* | is tried again after a pause |
pub(super) struct Connection {
    target: Arc<dyn Target>,
    connect_within: Duration,
    reply_within: Duration,
    current: Mutex<Option<Arc<Link>>>,
    /// Held while a connection is being made or pinged, so that concurrent callers do it once.
    turn: tokio::sync::Mutex<()>,
    attempts: Attempts,
    trouble: Option<Arc<Trouble>>,
}

impl Connection {
    /// Creates a connection with time limits for connecting and for a reply.
    pub(super) fn new(
        target: Arc<dyn Target>,
        reached: &Reached,
        connect_within: Duration,
        reply_within: Duration,
    ) -> Self {
        Self {
            target,
            connect_within,
            reply_within,
            current: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            attempts: Attempts::new(reached),
            trouble: None,
        }
    }

    /// Reports answers which mean that the server is the wrong one.
    pub(super) fn reporting(mut self, trouble: &Arc<Trouble>) -> Self {
        self.trouble = Some(Arc::clone(trouble));
        self
    }

    /// Sends commands together and reads all replies.
    ///
    /// Concurrent calls share the connection, and their commands are written together.
    pub(super) async fn query<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
        repeat: Repeat,
    ) -> Result<T, Failed> {
        let mut repeated = false;
        loop {
            let link = self.acquire().await.map_err(Failed::NotSent)?;
            let failed = match link.query(commands).await {
                Ok(replies) => {
                    self.prove(&link);
                    return Ok(replies);
                }
                Err(failed) => failed,
            };
            self.judge(&link, &failed);
            // Once is enough: the first failure replaced the connection, and a caller has a time
            // limit.
            if repeated || !failed.may_repeat(repeat) {
                return Err(failed);
            }
            repeated = true;
        }
    }

    /// Drops the present connection, so that the next call makes a new one.
    pub(super) fn renew(&self) {
        let old = self.lock().take();
        if old.is_some_and(|link| !link.is_proven()) {
            // It had no time to answer a command, so it does not count as failed.
            self.attempts.reset();
        }
    }

    /// Returns a connection that works, as far as can be known before its use.
    async fn acquire(&self) -> Result<Arc<Link>, RedisLogError> {
        // Fast path: it was used recently.
        if let Some(link) = self.current().filter(|link| link.is_fresh()) {
            return Ok(link);
        }
        // Slow path: one caller pings or connects, and the others wait for the result.
        let _turn = self.turn.lock().await;
        // Asked again, because the caller before may have connected meanwhile.
        if let Some(link) = self.current() {
            if link.is_fresh() || link.is_alive().await {
                return Ok(link);
            }
            self.forget(&link);
        }
        // While a pause lasts, callers get the last error at once and do not queue up for an
        // attempt.
        self.attempts.begin()?;
        let made = timeout(self.connect_within, self.target.open(self.reply_within));
        let too_late = |_| Err(RedisLogError::connect(io::Error::from(io::ErrorKind::TimedOut)));
        match made.await.unwrap_or_else(too_late) {
            Ok(link) => {
                let link = Arc::new(link);
                *self.lock() = Some(Arc::clone(&link));
                Ok(link)
            }
            Err(error) => {
                self.attempts.failed(&error);
                Err(error)
            }
        }
    }

    /// Decides whether to keep a connection on which commands failed.
    fn judge(&self, link: &Arc<Link>, failed: &Failed) {
        let error = match failed {
            Failed::Refused(error) if !error.is_wrong_server() => return self.prove(link),
            Failed::NotSent(error) | Failed::Refused(error) | Failed::Unknown(error) => error,
        };
        // Only once per connection, although many commands may have failed on it.
        if !self.forget(link) {
            return;
        }
        let in_row = if link.is_proven() { 0 } else { self.attempts.failed(error) };
        // Not for each of a series of failures: the follower would replace its connections without end.
        if let Some(trouble) = self.trouble.as_deref().filter(|_| error.is_wrong_server() && in_row <= 1) {
            trouble.note(error);
        }
    }

    fn prove(&self, link: &Link) {
        if link.prove() {
            self.attempts.succeeded();
        }
    }

    /// Drops a connection. Returns whether it was the present one.
    fn forget(&self, link: &Arc<Link>) -> bool {
        let old = self.lock().take_if(|current| Arc::ptr_eq(current, link));
        old.is_some()
    }

    /// Returns the present connection, unless the other side has closed it.
    fn current(&self) -> Option<Arc<Link>> {
        let mut current = self.lock();
        let ended = current.take_if(|link| link.has_ended());
        let current = current.clone();
        drop(ended);
        current
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Link>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Failed> for RedisLogError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NotSent(error) | Failed::Refused(error) | Failed::Unknown(error) => error,
        }
    }
}
