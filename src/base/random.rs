use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

/// SplitMix64: one word of state, enough to spread clients over a window. Not cryptographically secure.
#[derive(Debug)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a duration from zero up to, but excluding, `bound`; zero if `bound` is zero.
    pub(crate) fn below(&mut self, bound: Duration) -> Duration {
        let bound = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        let product = u128::from(self.next()) * u128::from(bound);
        // The high half of the product is below `bound`, so it fits.
        Duration::from_nanos((product >> 64) as u64)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STRIDE);
        mix(self.0)
    }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// Returns a number from zero up to and including `most`, from one sequence for the whole process.
///
/// For values that are too many to have a sequence each. Lock-free.
pub(crate) fn up_to(most: u32) -> u32 {
    #[cfg(feature = "test-util")]
    if let Some(word) = fixed::next() {
        return (((word >> 32) * (u64::from(most) + 1)) >> 32) as u32;
    }
    static STATE: OnceLock<AtomicU64> = OnceLock::new();
    let state = STATE.get_or_init(|| AtomicU64::new(seed()));
    let high = mix(state.fetch_add(STRIDE, Ordering::Relaxed)) >> 32;
    // The high half of the product is at most `most`, so it fits.
    ((high * (u64::from(most) + 1)) >> 32) as u32
}

/// The increment of SplitMix64's state: the golden ratio, with which it takes every value.
const STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;

/// Returns a number that differs between processes and between calls.
pub(crate) fn seed() -> u64 {
    #[cfg(feature = "test-util")]
    if let Some(word) = fixed::next() {
        return word;
    }
    // The standard library keys every `RandomState` from the system's randomness.
    RandomState::new().hash_one(SystemTime::now())
}

/// A sequence that a test sets for one thread, in place of the system's randomness.
#[cfg(feature = "test-util")]
pub(crate) mod fixed {
    use std::cell::RefCell;

    use super::SplitMix64;

    thread_local! {
        static SEQUENCE: RefCell<Option<SplitMix64>> = const { RefCell::new(None) };
    }

    pub(crate) fn set(seed: Option<u64>) {
        // A thread that ends has nothing to set.
        let _ = SEQUENCE.try_with(|sequence| sequence.replace(seed.map(SplitMix64::new)));
    }

    pub(super) fn next() -> Option<u64> {
        SEQUENCE.try_with(|sequence| sequence.borrow_mut().as_mut().map(SplitMix64::next)).ok().flatten()
    }
}
