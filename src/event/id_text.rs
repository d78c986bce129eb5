use std::{
    fmt,
    hash::{Hash, Hasher},
    str,
    sync::Arc,
};

use crate::wire::put::{Filled, Put};

/// The text of an ID: a literal, shared, or short and stored in place.
#[derive(Clone)]
pub(crate) enum IdText {
    Static(&'static str),
    Shared(Arc<str>),
    InPlace(InPlace),
}

/// Text in the space of a pointer and a length, so that most IDs made by a hub need no allocation.
///
/// The layout aligns the text, which makes its UTF-8 check three times as fast.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct InPlace {
    text: [u8; Self::MAX],
    len: u8,
    kind: Kind,
}

/// A byte with a single valid value. The compiler uses the others for the other variants of [`IdText`].
#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    InPlace,
}

impl IdText {
    /// Stores bytes that are UTF-8.
    #[inline]
    pub(super) fn from_checked(bytes: &[u8]) -> Self {
        let mut text = [0; InPlace::MAX];
        let Some(room) = text.get_mut(..bytes.len()) else { return Self::shared(bytes) };
        Filled(room).put(bytes);
        Self::InPlace(InPlace { text, len: bytes.len() as u8, kind: Kind::InPlace })
    }

    /// Stores the first `len` bytes, which are UTF-8. Copies a fixed number of bytes if there are enough,
    /// because a copy of constant length is faster.
    #[inline]
    pub(super) fn from_start(bytes: &[u8], len: usize) -> Self {
        match bytes.first_chunk() {
            Some(text) if len <= InPlace::MAX => {
                Self::InPlace(InPlace { text: *text, len: len as u8, kind: Kind::InPlace })
            }
            _ => Self::from_checked(&bytes[..len]),
        }
    }

    #[cold]
    fn shared(bytes: &[u8]) -> Self {
        Self::Shared(str::from_utf8(bytes).unwrap_or_default().into())
    }

    /// Returns the text. If it is stored in place, this checks it for UTF-8.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
            Self::InPlace(text) => str::from_utf8(text.as_bytes()).unwrap_or_default(),
        }
    }

    /// Returns the bytes of memory in use beside itself.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Static(_) | Self::InPlace(_) => 0,
            // Two reference counts, and a header.
            Self::Shared(text) => text.len() + 16 + 8,
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Static(text) => text.as_bytes(),
            Self::Shared(text) => text.as_bytes(),
            Self::InPlace(text) => text.as_bytes(),
        }
    }
}

impl InPlace {
    const MAX: usize = 22;

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl From<&str> for IdText {
    fn from(text: &str) -> Self {
        Self::from_checked(text.as_bytes())
    }
}

impl PartialEq for IdText {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            // Fast path: a comparison of constant length, which may find a difference in what is behind the text.
            (Self::InPlace(own), Self::InPlace(other)) if own.text == other.text && own.len == other.len => {
                true
            }
            _ => self.as_bytes() == other.as_bytes(),
        }
    }
}

impl Eq for IdText {}

impl fmt::Debug for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Hash for IdText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    #[test]
    fn a_text_is_the_same_wherever_it_is_held() {
        const NARROW: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
        const WIDE: &str = "éééééééééééééééééééééééééééééééééééééééé";
        const MIXED: &str = "€yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
        let hasher = RandomState::new();
        for len in 0..40 {
            for text in [&NARROW[..len], &WIDE[..2 * len], &MIXED[..3 + len.min(39)]] {
                let literal = IdText::Static(text);
                let followed = [text.as_bytes(), &[b'\n'; 30]].concat();
                for other in [
                    IdText::from(text),
                    IdText::from_start(text.as_bytes(), text.len()),
                    IdText::from_start(&followed, text.len()),
                    IdText::Shared(text.into()),
                ] {
                    assert_eq!(other.as_str(), text);
                    assert!(other == literal && other.clone() == literal, "{text:?}");
                    assert!(other != IdText::from(format!("{text}x").as_str()), "{text:?}");
                    assert_eq!(hasher.hash_one(&other), hasher.hash_one(text));
                }
            }
        }
    }

    #[test]
    fn text_that_is_held_in_place_takes_the_room_of_a_pointer_and_a_length() {
        #[expect(dead_code, reason = "only its size matters")]
        enum Pointers {
            Static(&'static str),
            Shared(Arc<str>),
        }
        assert_eq!(size_of::<Option<IdText>>(), size_of::<Pointers>());
    }
}
