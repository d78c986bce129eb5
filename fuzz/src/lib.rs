//! Turning a fuzzer's bytes into what a target wants.

/// Returns bytes without end, the same for the same seed, which is not zero.
pub fn random(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
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

    /// Takes a byte that makes a choice.
    pub fn chance(&mut self, out_of: u8) -> bool {
        self.byte().is_multiple_of(out_of)
    }

    /// Takes two bytes as a number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let number = usize::from(self.byte()) | usize::from(self.byte()) << 8;
        number % bound
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

    /// Takes a length of one byte, and as many bytes.
    pub fn short(&mut self) -> &'a [u8] {
        let length = self.byte().into();
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
