/// The positions of all CR and LF in a text that grows, in order.
///
/// A block of 64 bytes is turned into a mask with one bit per byte, so that several short lines cost one scan
/// of the block rather than one search each. Each byte is scanned once.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineEnds {
    /// The line ends that are still to come in the block scanned last.
    mask: u64,
    /// The start of that block, and everything before its end was scanned. In a text shorter than a block
    /// it begins before the text, but no bit is set there: positions wrap around zero.
    block: usize,
    /// The number of blocks with a line end since the last one without.
    in_a_row: u8,
}

impl LineEnds {
    /// Returns the line ends from `position` on.
    #[inline]
    pub(super) const fn after(position: usize) -> Self {
        Self { mask: 0, block: position.wrapping_sub(BLOCK), in_a_row: 0 }
    }

    /// Begins with another text, whose lines are probably as long as those before.
    #[inline]
    pub(super) fn restart(&mut self) {
        *self = Self { in_a_row: self.in_a_row, ..Self::after(0) };
    }

    /// Returns the position up to which everything was scanned.
    #[inline]
    const fn ahead(self) -> usize {
        self.block.wrapping_add(BLOCK)
    }

    /// Returns the position of the next CR or LF of `text`, and moves past it; `None` if all of `text` was
    /// scanned.
    #[inline]
    pub(super) fn next(&mut self, text: &[u8]) -> Option<usize> {
        if self.mask == 0 {
            if self.ahead() == text.len() {
                return None;
            }
            self.scan(text);
            if self.mask == 0 {
                return None;
            }
        }
        let position = self.block.wrapping_add(self.mask.trailing_zeros() as usize);
        self.mask &= self.mask - 1;
        debug_assert!(matches!(text[position], b'\r' | b'\n'), "a bit of the mask stands for a line end");
        Some(position)
    }

    /// Scans up to the end of the next block that has a line end.
    pub(super) fn scan(&mut self, text: &[u8]) {
        debug_assert!(self.mask == 0, "the line ends of a block are returned before the next one is scanned");
        let mut ahead = self.ahead();
        let mut rest = text.get(ahead..).unwrap_or_default();
        while let Some((block, after)) = rest.split_first_chunk() {
            #[cfg(test)]
            super::tests::count_visits(BLOCK);
            // Most blocks of a long line have no line end, and asking costs less than a mask. Of short
            // lines every block has one.
            if self.in_a_row >= MANY || may_have_ends(block) {
                return self.enter(block, ahead, text);
            }
            self.in_a_row = 0;
            (rest, ahead) = (after, ahead + BLOCK);
        }
        if rest.is_empty() {
            self.block = text.len().wrapping_sub(BLOCK);
        } else {
            self.enter_rest(rest, text.len());
        }
    }

    /// Finds the line ends of `block`, which starts at `at`; if there are none, those of the next block that
    /// has some.
    #[inline(never)] // bench: tokens
    fn enter(&mut self, block: &[u8; BLOCK], at: usize, text: &[u8]) {
        self.mask = mask(block);
        self.block = at;
        if self.mask == 0 {
            self.in_a_row = 0;
            self.scan(text);
        } else {
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
    }

    /// Finds the line ends of `rest`, the end of a text of `bytes` that is shorter than a block.
    #[inline(never)] // bench: line_of_4_mib
    fn enter_rest(&mut self, rest: &[u8], bytes: usize) {
        // It is not scanned again when the text grows: its line ends are in the mask from now on, and the
        // next block begins behind it.
        self.mask = mask_of_rest(rest);
        self.block = bytes.wrapping_sub(BLOCK);
    }

    /// Moves `bytes` back, because as many were put before the text.
    #[inline]
    pub(super) fn move_back(&mut self, bytes: usize) {
        self.block = self.block.wrapping_add(bytes);
    }

    /// Moves `bytes` forth, because as many were dropped at the start of the text.
    #[inline]
    pub(super) fn move_forth(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.ahead(), "only text that was scanned is dropped");
        self.block = self.block.wrapping_sub(bytes);
    }

    /// Returns whether all of a text of `bytes` was scanned, and all its line ends were returned.
    #[inline]
    pub(super) fn is_at_end(self, bytes: usize) -> bool {
        self.mask == 0 && self.ahead() == bytes
    }
}

impl Default for LineEnds {
    fn default() -> Self {
        Self::after(0)
    }
}

/// Returns the mask of fewer bytes than a block. Its highest bit is the last byte.
#[inline]
fn mask_of_rest(rest: &[u8]) -> u64 {
    #[cfg(test)]
    super::tests::count_visits(rest.len());
    if rest.len() > FEW {
        let mut block = [0; BLOCK];
        let (_, end) = block.split_at_mut(BLOCK - rest.len());
        end.copy_from_slice(rest);
        return mask(&block);
    }
    let mut words = rest.rchunks_exact(8);
    let (mut mask, mut bits) = (0, BLOCK);
    for word in &mut words {
        bits -= 8;
        mask |= mask_of_word(word.try_into().unwrap_or_default()) << bits;
    }
    words.remainder().iter().rev().fold(mask, |mask, &byte| {
        bits -= 1;
        mask | u64::from(is_end(byte)) << bits
    })
}

/// Returns the mask of eight bytes.
#[inline]
fn mask_of_word(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let word = u64::from_le_bytes(bytes);
    // The high bit of a byte stays clear if the byte equals `end`.
    let differs = |end: u8| {
        let bits = word ^ (ONES * u64::from(end));
        ((bits & (ONES * 0x7F)) + ONES * 0x7F) | bits
    };
    gather(!(differs(b'\n') & differs(b'\r')) >> 7 & ONES)
}

/// Turns eight bytes of 0 or 1 into eight bits.
#[inline]
const fn gather(bytes: u64) -> u64 {
    bytes.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[inline]
const fn is_end(byte: u8) -> bool {
    (byte == b'\n') | (byte == b'\r')
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
        *end = u8::from(is_end(byte));
    }
    let mut mask = 0;
    for (i, eight) in ends.chunks_exact(8).enumerate() {
        mask |= gather(u64::from_le_bytes(eight.try_into().unwrap_or_default())) << (i * 8);
    }
    mask
}

const BLOCK: usize = 64;

/// Up to so many bytes are cheaper in words than in a block.
const FEW: usize = 24;

/// After so many blocks with line ends the next one is likely to have one, too. The lines around a blank
/// line are fewer.
const MANY: u8 = 3;

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
