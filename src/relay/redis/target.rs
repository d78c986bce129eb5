use std::{pin::Pin, time::Duration};

use redis::ConnectionInfo;

use crate::relay::redis::{error::RedisLogError, link::Link, tls::Tls};

/// The server that a connection leads to.
pub(super) trait Target: Send + Sync {
    /// Connects, and checks that the server is ready.
    fn open(&self, reply_within: Duration) -> Opening<'_>;
}

pub(super) type Opening<'a> = Pin<Box<dyn Future<Output = Result<Link, RedisLogError>> + Send + 'a>>;

/// One server, always the same.
pub(super) struct Server {
    pub(super) info: ConnectionInfo,
    pub(super) tls: Option<Tls>,
}

impl Target for Server {
    fn open(&self, reply_within: Duration) -> Opening<'_> {
        Box::pin(Link::open(&self.info, self.tls.as_ref(), reply_within))
    }
}
