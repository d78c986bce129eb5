//! Finding line ends, 64 bytes at a time.

/// The positions of all CR and LF in a chunk, in order.
///
/// A block of 64 bytes is turned into a mask with one bit per byte, so that several short lines cost one scan of the
/// block rather than one each. Each byte is scanned once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineEnds {
    /// The line ends that are still to come in the block that ends at `ahead`.
    mask: u64,
    ahead: usize,
}

impl LineEnds {
    /// Returns the position of the next CR or LF of `input`, and moves past it. Every call must pass the same
    /// `input`.
    ///
    /// For long lines: skipping blocks without a line end is inlined into the caller.
    #[inline(always)]
    pub(super) fn next(&mut self, input: &[u8]) -> Option<usize> {
        if self.mask == 0 {
            *self = self.next_block(input, mask_apart);
        }
        let position = self.position();
        self.advance();
        position
    }

    /// Returns the position of the next CR or LF of `input`, and stays there. Every call must pass the same `input`.
    ///
    /// For the hottest loop: everything is inlined into the caller.
    #[inline(always)]
    pub(super) fn peek(&mut self, input: &[u8]) -> Option<usize> {
        if self.mask == 0 {
            *self = self.next_block(input, mask);
        }
        self.position()
    }

    #[inline(always)]
    fn position(self) -> Option<usize> {
        (self.mask != 0).then(|| self.ahead - BLOCK + self.mask.trailing_zeros() as usize)
    }

    /// Moves past the position returned last.
    #[inline(always)]
    pub(super) fn advance(&mut self) {
        self.mask &= self.mask.wrapping_sub(1);
    }

    /// Returns whether no line end is left, as far as is known without a search.
    #[inline(always)]
    pub(super) fn is_at_end(self, input: &[u8]) -> bool {
        self.mask == 0 && self.ahead >= input.len()
    }

    /// Moves to the next block that contains a line end.
    #[inline(always)]
    fn next_block(self, input: &[u8], mask: impl Fn(&[u8; BLOCK]) -> u64) -> Self {
        let Some(mut rest) = input.get(self.ahead..) else { return self };
        while let Some((block, after)) = rest.split_first_chunk() {
            #[cfg(test)]
            super::tests::count_visits(BLOCK);
            if may_have_ends(block) {
                let mask = mask(block);
                if mask != 0 {
                    return Self { mask, ahead: input.len() - after.len() };
                }
            }
            rest = after;
        }
        let mask = if rest.is_empty() { 0 } else { last_mask(input, rest.len()) };
        Self { mask, ahead: input.len() - rest.len() + BLOCK }
    }
}

/// Returns the mask of the last `len` bytes of `input`, fewer than a block.
#[inline(never)]
fn last_mask(input: &[u8], len: usize) -> u64 {
    #[cfg(test)]
    super::tests::count_visits(len);
    match input.last_chunk() {
        Some(block) => mask(block) >> (BLOCK - len),
        None => {
            let mut block = [0; BLOCK];
            block[..len].copy_from_slice(input);
            mask(&block)
        }
    }
}

/// Returns whether a byte is between LF and CR.
#[inline(always)]
fn may_have_ends(block: &[u8; BLOCK]) -> bool {
    let mut least = [u8::MAX; 16];
    for sixteen in block.chunks_exact(16) {
        for (least, &byte) in least.iter_mut().zip(sixteen) {
            *least = byte.wrapping_sub(b'\n').min(*least);
        }
    }
    least.iter().fold(false, |any, &least| any | (least <= b'\r' - b'\n'))
}

/// Returns a mask of the bytes that are CR or LF. The lowest bit is the first byte.
#[inline(always)]
fn mask(block: &[u8; BLOCK]) -> u64 {
    // Plain loops over arrays, which the compiler vectorises.
    let mut ends = [0; BLOCK];
    for (end, &byte) in ends.iter_mut().zip(block) {
        *end = u8::from((byte == b'\n') | (byte == b'\r'));
    }
    let mut mask = 0;
    for (i, eight) in ends.chunks_exact(8).enumerate() {
        let eight = u64::from_le_bytes(eight.try_into().unwrap_or_default());
        // Eight bytes of 0 or 1 become eight bits.
        mask |= (eight.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (i * 8);
    }
    mask
}

#[inline(never)]
fn mask_apart(block: &[u8; BLOCK]) -> u64 {
    mask(block)
}

const BLOCK: usize = 64;

#[cfg(test)]
mod tests {
    use super::LineEnds;

    #[test]
    fn finds_each_line_end_at_every_offset_and_length() {
        // An interpreter is slow: two blocks and a rest will do for it.
        let lengths = if cfg!(miri) { 129..131 } else { 0..200 };
        for length in lengths {
            for at in 0..length {
                let mut input = vec![b'\x0B'; length];
                input[at] = b'\n';
                input[length - 1] = b'\r';
                let mut ends = LineEnds::default();
                let found: Vec<_> = std::iter::from_fn(|| ends.next(&input)).collect();
                let expected: Vec<_> =
                    (0..length).filter(|&i| input[i] == b'\n' || input[i] == b'\r').collect();
                assert_eq!(found, expected);
            }
        }
    }
}
