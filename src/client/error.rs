use std::{error::Error, fmt, time::Duration};

use http::response::Parts;

/// Why a client failed the connection: it makes no further request.
///
/// Where a response was the cause, [`response`](Self::response) has its status and headers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventSourceError {
    /// The response had a status that does not open an event stream and that the
    /// [`Policy`](super::Policy) does not take for temporary.
    #[error("the server answered {}", .0.status)]
    Status(Box<Parts>),
    /// The response was a 200, but its content type is not `text/event-stream`.
    #[error("the response is not an event stream")]
    ContentType(Box<Parts>),
    /// The policy's number of reconnections in a row is used up.
    #[error("gave up after {attempts} reconnections in a row")]
    Attempts {
        /// How many reconnections were attempted since the last sustained connection.
        attempts: u32,
        /// What ended the last of them.
        #[source]
        last: Reason,
    },
}

impl EventSourceError {
    /// Returns the status and headers of the response that caused this, if one did.
    pub fn response(&self) -> Option<&Parts> {
        match self {
            Self::Status(response)
            | Self::ContentType(response)
            | Self::Attempts { last: Reason::Status(response), .. } => Some(response),
            Self::Attempts { .. } => None,
        }
    }
}

/// Why a client reestablishes the connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The server ended the response.
    #[error("the event stream ended")]
    Ended,
    /// The request could not be made, or the response broke off.
    #[error(transparent)]
    Transport(TransportError),
    /// The response had a status that the [`Policy`](super::Policy) takes for temporary.
    #[error("the server answered {}", .0.status)]
    Status(Box<Parts>),
    /// No response had come after this long.
    #[error("no response for {0:?}")]
    NoResponse(Duration),
    /// Nothing, not even a comment, had come over the open connection for this long.
    #[error("no byte for {0:?}")]
    Silence(Duration),
}

/// An error of whatever carries requests and responses.
///
/// It displays as that error does and has the same source.
pub struct TransportError(Box<dyn Error + Send + Sync>);

impl TransportError {
    /// Wraps a transport's error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// Returns the transport's error, for instance to downcast it.
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }

    /// Returns the transport's error by value.
    pub fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
