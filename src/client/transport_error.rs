use std::{error::Error, fmt, sync::Arc};

/// An error of the transport that carries requests and responses.
///
/// `Display` shows the error with all of its causes, so one line of a log says why a connection failed:
/// `client error (Connect): tcp connect error: Connection refused (os error 111)`. For that reason `source()`
/// returns `None`; [`get_ref`](Self::get_ref) returns the error itself, to downcast it or to walk its causes.
/// Clones share the error.
///
/// # Examples
///
/// ```
/// use std::io;
///
/// use ssekit::client::TransportError;
///
/// let error = TransportError::new(io::Error::other("no route to host"));
/// assert_eq!(error.to_string(), "no route to host");
/// assert!(error.get_ref().is::<io::Error>());
/// assert!(!error.is_permanent());
/// ```
#[derive(Clone)]
pub struct TransportError {
    error: Arc<dyn Error + Send + Sync>,
    is_permanent: bool,
}

impl TransportError {
    /// Wraps an error that may not recur at the next attempt. Returns a `TransportError` unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::client::TransportError;
    ///
    /// assert_eq!(TransportError::new("connection refused").to_string(), "connection refused");
    /// ```
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        match error.into().downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self { error: error.into(), is_permanent: false },
        }
    }

    /// Wraps an error that every further attempt would meet again, such as an invalid URL.
    ///
    /// By default a client fails if its transport returns such an error; your [verdict](super::Failure) may
    /// differ.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::client::TransportError;
    ///
    /// let error = TransportError::permanent("no token for this tenant");
    /// assert!(error.is_permanent());
    /// ```
    pub fn permanent(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { is_permanent: true, ..Self::new(error) }
    }

    /// Returns whether every further attempt would meet this error again.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::client::TransportError;
    ///
    /// assert!(TransportError::permanent("no such user").is_permanent());
    /// assert!(!TransportError::new("connection refused").is_permanent());
    /// ```
    pub const fn is_permanent(&self) -> bool {
        self.is_permanent
    }

    /// Returns the transport's error, for example to downcast it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use ssekit::client::TransportError;
    ///
    /// let error = TransportError::new(io::Error::from(io::ErrorKind::ConnectionRefused));
    /// assert!(error.get_ref().is::<io::Error>());
    /// ```
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }
}

impl Error for TransportError {}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.error.to_string();
        f.write_str(&shown)?;
        let mut source = self.error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Many errors already include their cause in their text.
            if !shown.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            shown = text;
            source = cause.source();
        }
        Ok(())
    }
}
