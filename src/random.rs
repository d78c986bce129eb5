use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, SystemTime},
};

/// SplitMix64: one word of state, enough to spread clients over a window. Not for secrets.
#[derive(Debug)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a duration from zero up to, but not including, `bound`; zero if `bound` is zero.
    pub(crate) fn below(&mut self, bound: Duration) -> Duration {
        let bound = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        let product = u128::from(self.next()) * u128::from(bound);
        // The high half of the product is below `bound`, and so fits.
        Duration::from_nanos((product >> 64) as u64)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }
}

/// Returns a number that differs from process to process and from call to call.
pub(crate) fn seed() -> u64 {
    // The standard library keys every `RandomState` from the system's randomness.
    RandomState::new().hash_one(SystemTime::now())
}
