//! Waiting, independent of a runtime.
//!
//! The crate waits in two places: a keep-alive for the end of a silence, and a client before it reconnects.
//! Both take a [`Timer`], so that they run on any runtime and, in tests, on none.

pub(crate) mod alarm;
pub(crate) mod interface;
#[cfg(feature = "tokio")]
pub(crate) mod tokio;

pub use self::interface::Timer;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub use self::tokio::TokioTimer;
