use std::sync::Arc;

use crate::{
    event::{id::EventId, value::Event},
    history::{error::IdError, ids::IdOrder, position::Position},
    wire::field::{Digits, ID},
};

/// The way in which IDs are generated and read.
///
/// It is immutable, so it is used without a lock. That matters because it may call application code.
#[derive(Clone, Debug)]
pub(crate) enum Scheme {
    Own(Epoch),
    Ordered(Arc<dyn IdOrder>),
    Unordered,
}

/// A position, with its ID if only the [`IdSpace`](super::id_space::IdSpace) could determine that.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) position: Position,
    pub(super) id: Option<EventId>,
}

/// The `id` line of an event whose ID the crate generates; otherwise empty.
#[derive(Debug)]
pub(crate) struct IdLine {
    len: u32,
    text: [u8; Self::MAX],
}

/// Twelve hexadecimal digits and a dash, the start of every generated ID.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch([u8; Self::LEN]);

impl Scheme {
    /// Returns the maximum length of the `id` line before an event.
    pub(super) fn max_line(&self) -> usize {
        if let Self::Own(_) = self { IdLine::MAX } else { 0 }
    }

    /// Returns the position of an event's own ID, if it has one.
    #[inline]
    pub(super) fn position_of(&self, event: &Event) -> Result<Option<Position>, IdError> {
        match (self, event.id()) {
            (Self::Own(_), None) => Ok(None),
            (Self::Own(_), Some(_)) => Err(IdError::Unexpected),
            // An empty ID would make clients forget the one that they have.
            (_, id) if id.is_none_or(EventId::is_empty) => Err(IdError::Missing),
            (Self::Ordered(order), Some(id)) => {
                order.position(id.as_str()).map(Some).ok_or(IdError::Unordered)
            }
            (Self::Unordered, Some(_)) if event.key().is_some() => Err(IdError::KeyUnordered),
            _ => Ok(None),
        }
    }

    /// Returns the position of an ID, if the ID alone determines it.
    pub(crate) fn locate(&self, id: &EventId) -> Option<Position> {
        match self {
            Self::Own(epoch) => epoch.position(id.as_str()),
            Self::Ordered(order) => order.position(id.as_str()),
            Self::Unordered => None,
        }
    }

    /// Returns the ID of a position, if it can be determined.
    pub(crate) fn id(&self, mark: Mark) -> Option<EventId> {
        match self {
            Self::Own(epoch) => Some(epoch.id(mark.position)),
            Self::Ordered(order) => Some(order.id(mark.position)),
            // Without an order only the ID itself can name a position, and only the newest one is
            // kept.
            Self::Unordered => mark.id,
        }
    }

    /// Returns the ID of an event published at a position.
    #[inline]
    pub(crate) fn event_id(&self, event: &Event, position: impl FnOnce() -> Position) -> EventId {
        match (self, event.id()) {
            (Self::Own(epoch), _) => epoch.id(position()),
            (_, Some(id)) => id.clone(),
            (_, None) => EventId::from_static(""),
        }
    }

    /// Returns the `id` line of position zero, if the crate generates the IDs.
    pub(super) fn first_line(&self) -> IdLine {
        if let Self::Own(epoch) = self { IdLine::new(epoch) } else { IdLine::NONE }
    }
}

impl IdLine {
    pub(super) const MAX: usize = ID.len() + Epoch::MAX_ID + 1;
    const NONE: Self = Self { len: 0, text: [0; Self::MAX] };
    /// The offset at which the number begins.
    const NUMBER: usize = ID.len() + Epoch::LEN;

    fn new(epoch: &Epoch) -> Self {
        let mut text = [0; Self::MAX];
        let mut len = 0;
        for piece in [ID, &epoch.0, b"0\n"] {
            text[len..len + piece.len()].copy_from_slice(piece);
            len += piece.len();
        }
        Self { len: len as u32, text }
    }

    /// Moves to the next position. Increments the digits in place, which is less work than writing the number
    /// again.
    #[inline]
    pub(super) fn advance(&mut self) {
        let Some(end) = self.end() else { return };
        // Counting in decimal digits: nine times of ten one byte changes, and no number is
        // formatted.
        for digit in self.text[Self::NUMBER..end].iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        // All digits were nines.
        self.text[Self::NUMBER] = b'1';
        self.text[end] = b'0';
        self.text[end + 1] = b'\n';
        self.len += 1;
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len as usize]
    }

    /// Returns the ID of an event that this line precedes.
    #[inline]
    pub(crate) fn event_id(&self, event: &Event) -> EventId {
        match (self.end(), event.id()) {
            (Some(end), _) => EventId::from_start(&self.text[ID.len()..], end - ID.len()),
            (None, Some(id)) => id.clone(),
            (None, None) => EventId::from_static(""),
        }
    }

    /// Returns the offset at which the ID ends.
    #[inline]
    fn end(&self) -> Option<usize> {
        (self.len as usize).checked_sub(1)
    }
}

impl Epoch {
    const LEN: usize = 13;
    /// The maximum length of a generated ID.
    const MAX_ID: usize = Self::LEN + Digits::MAX;

    pub(super) fn new(random: u64) -> Self {
        let mut epoch = *b"000000000000-";
        for (i, digit) in epoch[..12].iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(random >> (4 * i) & 0xf) as usize];
        }
        Self(epoch)
    }

    fn id(&self, position: Position) -> EventId {
        let digits = Digits::new(position as u64);
        let mut id = [0; Self::MAX_ID];
        let len = self.0.len() + digits.as_bytes().len();
        id[..self.0.len()].copy_from_slice(&self.0);
        id[self.0.len()..len].copy_from_slice(digits.as_bytes());
        EventId::from_start(&id, len)
    }

    /// Parses a generated ID, if it is spelled exactly as generated.
    fn position(&self, id: &str) -> Option<Position> {
        let digits = id.as_bytes().strip_prefix(&self.0)?;
        // One spelling for each number, so that two IDs are equal if and only if their positions
        // are.
        let canonical = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.iter().all(u8::is_ascii_digit);
        let number: u64 = std::str::from_utf8(digits).ok().filter(|_| canonical)?.parse().ok()?;
        Some(number.into())
    }
}

/// Returns the ID of an encoded event whose first line is its `id`.
pub(crate) fn id_in(text: &[u8]) -> Option<&str> {
    let rest = text.strip_prefix(ID)?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    std::str::from_utf8(&rest[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_id_is_read_back_only_as_it_is_spelled() {
        let epoch = Epoch::new(0xfedc_ba98_7654_3210);
        for position in [0, 1, 9, 10, u128::from(u64::MAX)] {
            assert_eq!(epoch.position(epoch.id(position).as_str()), Some(position));
        }
        for wrong in [
            "",
            "0",
            "0123456789ab-",
            "0123456789ab-+1",
            "0123456789ab-01",
            "0123456789ab-1 ",
            "0123456789ac-1",
            "0123456789ab-18446744073709551616",
            "0123456789AB-1",
        ] {
            assert_eq!(epoch.position(wrong), None, "{wrong:?}");
        }
        assert_eq!(epoch.id(1), "0123456789ab-1");
    }

    #[test]
    fn the_id_lines_are_those_of_the_positions_in_order() {
        let epoch = Epoch::new(1);
        let mut line = IdLine::new(&epoch);
        for position in 0..2_000 {
            assert_eq!(line.as_bytes(), format!("id: {}\n", epoch.id(position).as_str()).as_bytes());
            assert_eq!(line.event_id(&Event::default()), epoch.id(position));
            line.advance();
        }
    }

    #[test]
    fn the_longest_id_line_has_its_room() {
        let mut line = IdLine::new(&Epoch::new(1));
        for len in 2..=Digits::MAX {
            let end = line.end().unwrap();
            line.text[IdLine::NUMBER..end].fill(b'9');
            line.advance();
            assert_eq!(line.as_bytes().len(), IdLine::NUMBER + len + 1);
        }
    }
}
