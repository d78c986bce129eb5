use std::{borrow::Borrow, fmt, str::FromStr};

use crate::event::id_text::IdText;

/// An event ID: the value of the `id` field, which the client sends back in a `Last-Event-ID` header.
///
/// It holds only text that survives that round trip. These are rejected: NUL, CR, LF and all other control
/// characters (a strict server answers 400 to such a header, and a browser then gives up for good), a space
/// or tab at either end (a header loses them), and more than [`MAX_BYTES`](Self::MAX_BYTES). An empty ID is
/// allowed: it clears the client's last event ID.
///
/// Only printable ASCII is safe everywhere ([`is_printable_ascii`](Self::is_printable_ascii)). Browsers send
/// other text back as UTF-8. Clients built on `fetch` send Latin-1, which the crate also reads, and fail at
/// characters above U+00FF.
///
/// Cloning is cheap, and an ID of up to 22 bytes, as most are, needs no allocation. Converting an integer
/// cannot fail.
///
/// # Examples
///
/// ```
/// use ssekit::EventId;
///
/// const FIRST: EventId = EventId::from_static("order-1");
/// assert_eq!(EventId::from(42_u64).as_str(), "42");
/// assert_eq!(EventId::try_from("order-1")?, FIRST);
/// assert!(EventId::try_from("1\ndata: injected").is_err());
/// # Ok::<(), ssekit::InvalidEventId>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EventId(IdText);

/// The text is not an [`EventId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEventId {
    /// It is longer than [`EventId::MAX_BYTES`].
    #[error("an event ID of {len} bytes is longer than {max}", max = EventId::MAX_BYTES)]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It contains a control character, such as a line break or NUL.
    #[error("control character in an event ID, at byte {at}")]
    ControlCharacter {
        /// The position of the character, in bytes.
        at: usize,
    },
    /// It begins or ends with a space or a tab.
    #[error("an event ID begins or ends with white space")]
    OuterSpace,
}

impl EventId {
    /// The greatest length of an ID: 256 bytes.
    pub const MAX_BYTES: usize = 256;

    /// Creates an ID from a literal, without a copy.
    ///
    /// # Panics
    ///
    /// Panics if the text is not a valid ID; in a `const` that is an error at compile time. For other text
    /// use `EventId::try_from`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::EventId;
    ///
    /// const FIRST: EventId = EventId::from_static("order-1");
    /// assert_eq!(FIRST, "order-1");
    /// ```
    pub const fn from_static(id: &'static str) -> Self {
        match check(id.as_bytes()) {
            Ok(()) => Self(IdText::Static(id)),
            Err(InvalidEventId::TooLong { .. }) => panic!("event ID too long"),
            Err(InvalidEventId::ControlCharacter { .. }) => panic!("control character in event ID"),
            Err(InvalidEventId::OuterSpace) => panic!("event ID begins or ends with white space"),
        }
    }

    /// Returns the ID as text.
    ///
    /// A short ID is stored as bytes and checked for UTF-8 at each call, which takes some nanoseconds.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::EventId;
    ///
    /// assert_eq!(EventId::from(42).as_str(), "42");
    /// ```
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns whether this is the empty ID, which clears the client's last event ID.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::EventId;
    ///
    /// assert!(EventId::from_static("").is_empty());
    /// assert!(!EventId::from_static("0").is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Returns whether the ID is printable ASCII, which every client, proxy and server passes on unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::EventId;
    ///
    /// assert!(EventId::from_static("order-1").is_printable_ascii());
    /// assert!(!EventId::from_static("é-1").is_printable_ascii());
    /// ```
    pub fn is_printable_ascii(&self) -> bool {
        // Control characters are rejected on construction.
        self.as_bytes().is_ascii()
    }

    /// Returns the bytes of the text, which costs less than [`as_str`](Self::as_str).
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Creates an ID from UTF-8 that the caller knows to be valid as an ID.
    #[inline]
    pub(crate) fn from_checked(id: &[u8]) -> Self {
        debug_assert!(
            check(id).is_ok() && std::str::from_utf8(id).is_ok(),
            "an ID that is built here is valid"
        );
        Self(IdText::from_checked(id))
    }

    /// Like [`from_checked`](Self::from_checked) for the first `len` bytes, but faster if more bytes follow.
    #[inline]
    pub(crate) fn from_start(bytes: &[u8], len: usize) -> Self {
        debug_assert!(
            check(&bytes[..len]).is_ok() && std::str::from_utf8(&bytes[..len]).is_ok(),
            "the start of the bytes is a valid ID"
        );
        Self(IdText::from_start(bytes, len))
    }
}

impl TryFrom<&str> for EventId {
    type Error = InvalidEventId;

    fn try_from(id: &str) -> Result<Self, InvalidEventId> {
        check(id.as_bytes())?;
        Ok(Self(id.into()))
    }
}

impl TryFrom<String> for EventId {
    type Error = InvalidEventId;

    fn try_from(id: String) -> Result<Self, InvalidEventId> {
        Self::try_from(id.as_str())
    }
}

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(id: &str) -> Result<Self, InvalidEventId> {
        Self::try_from(id)
    }
}

macro_rules! from_integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for EventId {
            fn from(id: $integer) -> Self {
                Self(id.to_string().as_str().into())
            }
        }
    )*};
}

from_integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl AsRef<str> for EventId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for EventId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for EventId {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for EventId {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({:?})", self.as_str())
    }
}

const fn check(id: &[u8]) -> Result<(), InvalidEventId> {
    if id.len() > EventId::MAX_BYTES {
        return Err(InvalidEventId::TooLong { len: id.len() });
    }
    let mut at = 0;
    while at < id.len() {
        // C0 and DEL, then C1, which UTF-8 encodes as C2 80 to C2 9F. This also rejects a tab.
        let c1 = id[at] == 0xC2 && at + 1 < id.len() && id[at + 1] < 0xA0;
        if id[at].is_ascii_control() || c1 {
            return Err(InvalidEventId::ControlCharacter { at });
        }
        at += 1;
    }
    match id {
        [b' ', ..] | [.., b' '] => Err(InvalidEventId::OuterSpace),
        _ => Ok(()),
    }
}
