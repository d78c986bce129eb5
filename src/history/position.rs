/// The place of an event in the order of its hub or buffer.
pub(crate) type Position = u128;

/// A position that needs the alignment of a `u64` only, for what is held by each subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SmallPosition([u64; 2]);

impl SmallPosition {
    #[inline]
    pub(crate) fn new(position: Position) -> Self {
        Self([(position >> 64) as u64, position as u64])
    }

    #[inline]
    pub(crate) fn get(self) -> Position {
        let Self([high, low]) = self;
        Position::from(high) << 64 | Position::from(low)
    }
}
