#[cfg(feature = "redis-tls")]
mod rustls;

#[cfg(feature = "redis-tls")]
pub(super) use self::rustls::Tls;

/// There is none without the feature.
#[cfg(not(feature = "redis-tls"))]
#[derive(Clone)]
pub(super) enum Tls {}
