use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{AsyncConnectionConfig, Client, FromRedisValue, Pipeline, aio::MultiplexedConnection};

use super::RedisLogError;

/// A connection that is made when it is needed, shared by all that use it at once, and made anew after a fault.
pub(super) struct Connection {
    client: Client,
    config: AsyncConnectionConfig,
    current: Mutex<Option<Numbered>>,
    /// Held while a connection is being made, so that many callers make one.
    connecting: tokio::sync::Mutex<()>,
    /// How many attempts to connect have come to an end.
    attempts: AtomicU64,
}

#[derive(Clone)]
struct Numbered {
    number: u64,
    connection: MultiplexedConnection,
}

impl Connection {
    /// Sets out a connection on which a reply may take so long.
    pub(super) fn new(client: &Client, connect_within: Duration, reply_within: Duration) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect_within))
            .set_response_timeout(Some(reply_within))
            .set_pipeline_buffer_size(PIPELINE);
        Self {
            client: client.clone(),
            config,
            current: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            attempts: AtomicU64::new(0),
        }
    }

    /// Sends commands in one go and reads all the replies.
    ///
    /// Calls at the same time share the connection, and what is sent at once goes out at once.
    pub(super) async fn query<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Failed> {
        let Numbered { number, mut connection } = self.connect().await.map_err(Failed::BeforeSending)?;
        commands.query_async(&mut connection).await.map_err(|error| {
            let error = RedisLogError::command(error);
            if error.is_answer() {
                return Failed::Answered(error);
            }
            self.forget(|current| current.number == number);
            Failed::Unanswered(error)
        })
    }

    /// Lets the present connection go, so that the next call makes another.
    pub(super) fn renew(&self) {
        self.forget(|_| true);
    }

    fn forget(&self, which: impl FnOnce(&mut Numbered) -> bool) {
        let old = self.lock().take_if(which);
        drop(old);
    }

    async fn connect(&self) -> Result<Numbered, RedisLogError> {
        let attempts = self.attempts.load(Ordering::Acquire);
        if let Some(current) = self.lock().clone() {
            return Ok(current);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(current) = self.lock().clone() {
            return Ok(current);
        }
        if self.attempts.load(Ordering::Acquire) > attempts {
            // Another caller has tried meanwhile, in vain. To try again would make the waiting of many add up.
            return Err(RedisLogError::connect((redis::ErrorKind::Io, "the last attempt failed").into()));
        }
        let made = self.client.get_multiplexed_async_connection_with_config(&self.config).await;
        let number = self.attempts.fetch_add(1, Ordering::AcqRel);
        let connection = made.map_err(RedisLogError::connect)?;
        let numbered = Numbered { number, connection };
        *self.lock() = Some(numbered.clone());
        Ok(numbered)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Numbered>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Commands did not get their replies.
#[derive(Debug)]
pub(super) enum Failed {
    /// Nothing was sent.
    BeforeSending(RedisLogError),
    /// The server refused one of them.
    Answered(RedisLogError),
    /// They may have been carried out.
    Unanswered(RedisLogError),
}

impl From<Failed> for RedisLogError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::BeforeSending(error) | Failed::Answered(error) | Failed::Unanswered(error) => error,
        }
    }
}

/// How many commands may wait to be sent before callers wait.
const PIPELINE: usize = 1024;
