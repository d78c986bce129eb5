use std::{borrow::Cow, fmt, str::Utf8Error};

use bytes::Bytes;

/// Text for data and comments: UTF-8, shared, cheap to clone.
///
/// A `String` is taken without a copy, and so is a literal with [`from_static`](Self::from_static); any other
/// `&str` is copied. To use bytes, such as a request's body, check them once with `Text::try_from`, which
/// does not copy them either.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use ssekit::{Event, Text};
///
/// let body = Bytes::from_static(b"posted");
/// let event = Event::new(Text::try_from(body)?);
/// assert_eq!(event.encode(), "data: posted\n\n");
/// assert!(Text::try_from(Bytes::from_static(b"\xff")).is_err());
/// # Ok::<(), std::str::Utf8Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text(Bytes);

impl Text {
    /// Creates a text from a literal, without a copy.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Event, Text};
    ///
    /// const GREETING: Text = Text::from_static("hello");
    /// assert_eq!(Event::new(GREETING).encode(), "data: hello\n\n");
    /// ```
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// Returns the text's bytes, which are UTF-8.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Text;
    ///
    /// assert_eq!(Text::from("é").as_bytes(), [0xC3, 0xA9]);
    /// ```
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Box<str>> for Text {
    fn from(text: Box<str>) -> Self {
        text.into_string().into()
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl TryFrom<Bytes> for Text {
    type Error = Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Utf8Error> {
        std::str::from_utf8(&bytes)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}
