use redis::RedisError;

/// Redis could not be reached, or refused what was asked of it.
///
/// Its text, and that of its source, come from the server and from the client library, and are for people.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{context}")]
pub struct RedisLogError {
    context: &'static str,
    #[source]
    source: RedisError,
}

impl RedisLogError {
    pub(super) fn address(source: RedisError) -> Self {
        Self { context: "not the address of a Redis server", source }
    }

    pub(super) fn connect(source: RedisError) -> Self {
        Self { context: "cannot connect to Redis", source }
    }

    pub(super) fn command(source: RedisError) -> Self {
        let context = if is_answer(&source) {
            "Redis refused a command"
        } else {
            "the connection to Redis broke, or took too long"
        };
        Self { context, source }
    }

    pub(super) fn reply() -> Self {
        let source = (redis::ErrorKind::UnexpectedReturnType, "the reply is not of the kind expected");
        Self { context: "Redis gave an answer that was not understood", source: source.into() }
    }

    /// Returns whether the connection can still be used: what went wrong is what the server said.
    pub(super) fn is_answer(&self) -> bool {
        is_answer(&self.source)
    }

    pub(super) fn needs_script(&self) -> bool {
        self.source.kind() == redis::ErrorKind::Server(redis::ServerErrorKind::NoScript)
    }
}

fn is_answer(error: &RedisError) -> bool {
    use redis::ErrorKind::{Extension, Server};

    matches!(error.kind(), Server(_) | Extension)
}
