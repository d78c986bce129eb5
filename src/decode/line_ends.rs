//! Finding line ends, 64 bytes at a time.

/// The positions of all CR and LF in a text that grows, in order.
///
/// A block of 64 bytes is turned into a mask with one bit per byte, so that several short lines cost one scan
/// of the block rather than one each. Each byte is scanned once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineEnds {
    /// The line ends that are still to come in the block that ends at `ahead`.
    mask: u64,
    /// Everything before this position was scanned.
    ahead: usize,
}

impl LineEnds {
    /// Returns the line ends from `position` on.
    pub(super) const fn after(position: usize) -> Self {
        Self { mask: 0, ahead: position }
    }

    /// Returns the position of the next CR or LF of `text`, and moves past it; `None` if all of `text` was
    /// scanned.
    #[inline]
    pub(super) fn next(&mut self, text: &[u8]) -> Option<usize> {
        if self.mask == 0 {
            self.scan(text);
            if self.mask == 0 {
                return None;
            }
        }
        // In a text shorter than a block the block begins before the text, but no bit is set there.
        let position = (self.ahead + self.mask.trailing_zeros() as usize).wrapping_sub(BLOCK);
        self.mask &= self.mask - 1;
        debug_assert!(matches!(text[position], b'\r' | b'\n'), "a bit of the mask stands for a line end");
        Some(position)
    }

    /// Scans up to the end of the next block that has a line end.
    #[inline]
    pub(super) fn scan(&mut self, text: &[u8]) {
        debug_assert!(self.mask == 0, "the line ends of a block are returned before the next one is scanned");
        let mut rest = text.get(self.ahead..).unwrap_or_default();
        while let Some((block, after)) = rest.split_first_chunk() {
            #[cfg(test)]
            super::tests::count_visits(BLOCK);
            rest = after;
            // Most blocks of a long line have no line end, and asking costs less than a mask.
            if may_have_ends(block) {
                self.mask = mask(block);
                if self.mask != 0 {
                    self.ahead = text.len() - rest.len();
                    return;
                }
            }
        }
        // The rest is not scanned again when the text grows: its line ends are in the mask from now
        // on, and the next block begins behind it.
        self.ahead = text.len();
        if !rest.is_empty() {
            self.mask = last_mask(text, rest.len());
        }
    }

    /// Moves `bytes` back, because as many were put before the text.
    #[inline]
    pub(super) fn move_back(&mut self, bytes: usize) {
        self.ahead += bytes;
    }

    /// Moves `bytes` forth, because as many were dropped at the start of the text.
    #[inline]
    pub(super) fn move_forth(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.ahead, "only text that was scanned is dropped");
        self.ahead -= bytes;
    }

    /// Returns whether all of a text of `bytes` was scanned, and all its line ends were returned.
    #[inline]
    pub(super) fn is_at_end(self, bytes: usize) -> bool {
        self.mask == 0 && self.ahead == bytes
    }
}

/// Returns the mask of the last `len` bytes of `text`, fewer than a block. Its highest bit is the last byte.
fn last_mask(text: &[u8], len: usize) -> u64 {
    #[cfg(test)]
    super::tests::count_visits(len);
    match text.last_chunk() {
        // The bytes before were scanned.
        Some(block) => mask(block) >> (BLOCK - len) << (BLOCK - len),
        None => {
            let mut block = [0; BLOCK];
            block[BLOCK - len..].copy_from_slice(&text[text.len() - len..]);
            mask(&block)
        }
    }
}

/// Returns whether a byte is between LF and CR.
#[inline]
fn may_have_ends(block: &[u8; BLOCK]) -> bool {
    // With LF subtracted, LF and CR are the ends of a range that one comparison covers. The few
    // bytes between them cost no more than a mask that turns out empty.
    let mut least = [u8::MAX; 16];
    for sixteen in block.chunks_exact(16) {
        for (least, &byte) in least.iter_mut().zip(sixteen) {
            *least = byte.wrapping_sub(b'\n').min(*least);
        }
    }
    least.iter().fold(false, |any, &least| any | (least <= b'\r' - b'\n'))
}

/// Returns a mask of the bytes that are CR or LF. The lowest bit is the first byte.
#[inline]
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
