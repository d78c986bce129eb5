use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, FromRedisValue, Pipeline, RedisError,
    aio::MultiplexedConnection,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::relay::redis::{
    error::RedisLogError,
    failed::Failed,
    master::Lead,
    tls::Tls,
    wire::{Traffic, Wire},
};

/// One connection, from its creation to its end.
pub(super) struct Link {
    connection: MultiplexedConnection,
    traffic: Arc<Traffic>,
    /// The time of the last reply.
    heard: Mutex<Instant>,
    proven: AtomicBool,
    /// With Sentinel, the master that it leads to.
    lead: Option<Lead>,
    _driver: Driver,
}

/// Closes the socket when dropped, even while a command waits for its reply.
struct Driver(JoinHandle<()>);

impl Link {
    /// Connects to a server and checks that it is ready.
    pub(super) async fn open(
        info: &ConnectionInfo,
        tls: Option<&Tls>,
        reply_within: Duration,
    ) -> Result<Self, RedisLogError> {
        let link = match info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                let (socket, same) = tcp(host, *port).await.map_err(RedisLogError::connect)?;
                match tls {
                    None => {
                        Self::over(info, reply_within, |traffic| Wire::new(socket, traffic).watching(same))
                            .await
                    }
                    #[cfg(feature = "redis-tls")]
                    Some(tls) => {
                        let socket = tls.connect(host, socket).await.map_err(RedisLogError::connect)?;
                        Self::over(info, reply_within, |traffic| Wire::new(socket, traffic).watching(same))
                            .await
                    }
                    #[cfg(not(feature = "redis-tls"))]
                    Some(never) => match *never {},
                }
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                let socket = tokio::net::UnixStream::connect(path).await.map_err(RedisLogError::connect)?;
                Self::over(info, reply_within, |traffic| Wire::new(socket, traffic)).await
            }
            _ => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "an address of this kind is not supported")
                    .into())
            }
        };
        let link = link.map_err(RedisLogError::connect)?;
        // A server that accepts a connection may still not answer commands, as one that is loading.
        match link.ping().await {
            Err(error) if !error.is_sign_of_life() => Err(error.while_connecting()),
            _ => Ok(link),
        }
    }

    async fn over<S>(
        info: &ConnectionInfo,
        reply_within: Duration,
        wire: impl FnOnce(Arc<Traffic>) -> Wire<S>,
    ) -> Result<Self, RedisError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let traffic = Arc::new(Traffic::default());
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(reply_within))
            .set_pipeline_buffer_size(PIPELINE);
        // Sending the library's name would need another permission.
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        let wire = wire(Arc::clone(&traffic));
        let (connection, driver) = MultiplexedConnection::new_with_config(&settings, wire, config).await?;
        let driven = Arc::clone(&traffic);
        let driver = tokio::spawn(async move {
            driver.await;
            driven.end();
        });
        Ok(Self {
            connection,
            traffic,
            heard: Mutex::new(Instant::now()),
            proven: AtomicBool::new(false),
            lead: None,
            _driver: Driver(driver),
        })
    }

    /// Ends the connection once the server is no longer the master.
    pub(super) fn of_master(mut self, lead: Lead) -> Self {
        self.lead = Some(lead);
        self
    }

    /// Sends commands together and reads all replies.
    pub(super) async fn query<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Failed> {
        // Before the command is queued, so that whatever is written later may be part of it.
        let written = self.traffic.written();
        let mut connection = self.connection.clone();
        let replies = commands.query_async(&mut connection);
        let replies = match &self.lead {
            None => replies.await,
            Some(lead) => {
                lead.check().map_err(Failed::NotSent)?;
                // They may have been sent, and may be carried out, but the next master knows nothing of them.
                lead.while_it_lasts(replies).await.map_err(Failed::Unknown)?
            }
        };
        let failed = match replies {
            Ok(replies) => {
                self.hear();
                return Ok(replies);
            }
            Err(error) => RedisLogError::command(error),
        };
        if failed.is_answer() {
            self.hear();
            return Err(Failed::Refused(failed));
        }
        // After a timeout, the command may still be queued. Otherwise the connection has ended and nothing more is
        // written: if no byte was written since the command was queued, none of it was sent.
        if !failed.is_timeout() && self.traffic.written() == written {
            return Err(Failed::NotSent(failed));
        }
        Err(Failed::Unknown(failed))
    }

    /// Returns whether the other side has closed the connection, or is no longer the master.
    pub(super) fn has_ended(&self) -> bool {
        self.traffic.has_ended() || self.lead.as_ref().is_some_and(|lead| lead.check().is_err())
    }

    /// Returns whether a reply arrived so recently that no server or balancer can have dropped the connection
    /// as idle.
    pub(super) fn is_fresh(&self) -> bool {
        self.heard().elapsed() < IDLE
    }

    /// Checks that the connection still leads to a server.
    pub(super) async fn is_alive(&self) -> bool {
        match timeout(PROBE, self.ping()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => error.is_sign_of_life(),
            Err(_) => false,
        }
    }

    /// Records that a command was answered. Returns whether it was the first one.
    pub(super) fn prove(&self) -> bool {
        !self.proven.swap(true, Ordering::AcqRel)
    }

    pub(super) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Acquire)
    }

    async fn ping(&self) -> Result<(), RedisLogError> {
        let mut ping = Pipeline::new();
        ping.cmd("PING").ignore();
        Ok(self.query(&ping).await?)
    }

    fn hear(&self) {
        *self.heard() = Instant::now();
    }

    fn heard(&self) -> MutexGuard<'_, Instant> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects, and returns two handles of the socket.
async fn tcp(host: &str, port: u16) -> io::Result<(TcpStream, std::net::TcpStream)> {
    let socket = TcpStream::connect((host, port)).await?;
    // Without it a short command might wait for the acknowledgement of the previous one.
    socket.set_nodelay(true)?;
    let socket = socket.into_std()?;
    let same = socket.try_clone()?;
    Ok((TcpStream::from_std(socket)?, same))
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The silence after which a connection is pinged before use. Redis closes idle connections after at least a
/// second.
const IDLE: Duration = Duration::from_millis(500);
/// The time limit of that ping.
const PROBE: Duration = Duration::from_secs(1);
/// The number of commands that may be queued before callers wait.
const PIPELINE: usize = 1024;
