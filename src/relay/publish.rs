use crate::{hub::publish_error::PublishError as HubPublishError, relay::log::AppendError};

/// An event could not be published, or it is not known whether it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError<E> {
    /// The event is not allowed. The log was not asked, or refused it because the topic is finished.
    #[error(transparent)]
    Refused(#[from] HubPublishError),
    /// The event was not published: the log refused it, or could not be reached. It is safe to try again.
    #[error("not published: the log refused it or could not be reached")]
    NotPublished(#[source] E),
    /// The event may or may not have been published: the connection broke, or time ran out, before the
    /// acknowledgement.
    ///
    /// Trying again may publish it twice, with two IDs, unless you use
    /// [`publish_once`](super::Relay::publish_once).
    #[error("the log did not acknowledge it, so it may have been published or not")]
    Unacknowledged(#[source] E),
}

impl<E> From<AppendError<E>> for PublishError<E> {
    fn from(error: AppendError<E>) -> Self {
        match error {
            AppendError::Finished => Self::Refused(HubPublishError::Finished),
            AppendError::Refused(error) => Self::NotPublished(error),
            AppendError::Unacknowledged(error) => Self::Unacknowledged(error),
        }
    }
}
