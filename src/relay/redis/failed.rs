use crate::relay::redis::error::RedisLogError;

/// Commands did not get their replies.
#[derive(Debug)]
pub(super) enum Failed {
    /// The server received none of them.
    NotSent(RedisLogError),
    /// The server refused one of them.
    Refused(RedisLogError),
    /// They may have been executed.
    Unknown(RedisLogError),
}

impl Failed {
    /// Returns whether other connections to the same server are likely to have failed, too.
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
            // A caller that has waited for the whole time limit does not wait again.
            Self::Unknown(error) => repeat == Repeat::WhenBroken && !error.is_timeout(),
        }
    }
}

/// The failed commands to send once more, on a new connection.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Repeat {
    Never,
    /// If they had no effect.
    WithoutEffect,
    /// Even if they may have had one, because repeating them has the same effect.
    WhenBroken,
}
