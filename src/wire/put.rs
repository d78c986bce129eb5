use std::mem;

use bytes::BytesMut;

/// A sink that an event is written to, piece by piece.
pub(crate) trait Put {
    fn put(&mut self, piece: &[u8]);
}

/// The part of a zeroed slice not written yet.
pub(crate) struct Filled<'b>(pub(crate) &'b mut [u8]);

impl Put for Vec<u8> {
    #[inline]
    fn put(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }
}

impl Put for BytesMut {
    #[inline]
    fn put(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }
}

impl<P: Put> Put for &mut P {
    #[inline]
    fn put(&mut self, piece: &[u8]) {
        P::put(self, piece);
    }
}

impl Put for Filled<'_> {
    /// Most pieces are so short that calling `memcpy` takes longer than copying them here.
    #[inline]
    fn put(&mut self, piece: &[u8]) {
        let (to, rest) = mem::take(&mut self.0).split_at_mut(piece.len());
        match piece.len() {
            0..4 => to.iter_mut().zip(piece).for_each(|(to, byte)| *to = *byte),
            4..8 => copy_ends::<4>(piece, to),
            8..16 => copy_ends::<8>(piece, to),
            16..=32 => copy_ends::<16>(piece, to),
            _ => to.copy_from_slice(piece),
        }
        self.0 = rest;
    }
}

/// Copies the first and the last `N` bytes, which are all of them if there are `N` to `2 * N`.
#[inline]
fn copy_ends<const N: usize>(from: &[u8], to: &mut [u8]) {
    if let (Some(first), Some(to)) = (from.first_chunk::<N>(), to.first_chunk_mut::<N>()) {
        *to = *first;
    }
    if let (Some(last), Some(to)) = (from.last_chunk::<N>(), to.last_chunk_mut::<N>()) {
        *to = *last;
    }
}
