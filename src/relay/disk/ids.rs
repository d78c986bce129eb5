use crate::{event::id::EventId, history::ids::IdOrder};

/// The order of a [`DiskLog`](crate::relay::DiskLog)'s IDs: a number, a dash, and sixteen hexadecimal digits.
///
/// Numbers count from 1 over the life of a folder. The digits are drawn at random each time the folder is
/// opened. If an older copy of the folder replaces it, numbers repeat, but never with the same digits.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskIds;

impl IdOrder for DiskIds {
    fn position(&self, id: &str) -> Option<u128> {
        let (number, epoch) = id.split_once('-')?;
        let canonical =
            matches!(number.as_bytes(), [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit));
        let lower = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        if !canonical || epoch.len() != 16 || !epoch.as_bytes().iter().all(lower) {
            return None;
        }
        Some(position(number.parse().ok()?, u64::from_str_radix(epoch, 16).ok()?))
    }

    fn id(&self, position: u128) -> EventId {
        let (number, epoch) = parts(position);
        EventId::from_checked(format!("{number}-{epoch:016x}").as_bytes())
    }
}

pub(super) const fn position(number: u64, epoch: u64) -> u128 {
    (number as u128) << 64 | epoch as u128
}

/// Returns the number and the epoch.
pub(super) const fn parts(position: u128) -> (u64, u64) {
    ((position >> 64) as u64, position as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_of_the_one_spelling_have_a_position() {
        for (number, epoch) in [(1, 0), (17, 0x9f3c), (u64::MAX, u64::MAX)] {
            let at = position(number, epoch);
            assert_eq!(DiskIds.position(DiskIds.id(at).as_str()), Some(at));
        }
        for wrong in ["", "1", "1-", "-0000000000000001", "0-0000000000000001", "01-0000000000000001"]
            .into_iter()
            .chain(["+1-0000000000000001", "1-000000000000001", "1-000000000000000A", "1-+000000000000001"])
        {
            assert_eq!(DiskIds.position(wrong), None, "{wrong:?}");
        }
    }
}
