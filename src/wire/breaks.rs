//! Searching a text for line breaks: CR LF, CR and LF.

/// Counts the line breaks and their bytes. A CR LF is one break of two bytes.
pub(crate) fn count_breaks(text: &[u8]) -> (usize, usize) {
    let (mut returns, mut pairs) = (0, 0);
    for at in memchr::memchr_iter(b'\r', text) {
        returns += 1;
        pairs += usize::from(text[at..].starts_with(b"\r\n"));
    }
    let bytes = returns + count_line_feeds(text);
    (bytes - pairs, bytes)
}

fn count_line_feeds(text: &[u8]) -> usize {
    if text.len() > usize::from(u8::MAX) {
        return memchr::memchr_iter(b'\n', text).count();
    }
    usize::from(text.iter().fold(0_u8, |count, byte| count + u8::from(*byte == b'\n')))
}

/// Returns the position of the first CR or LF, for a text that probably has none.
#[inline]
pub(crate) fn find_break(text: &[u8]) -> Option<usize> {
    if text.len() <= SHORT_TEXT && !has_low_byte(text) {
        return None;
    }
    memchr::memchr2(b'\r', b'\n', text)
}

/// Returns the position of the first CR or LF, for a text that probably has one soon.
///
/// Searches the first bytes here, up to the length of most lines, because calling `memchr2` would take
/// longer.
#[inline]
pub(crate) fn find_next_break(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < SHORT_TEXT {
        let rest = &text[at..];
        let Some(block) = rest.first_chunk() else {
            return rest.iter().position(is_break).map(|found| at + found);
        };
        if has_low_byte(block) {
            let mut low = low_bytes(block);
            while low != 0 {
                let found = at + low.trailing_zeros() as usize / 8;
                if is_break(&text[found]) {
                    return Some(found);
                }
                low &= low - 1;
            }
        }
        at += block.len();
    }
    memchr::memchr2(b'\r', b'\n', &text[at..]).map(|found| at + found)
}

fn is_break(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Returns whether a byte is below 16. Hardly any byte in a text is, except CR and LF.
#[inline(always)] // bench: encode
pub(crate) fn has_low_byte(text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk::<16>() {
        has_low_byte_in_blocks(text, last)
    } else if let Some(last) = text.last_chunk::<8>() {
        has_low_byte_in_blocks(text, last)
    } else {
        text.iter().any(|byte| *byte < 16)
    }
}

/// Compares all blocks of `N` bytes at once, and then the last bytes. The compiler vectorises it.
#[inline(always)] // bench: encode
fn has_low_byte_in_blocks<const N: usize>(text: &[u8], last: &[u8; N]) -> bool {
    let mut least = *last;
    for block in text.chunks_exact(N) {
        for (least, byte) in least.iter_mut().zip(block) {
            *least = (*least).min(*byte);
        }
    }
    least.iter().fold(false, |low, byte| low | (*byte < 16))
}

/// Sets the highest bit of each byte below 16. Hardly any byte in a text is, except CR and LF.
///
/// Bits of bytes after the first such byte may be set wrongly.
#[inline]
fn low_bytes(block: &[u8; 16]) -> u128 {
    const EACH: u128 = u128::from_ne_bytes([1; 16]);
    let block = u128::from_le_bytes(*block);
    // Subtracting sets the highest bit of a byte that is too small, or was set in it anyway.
    block.wrapping_sub(EACH * 16) & !block & (EACH * 0x80)
}

/// Texts up to this length are searched here rather than by `memchr2`.
const SHORT_TEXT: usize = 64;
