//! Turning a fuzzer's bytes into what a target wants.

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// Draws a value with `bytes` for its randomness, so that who changes the bytes changes the value.
pub fn drawn<S: Strategy>(bytes: &[u8], strategy: &S) -> S::Value {
    let random = TestRng::from_seed(RngAlgorithm::PassThrough, bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    strategy.new_tree(&mut runner).expect("no value is rejected").current()
}

/// Bytes that are taken from the front. Once they are used up, zeros and nothing follow.
#[derive(Debug)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.slice(1).first().copied().unwrap_or(0)
    }

    pub fn number(&mut self) -> u64 {
        self.slice(8).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Takes up to so many bytes.
    pub fn slice(&mut self, most: usize) -> &'a [u8] {
        let (slice, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        slice
    }

    /// Takes a length of two bytes, and as many bytes.
    pub fn counted(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()) << 8 | usize::from(self.byte());
        self.slice(length)
    }

    /// Takes what [`counted`](Self::counted) does, as text.
    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.counted()).into_owned()
    }
}

/// Writes what [`Input::counted`] reads.
pub fn write_counted(to: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    to.extend((bytes.len() as u16).to_be_bytes());
    to.extend(bytes);
}
