use crate::relay::redis::error::RedisLogError;

/// Commands did not get their replies.
#[derive(Debug)]
pub(super) enum Failed {
    /// The server has got nothing of them.
    NotSent(RedisLogError),
    /// The server refused one of them.
    Refused(RedisLogError),
    /// They may have been carried out.
    Unknown(RedisLogError),
}

impl Failed {
    /// Returns whether other connections to the same server are likely to be no good, either.
    pub(super) fn is_lost_server(&self) -> bool {
        match self {
            Self::NotSent(_) => false,
            Self::Refused(error) => error.is_wrong_server(),
            Self::Unknown(_) => true,
        }
    }

    pub(super) fn may_repeat(&self, repeat: Repeat) -> bool {
        match self {
            Self::NotSent(_) => repeat != Repeat::Never,
            Self::Refused(error) => repeat != Repeat::Never && error.is_wrong_server(),
            // Whoever has waited in vain does not wait again.
            Self::Unknown(error) => repeat == Repeat::WhenBroken && !error.is_timeout(),
        }
    }
}

/// Says which failed commands are sent once more, on a new connection.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Repeat {
    Never,
    /// If they had no effect.
    WithoutEffect,
    /// Also if they may have had one, since it is the same one then.
    WhenBroken,
}
