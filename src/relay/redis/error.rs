use std::{io, sync::Arc};

use redis::{ConnectionAddr, RedisError, ServerError};

/// Redis could not be reached, or refused a command.
///
/// Its text gives the reason in the words of the server or the client library, for people to read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{context}: {reason}")]
pub struct RedisLogError {
    context: &'static str,
    reason: Arc<str>,
    /// The first word of a server's error.
    code: Option<Arc<str>>,
    timed_out: bool,
}

impl RedisLogError {
    pub(super) fn address(reason: &str) -> Self {
        Self::of(NO_ADDRESS, reason)
    }

    pub(super) fn malformed(error: RedisError) -> Self {
        Self::new(NO_ADDRESS, error)
    }

    #[cfg(feature = "redis-tls")]
    pub(super) fn certificate(error: &dyn std::error::Error) -> Self {
        Self::of(NO_CERTIFICATE, &error.to_string())
    }

    #[cfg(feature = "redis-tls")]
    pub(super) fn no_certificate() -> Self {
        Self::of(NO_CERTIFICATE, "there is none in the text")
    }

    pub(super) fn not_master(address: &ConnectionAddr) -> Self {
        Self::of(CANNOT_CONNECT, &format!("{address} is not the master, although a Sentinel said so"))
    }

    pub(super) fn failed_over(host: &str, port: u16) -> Self {
        Self::of("Redis failed over", &format!("the master is now {host}:{port}"))
    }

    /// Returns the same error as one of a Sentinel.
    pub(super) fn of_sentinel(self, address: &ConnectionAddr) -> Self {
        Self {
            context: CANNOT_CONNECT,
            reason: format!("Sentinel {address}: {}", self.reason).into(),
            // Its answers say nothing of the server.
            code: None,
            ..self
        }
    }

    pub(super) fn connect(error: impl Into<RedisError>) -> Self {
        Self::new(CANNOT_CONNECT, error.into())
    }

    /// Returns the same error as one of connecting.
    pub(super) fn while_connecting(self) -> Self {
        Self { context: CANNOT_CONNECT, ..self }
    }

    pub(super) fn command(error: RedisError) -> Self {
        let context = match &error {
            error if server_error(error).is_some() => "Redis refused a command",
            error if error.is_timeout() => "Redis did not answer in time",
            error if error.is_io_error() => "the connection to Redis broke",
            _ => MISUNDERSTOOD,
        };
        Self::new(context, error)
    }

    pub(super) fn reply() -> Self {
        Self::of(MISUNDERSTOOD, "the reply is not of the kind expected")
    }

    /// An attempt to connect was dropped before it had a result.
    pub(super) fn abandoned() -> Self {
        Self::of(CANNOT_CONNECT, "the last attempt was given up before it ended")
    }

    /// The entry was appended, but a later step of the script failed.
    pub(super) fn half_done(reason: &str) -> Self {
        Self::of("Redis appended the entry, but did not finish the script", reason)
    }

    pub(super) fn forbidden(reason: &str) -> Self {
        Self::of("this Redis user lacks permissions", reason)
    }

    fn of(context: &'static str, reason: &str) -> Self {
        Self { context, reason: reason.into(), code: None, timed_out: false }
    }

    fn new(context: &'static str, error: RedisError) -> Self {
        let server = server_error(&error);
        let reason = match &server {
            Some(error) => format!("{} {}", error.code(), error.details().unwrap_or_default()),
            None if is_closed(&error) => "the server closed it".into(),
            // The library inserts its own name of the error's kind, which says nothing to a reader.
            None => error.to_string().replacen(&format!(" - {:?}", error.kind()), "", 1),
        };
        Self {
            context,
            reason: reason.trim().into(),
            code: server.map(|error| code(error.code(), error.details().unwrap_or_default()).into()),
            timed_out: error.is_timeout(),
        }
    }

    /// Returns whether this is an answer of the server, so that the connection itself works.
    pub(super) fn is_answer(&self) -> bool {
        self.code.is_some()
    }

    pub(super) fn is_timeout(&self) -> bool {
        self.timed_out
    }

    /// Returns whether a refused `PING` still shows that the connection works: without the permission, or
    /// while Redis refuses writes, other commands may succeed.
    pub(super) fn is_sign_of_life(&self) -> bool {
        matches!(self.code.as_deref(), Some("NOPERM" | "MISCONF" | "BUSY"))
    }

    pub(super) fn is_forbidden(&self) -> bool {
        self.code.as_deref() == Some("NOPERM")
    }

    pub(super) fn needs_script(&self) -> bool {
        self.code.as_deref() == Some("NOSCRIPT")
    }

    /// Returns whether another connection may succeed, because this one leads to a server that is not, or not
    /// yet, the right one. The command had no effect.
    pub(super) fn is_wrong_server(&self) -> bool {
        self.code.as_deref().is_some_and(|code| WRONG_SERVER.contains(&code))
    }
}

fn server_error(error: &RedisError) -> Option<ServerError> {
    let errors = error.clone().into_server_errors()?;
    errors.first().map(|(_, error)| error.clone())
}

/// Returns whether the error means that the other side has closed the connection.
fn is_closed(error: &RedisError) -> bool {
    // The library hides the system's error, but not its text.
    let text = error.to_string();
    let closed = [io::ErrorKind::BrokenPipe, io::ErrorKind::UnexpectedEof];
    error.is_io_error()
        && (closed.into_iter().any(|kind| io::Error::from(kind).to_string() == text)
            || text.starts_with("peer closed connection without sending TLS close_notify"))
}

/// Returns the code of an error. Before version 7, Redis wraps an error in a script in one of its own.
fn code<'a>(code: &'a str, details: &'a str) -> &'a str {
    let inner = details.split_once(": -").and_then(|(_, inner)| inner.split(' ').next());
    match inner {
        Some(inner) if code == "ERR" && details.contains("@user_script") => inner,
        _ => code,
    }
}

const NO_ADDRESS: &str = "not the address of a Redis server";
#[cfg(feature = "redis-tls")]
const NO_CERTIFICATE: &str = "not a certificate or a key in PEM format";
const CANNOT_CONNECT: &str = "cannot connect to Redis";
const MISUNDERSTOOD: &str = "Redis gave an answer that was not understood";

const WRONG_SERVER: [&str; 10] = [
    // The server has become a replica, or lost its replicas.
    "READONLY",
    "NOREPLICAS",
    // The server has become a replica and unblocked waiting clients.
    "UNBLOCKED",
    // A replica that has lost its master, and a server that has just started.
    "MASTERDOWN",
    "LOADING",
    // Another node of the cluster has the log, or no node has it at present.
    "MOVED",
    "ASK",
    "TRYAGAIN",
    "CLUSTERDOWN",
    // A password was set after the connection was made.
    "NOAUTH",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_error_in_a_script_is_that_of_the_command() {
        let wrapped = "Error running script (call to f_3d0c): @user_script:1: @user_script: 1: \
                       -READONLY You can't write against a read only replica.";
        for (outer, details, expected) in [
            ("ERR", wrapped, "READONLY"),
            (
                "READONLY",
                "You can't write against a read only replica. script: 3d0c, on @user_script:1.",
                "READONLY",
            ),
            ("ERR", "value is not an integer or out of range", "ERR"),
            ("ERR", "unknown command: -READONLY", "ERR"),
        ] {
            assert_eq!(code(outer, details), expected, "{details}");
        }
    }
}
