use std::{error::Error, io, sync::Arc};

use tokio_postgres::error::SqlState;

/// PostgreSQL could not be reached, or refused a statement.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{context}: {reason}")]
pub struct PostgresError {
    context: &'static str,
    reason: Arc<str>,
    state: Option<SqlState>,
}

impl PostgresError {
    pub(crate) fn new(context: &'static str, reason: impl Into<Arc<str>>) -> Self {
        Self { context, reason: reason.into(), state: None }
    }

    pub(crate) fn connect(error: &tokio_postgres::Error) -> Self {
        Self { state: error.code().cloned(), ..Self::new("cannot connect to PostgreSQL", in_full(error)) }
    }

    pub(crate) fn statement(error: &tokio_postgres::Error) -> Self {
        let context = match error.code() {
            Some(_) => "PostgreSQL refused a statement",
            None => "the connection to PostgreSQL broke",
        };
        Self { state: error.code().cloned(), ..Self::new(context, in_full(error)) }
    }

    pub(crate) fn late() -> Self {
        Self::new("PostgreSQL did not answer in time", io::Error::from(io::ErrorKind::TimedOut).to_string())
    }

    pub(crate) fn ended() -> Self {
        Self::new("the connection to PostgreSQL broke", "it was closed")
    }

    /// Returns whether the server answered, and the transaction had no effect.
    pub(crate) fn is_refusal(&self) -> bool {
        self.state.is_some() && !self.is_farewell()
    }

    /// Returns whether another connection may succeed: the server is going away, or became a replica.
    pub(crate) fn is_lost_server(&self) -> bool {
        self.state.is_none() || self.is_farewell() || self.state == Some(SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// Returns whether the server ended the connection, which may follow a commit.
    fn is_farewell(&self) -> bool {
        let farewells = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW];
        self.state.as_ref().is_some_and(|state| farewells.contains(state))
    }
}

fn in_full(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(answer) => answer.message().to_owned(),
        None => error.source().map_or_else(|| error.to_string(), ToString::to_string),
    }
}
