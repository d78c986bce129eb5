use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{Client, FromRedisValue, Pipeline};
use tokio::time::timeout;

use crate::relay::redis::{
    attempts::{Attempts, Reached},
    error::RedisLogError,
    failed::{Failed, Repeat},
    link::Link,
    trouble::Trouble,
};

/// A connection that is made when it is needed, shared by all that use it at once, and made anew when it is no good.
///
/// | what happens | what is known | the connection |
/// | --- | --- | --- |
/// | it was closed while idle | nothing was sent | is made anew before anything is sent |
/// | it is dropped in silence while idle | nothing was sent | as above: after half a second of silence it is asked first |
/// | it ends while a command is handed over | *not sent*, if no byte was written since | is made anew |
/// | it ends after that, or no reply comes in time | *unknown* | is made anew |
/// | the server answers that it is not the one to ask | *refused*, without effect | is made anew |
/// | any other error is answered | *refused*, without effect | stays |
/// | it cannot be made | *not sent* | is tried again after a pause |
pub(super) struct Connection {
    client: Client,
    connect_within: Duration,
    reply_within: Duration,
    current: Mutex<Option<Arc<Link>>>,
    /// Held while a connection is being made or asked, so that many callers do it once.
    turn: tokio::sync::Mutex<()>,
    attempts: Attempts,
    trouble: Option<Arc<Trouble>>,
}

impl Connection {
    /// Creates a connection on which a reply may take so long.
    pub(super) fn new(
        client: &Client,
        reached: &Reached,
        connect_within: Duration,
        reply_within: Duration,
    ) -> Self {
        Self {
            client: client.clone(),
            connect_within,
            reply_within,
            current: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            attempts: Attempts::new(reached),
            trouble: None,
        }
    }

    /// Reports answers that mean that the server is not the one to ask.
    pub(super) fn reporting(mut self, trouble: &Arc<Trouble>) -> Self {
        self.trouble = Some(Arc::clone(trouble));
        self
    }

    /// Sends commands in one go and reads all the replies.
    ///
    /// Calls at the same time share the connection, and what is sent at once goes out at once.
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
            if repeated || !failed.may_repeat(repeat) {
                return Err(failed);
            }
            repeated = true;
        }
    }

    /// Lets the present connection go, so that the next call makes another.
    pub(super) fn renew(&self) {
        let old = self.lock().take();
        if old.is_some_and(|link| !link.is_proven()) {
            // It was not given the time to answer a command, so that is not its fault.
            self.attempts.reset();
        }
    }

    /// Returns a connection that works, as far as one can know before it is used.
    async fn acquire(&self) -> Result<Arc<Link>, RedisLogError> {
        // Fast path: it is in use.
        if let Some(link) = self.current().filter(|link| link.is_fresh()) {
            return Ok(link);
        }
        // Slow path: one caller asks or connects, the others wait for what comes of it.
        let _turn = self.turn.lock().await;
        if let Some(link) = self.current() {
            if link.is_fresh() || link.is_alive().await {
                return Ok(link);
            }
            self.forget(&link);
        }
        self.attempts.begin()?;
        let made =
            timeout(self.connect_within, Link::open(self.client.get_connection_info(), self.reply_within));
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

    /// Decides whether a connection on which commands failed is any good.
    fn judge(&self, link: &Arc<Link>, failed: &Failed) {
        let error = match failed {
            Failed::Refused(error) if !error.is_wrong_server() => return self.prove(link),
            Failed::NotSent(error) | Failed::Refused(error) | Failed::Unknown(error) => error,
        };
        // Only once, although many commands may have failed on it.
        if !self.forget(link) {
            return;
        }
        let in_row = if link.is_proven() { 0 } else { self.attempts.failed(error) };
        // Not each time while it goes on: those who listen would renew connections without an end.
        if let Some(trouble) = self.trouble.as_deref().filter(|_| error.is_wrong_server() && in_row <= 1) {
            trouble.note(error);
        }
    }

    fn prove(&self, link: &Link) {
        if link.prove() {
            self.attempts.succeeded();
        }
    }

    /// Lets a connection go. Returns whether it was the present one.
    fn forget(&self, link: &Arc<Link>) -> bool {
        let old = self.lock().take_if(|current| Arc::ptr_eq(current, link));
        old.is_some()
    }

    /// Returns the present connection, if the other side has not closed it.
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
