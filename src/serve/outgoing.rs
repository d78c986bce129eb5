use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes};

/// The bytes still to write: a head, the chunks of a body in chunked coding (RFC 9112, 7.1), and its end.
#[derive(Debug)]
pub(super) struct Outgoing<D> {
    head: Bytes,
    chunks: VecDeque<Chunk<D>>,
    end: &'static [u8],
    /// The number of bytes still to write.
    bytes: usize,
}

/// One chunk. Its data is written without a copy.
#[derive(Debug)]
struct Chunk<D> {
    size_line: [u8; SIZE_LINE],
    /// The index of the first byte of `size_line` still to write.
    start: usize,
    data: D,
    line_end: &'static [u8],
}

impl<D: Buf> Outgoing<D> {
    pub(super) fn new(head: Bytes) -> Self {
        Self { bytes: head.len(), head, chunks: VecDeque::new(), end: b"" }
    }

    /// Appends a frame. An empty frame is skipped, because a chunk of length 0 would end the body.
    pub(super) fn push(&mut self, data: D) {
        if data.has_remaining() {
            let chunk = Chunk::new(data);
            self.bytes = self.bytes.saturating_add(chunk.remaining());
            self.chunks.push_back(chunk);
        }
    }

    /// Appends the end of the body.
    pub(super) fn push_end(&mut self) {
        self.end = LAST_CHUNK;
        self.bytes = self.bytes.saturating_add(LAST_CHUNK.len());
    }

    /// Returns whether some of it must be written before more is appended.
    pub(super) fn is_full(&self) -> bool {
        self.chunks.len() >= MOST_CHUNKS || self.bytes >= MOST_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Frees the memory of a burst, once everything is written.
    pub(super) fn shrink(&mut self) {
        debug_assert!(self.is_empty(), "only what was written is let go of");
        if self.chunks.capacity() > 0 {
            self.chunks = VecDeque::new();
        }
    }

    /// Fills `slices` with the first bytes to write, and returns the number of slices.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        let mut filled = 0;
        let head_fits = put(slices, &mut filled, &self.head);
        if head_fits && self.chunks.iter().all(|chunk| chunk.slices(slices, &mut filled)) {
            put(slices, &mut filled, self.end);
        }
        filled
    }

    /// Removes the first `written` bytes.
    pub(super) fn advance(&mut self, mut written: usize) {
        debug_assert!(written <= self.bytes, "more was written than there is");
        self.bytes = self.bytes.saturating_sub(written);
        take(&mut self.head, &mut written);
        while let Some(chunk) = self.chunks.front_mut() {
            chunk.advance(&mut written);
            if chunk.remaining() > 0 {
                return;
            }
            self.chunks.pop_front();
        }
        take(&mut self.end, &mut written);
    }
}

impl<D: Buf> Chunk<D> {
    fn new(data: D) -> Self {
        // Written backwards, because the number of digits is known only at the end.
        let mut size_line = *b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n";
        let (mut start, mut rest) = (SIZE_LINE - LINE_END.len(), data.remaining());
        while rest > 0 {
            start -= 1;
            size_line[start] = b"0123456789ABCDEF"[rest % 16];
            rest /= 16;
        }
        Self { size_line, start, data, line_end: LINE_END }
    }

    fn remaining(&self) -> usize {
        let lines = SIZE_LINE - self.start + self.line_end.len();
        self.data.remaining().saturating_add(lines)
    }

    /// Appends its slices. Returns whether all of it fitted; if not, nothing may follow it.
    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>], filled: &mut usize) -> bool {
        if !put(slices, filled, &self.size_line[self.start..]) {
            return false;
        }
        let first = *filled;
        *filled += self.data.chunks_vectored(&mut slices[first..]);
        let len = slices[first..*filled].iter().map(|slice| slice.len()).sum::<usize>();
        len == self.data.remaining() && put(slices, filled, self.line_end)
    }

    fn advance(&mut self, written: &mut usize) {
        let len = (SIZE_LINE - self.start).min(*written);
        self.start += len;
        *written -= len;
        take(&mut self.data, written);
        take(&mut self.line_end, written);
    }
}

fn put<'a>(slices: &mut [IoSlice<'a>], filled: &mut usize, bytes: &'a [u8]) -> bool {
    if bytes.is_empty() {
        return true;
    }
    let Some(slice) = slices.get_mut(*filled) else { return false };
    *slice = IoSlice::new(bytes);
    *filled += 1;
    true
}

fn take(bytes: &mut impl Buf, written: &mut usize) {
    let len = bytes.remaining().min(*written);
    bytes.advance(len);
    *written -= len;
}

const LINE_END: &[u8] = b"\r\n";
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// Sixteen digits and the line end.
const SIZE_LINE: usize = 18;
/// The number of chunks written in one call.
const MOST_CHUNKS: usize = 16;
/// Gathering stops here, though a single frame may be larger.
const MOST_BYTES: usize = 64 * 1024;
/// The most slices that one call writes: three for each chunk, the head and the end.
pub(super) const SLICES: usize = 3 * MOST_CHUNKS + 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes at most `step` bytes at once, and returns all that went out.
    fn written(mut outgoing: Outgoing<impl Buf>, step: usize) -> Vec<u8> {
        let mut wire = Vec::new();
        while !outgoing.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = outgoing.slices(&mut slices);
            let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
            assert!(!bytes.is_empty(), "nothing to write though something is left");
            let len = bytes.len().min(step);
            wire.extend_from_slice(&bytes[..len]);
            outgoing.advance(len);
        }
        outgoing.shrink();
        wire
    }

    #[test]
    fn partial_writes_resume_within_a_chunk_at_every_byte() {
        let outgoing = || {
            let mut outgoing = Outgoing::new(Bytes::from_static(b"head\r\n\r\n"));
            outgoing.push(Bytes::from_static(b"data: a\n\n"));
            outgoing.push(Bytes::from(vec![b'x'; 300]));
            outgoing.push_end();
            outgoing
        };
        let expected = format!("head\r\n\r\n9\r\ndata: a\n\n\r\n12C\r\n{}\r\n0\r\n\r\n", "x".repeat(300));
        for step in 1..=expected.len() + 1 {
            assert_eq!(written(outgoing(), step), expected.as_bytes(), "{step} bytes at once");
        }
    }

    #[test]
    fn an_empty_frame_is_not_written_and_so_does_not_end_the_body() {
        let mut outgoing = Outgoing::new(Bytes::new());
        outgoing.push(Bytes::new());
        assert!(outgoing.is_empty());
        outgoing.push(Bytes::from_static(b"a"));
        outgoing.push(Bytes::new());
        assert_eq!(written(outgoing, usize::MAX), b"1\r\na\r\n");
    }

    /// A frame of many pieces. It fills as many slices as it is given room for.
    struct Pieces(VecDeque<Bytes>);

    impl Buf for Pieces {
        fn remaining(&self) -> usize {
            self.0.iter().map(Bytes::len).sum()
        }

        fn chunk(&self) -> &[u8] {
            self.0.front().map_or(b"", |piece| piece)
        }

        fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
            let len = slices.len().min(self.0.len());
            for (slice, piece) in slices.iter_mut().zip(&self.0) {
                *slice = IoSlice::new(piece);
            }
            len
        }

        fn advance(&mut self, mut len: usize) {
            while let Some(piece) = self.0.front_mut() {
                let part = piece.len().min(len);
                piece.advance(part);
                len -= part;
                if !piece.is_empty() {
                    return;
                }
                self.0.pop_front();
            }
        }
    }

    #[test]
    fn a_frame_of_more_pieces_than_one_write_takes_keeps_its_order() {
        let pieces =
            |len: usize| Pieces((0..len).map(|at| Bytes::from(vec![b'a' + (at % 26) as u8])).collect());
        for len in [1, SLICES - 3, SLICES - 2, SLICES - 1, SLICES, 3 * SLICES] {
            let mut outgoing = Outgoing::new(Bytes::new());
            outgoing.push(pieces(len));
            outgoing.push(pieces(1));
            outgoing.push_end();
            let text: Vec<u8> = (0..len).map(|at| b'a' + (at % 26) as u8).collect();
            let expected = [format!("{len:X}\r\n").as_bytes(), &text, b"\r\n1\r\na\r\n0\r\n\r\n"].concat();
            assert_eq!(written(outgoing, usize::MAX), expected, "{len} pieces");
        }
    }

    #[test]
    fn no_more_is_gathered_than_one_call_can_write() {
        let mut outgoing = Outgoing::new(Bytes::new());
        let mut pushed = 0;
        while !outgoing.is_full() {
            outgoing.push(Bytes::from_static(b"a"));
            pushed += 1;
        }
        assert_eq!(pushed, MOST_CHUNKS);
        let mut outgoing = Outgoing::new(Bytes::new());
        outgoing.push(Bytes::from(vec![0; MOST_BYTES]));
        assert!(outgoing.is_full());
    }

    #[test]
    fn the_memory_of_a_burst_goes_once_it_is_written() {
        let mut outgoing = Outgoing::new(Bytes::new());
        (0..100).for_each(|_| outgoing.push(Bytes::from_static(b"a")));
        outgoing.advance(600);
        outgoing.shrink();
        assert!(outgoing.is_empty());
        assert_eq!(outgoing.chunks.capacity(), 0);
    }
}
