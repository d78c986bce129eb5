//! Finding line ends, 64 bytes at a time.

/// The positions of all CR and LF in a chunk, in order.
///
/// A block of 64 bytes becomes a mask with a bit for each byte, so that short lines cost one scan of a block and
/// not one each. Each byte is looked at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineEnds {
    /// The line ends that are still to come in the block at `block`.
    mask: u64,
    block: usize,
    /// Where the next block begins.
    ahead: usize,
}

impl LineEnds {
    /// Returns the position of the next CR or LF of `input`, which must be the same in every call.
    #[inline]
    pub(super) fn next(&mut self, input: &[u8]) -> Option<usize> {
        if self.mask == 0 && (self.ahead >= input.len() || !self.find_block(input)) {
            return None;
        }
        let position = self.block + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(position)
    }

    /// Goes on to the next block with a line end in it.
    fn find_block(&mut self, input: &[u8]) -> bool {
        while let Some(rest) = input.get(self.ahead..).filter(|rest| !rest.is_empty()) {
            #[cfg(test)]
            super::tests::count_visits(rest.len().min(BLOCK));
            self.block = self.ahead;
            self.ahead += BLOCK;
            self.mask = match rest.first_chunk() {
                Some(block) => mask(block),
                None => {
                    let mut block = [0; BLOCK];
                    block[..rest.len()].copy_from_slice(rest);
                    mask(&block)
                }
            };
            if self.mask != 0 {
                return true;
            }
        }
        false
    }
}

/// Returns a bit for each byte that is CR or LF, the first byte's the lowest.
#[inline(always)]
fn mask(block: &[u8; BLOCK]) -> u64 {
    // Plain loops over arrays: the compiler makes vector instructions of them.
    let mut ends = [0; BLOCK];
    for (end, &byte) in ends.iter_mut().zip(block) {
        *end = u8::from((byte == b'\n') | (byte == b'\r'));
    }
    if ends.iter().fold(0, |any, end| any | end) == 0 {
        return 0;
    }
    let mut mask = 0;
    for (i, eight) in ends.chunks_exact(8).enumerate() {
        let eight = u64::from_le_bytes(eight.try_into().unwrap_or_default());
        // Eight bytes of 0 or 1 become eight bits.
        mask |= (eight.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (i * 8);
    }
    mask
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
