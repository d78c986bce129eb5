//! Connections, made when they are needed and replaced when they fail.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex, watch},
    time::{Instant, timeout},
};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Row, Statement, types::ToSql};

use crate::error::PostgresError;

/// One connection.
pub(crate) struct Session {
    client: Client,
    /// Changes with each notification. Its sender is dropped when the connection ends.
    pub(crate) notified: watch::Receiver<()>,
    timeout: Duration,
    prepared: StdMutex<HashMap<String, Statement>>,
    /// The time of the last reply.
    heard: StdMutex<Instant>,
}

impl Session {
    pub(crate) async fn open(config: &Config, limit: Duration) -> Result<Self, PostgresError> {
        let connect = timeout(limit, config.connect(NoTls));
        let connected = connect.await.map_err(|_| PostgresError::late())?;
        let (client, mut connection) = connected.map_err(|error| PostgresError::connect(&error))?;
        let (notify, notified) = watch::channel(());
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    notify.send_replace(());
                }
            }
        });
        Ok(Self {
            client,
            notified,
            timeout: limit,
            prepared: StdMutex::default(),
            heard: StdMutex::new(Instant::now()),
        })
    }

    pub(crate) async fn query(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, PostgresError> {
        let statement = async {
            let statement = self.prepared(statement).await?;
            self.client.query(&statement, parameters).await
        };
        let rows = timeout(self.timeout, statement).await.map_err(|_| PostgresError::late())?;
        self.hear();
        rows.map_err(|error| PostgresError::statement(&error))
    }

    /// Prepares a statement once, so that later calls take one round trip.
    async fn prepared(&self, text: &str) -> Result<Statement, tokio_postgres::Error> {
        let found = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(text).cloned();
        if let Some(statement) = found {
            return Ok(statement);
        }
        let statement = self.client.prepare(text).await?;
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(prepared.entry(text.to_owned()).or_insert(statement).clone())
    }

    pub(crate) async fn batch(&self, statements: &str) -> Result<(), PostgresError> {
        let done = timeout(self.timeout, self.client.batch_execute(statements)).await;
        done.map_err(|_| PostgresError::late())?.map_err(|error| PostgresError::statement(&error))?;
        self.hear();
        Ok(())
    }

    fn is_fresh(&self) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < IDLE
    }

    fn hear(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// A place for one connection, shared by concurrent callers.
pub(crate) struct Slot {
    config: Config,
    /// What to do first on each connection.
    prepare: String,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    session: Option<Arc<Session>>,
    /// The last attempt to connect, if it failed.
    failed: Option<(Instant, PostgresError)>,
}

impl Slot {
    pub(crate) fn new(config: &Config, prepare: impl Into<String>, timeout: Duration) -> Self {
        Self { config: config.clone(), prepare: prepare.into(), timeout, state: Mutex::default() }
    }

    /// Returns the connection, or makes one. After a failed attempt the next one follows after a pause.
    pub(crate) async fn acquire(&self) -> Result<Arc<Session>, PostgresError> {
        let mut state = self.state.lock().await;
        if let Some(session) = state.session.take()
            && !session.client.is_closed()
            // A server or a balancer may have closed it in silence. To find out with a statement that writes would leave
            // open if that was carried out.
            && (session.is_fresh() || session.batch("").await.is_ok())
        {
            return Ok(Arc::clone(state.session.insert(session)));
        }
        if let Some((at, error)) = &state.failed
            && at.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        let made = async {
            let session = Session::open(&self.config, self.timeout).await?;
            session.batch(&self.prepare).await?;
            Ok(Arc::new(session))
        };
        match made.await {
            Ok(session) => {
                state.failed = None;
                state.session = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), PostgresError::clone(&error)));
                Err(error)
            }
        }
    }

    /// Drops a connection on which a statement failed, if another one may succeed.
    pub(crate) async fn judge(&self, session: &Arc<Session>, error: &PostgresError) {
        if error.is_lost_server() {
            self.state.lock().await.session.take_if(|current| Arc::ptr_eq(current, session));
        }
    }

    /// Runs a statement that only reads. If the connection had ended unnoticed, runs it once more on a new one.
    pub(crate) async fn read(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, PostgresError> {
        let mut repeated = false;
        loop {
            let session = self.acquire().await?;
            match session.query(statement, parameters).await {
                Ok(rows) => return Ok(rows),
                Err(error) => {
                    self.judge(&session, &error).await;
                    if repeated || !error.is_lost_server() {
                        return Err(error);
                    }
                    repeated = true;
                }
            }
        }
    }
}

/// The pause between attempts to connect.
const PAUSE: Duration = Duration::from_millis(250);
/// The silence after which a connection is tried before its use.
const IDLE: Duration = Duration::from_millis(500);
