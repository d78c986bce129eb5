//! Randomness that tests can repeat.
//!
//! The crate draws random numbers for the epoch of a hub's IDs, for jitter, and for the delays before
//! reconnections. A test that runs a whole service on a simulated clock and network can seed them, so that a
//! run that failed can be repeated.

use crate::base::random::fixed;

/// Seeds the crate's random numbers on the current thread, or with `None` returns to the system's.
///
/// From now on, hubs, relays, clients and keep-alives that draw a number on this thread get the next one of
/// the seed's sequence. The same calls in the same order then give the same IDs and the same delays. Other
/// threads are not affected. The IDs can be predicted, so use it only in tests.
///
/// # Examples
///
/// ```
/// use ssekit::{Bounds, Hub, testing::seed_randomness};
///
/// let first_id = || Hub::new(Bounds::events(1)).publish("orders", "one");
/// seed_randomness(7);
/// let id = first_id()?;
/// assert_ne!(first_id()?, id);
/// seed_randomness(7);
/// assert_eq!(first_id()?, id);
/// seed_randomness(None);
/// # Ok::<(), ssekit::hub::PublishError>(())
/// ```
pub fn seed_randomness(seed: impl Into<Option<u64>>) {
    fixed::set(seed.into());
}
