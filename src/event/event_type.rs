use std::{borrow::Borrow, fmt, str::FromStr};

use crate::event::shared_str::SharedStr;

/// An event type: the value of the `event` field, and the name passed to a browser's `addEventListener`.
///
/// It cannot contain CR or LF. An empty type is allowed; like no type, it means `message`.
///
/// Cloning is cheap.
///
/// # Examples
///
/// ```
/// use ssekit::EventType;
///
/// const ORDER: EventType = EventType::from_static("order");
/// assert_eq!(EventType::try_from("order")?, ORDER);
/// assert!(EventType::try_from("order\ndata: injected").is_err());
/// # Ok::<(), ssekit::InvalidEventType>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EventType(SharedStr);

/// The text is not an [`EventType`]: it contains a line break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line break in an event type, at byte {at}")]
pub struct InvalidEventType {
    at: usize,
}

impl EventType {
    /// Creates a type from a literal, without a copy.
    ///
    /// # Panics
    ///
    /// Panics if the text contains CR or LF; in a `const` that is an error at compile time. For other text
    /// use `EventType::try_from`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::EventType;
    ///
    /// const ORDER: EventType = EventType::from_static("order");
    /// assert_eq!(ORDER.as_str(), "order");
    /// ```
    pub const fn from_static(event_type: &'static str) -> Self {
        match check(event_type.as_bytes()) {
            Ok(()) => Self(SharedStr::Static(event_type)),
            Err(_) => panic!("line break in event type"),
        }
    }

    /// Returns the type as text.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::EventType;
    ///
    /// assert_eq!(EventType::try_from("order")?.as_str(), "order");
    /// # Ok::<(), ssekit::InvalidEventType>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl InvalidEventType {
    /// Returns the position of the first line break, in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::EventType;
    ///
    /// assert_eq!(EventType::try_from("two\nlines").unwrap_err().at(), 3);
    /// ```
    pub fn at(&self) -> usize {
        self.at
    }
}

impl TryFrom<&str> for EventType {
    type Error = InvalidEventType;

    fn try_from(event_type: &str) -> Result<Self, InvalidEventType> {
        check(event_type.as_bytes())?;
        Ok(Self(event_type.into()))
    }
}

impl TryFrom<String> for EventType {
    type Error = InvalidEventType;

    fn try_from(event_type: String) -> Result<Self, InvalidEventType> {
        Self::try_from(event_type.as_str())
    }
}

impl FromStr for EventType {
    type Err = InvalidEventType;

    fn from_str(event_type: &str) -> Result<Self, InvalidEventType> {
        Self::try_from(event_type)
    }
}

impl AsRef<str> for EventType {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for EventType {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for EventType {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for EventType {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventType({:?})", self.as_str())
    }
}

const fn check(event_type: &[u8]) -> Result<(), InvalidEventType> {
    let mut at = 0;
    while at < event_type.len() {
        if matches!(event_type[at], b'\r' | b'\n') {
            return Err(InvalidEventType { at });
        }
        at += 1;
    }
    Ok(())
}
