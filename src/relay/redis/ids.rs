use crate::{event::id::EventId, history::ids::IdOrder};

/// The order of a Redis stream's entry IDs: milliseconds, a dash, and a counter within the millisecond.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamIds;

impl IdOrder for StreamIds {
    fn position(&self, id: &str) -> Option<u128> {
        let (millis, number) = id.split_once('-')?;
        Some(u128::from(canonical(millis)?) << 64 | u128::from(canonical(number)?))
    }

    fn id(&self, position: u128) -> EventId {
        let id = format!("{}-{}", (position >> 64) as u64, position as u64);
        EventId::from_checked(id.as_bytes())
    }
}

/// Parses a number spelled as Redis writes it.
fn canonical(digits: &str) -> Option<u64> {
    let spelled = matches!(digits.as_bytes(), [b'0'] | [b'1'..=b'9', ..]);
    if spelled && digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_as_redis_spells_them_have_a_position() {
        for (id, position) in [
            ("0-0", 0),
            ("0-1", 1),
            ("1-0", 1 << 64),
            ("1700000000000-7", 1_700_000_000_000 << 64 | 7),
            ("18446744073709551615-18446744073709551615", u128::MAX),
        ] {
            assert_eq!(StreamIds.position(id), Some(position));
            assert_eq!(StreamIds.id(position), *id);
        }
        for wrong in
            ["", "-", "1", "1-", "-1", "01-0", "1-00", "+1-0", "1-0-0", "1 -0", "18446744073709551616-0"]
        {
            assert_eq!(StreamIds.position(wrong), None, "{wrong:?}");
        }
    }
}
