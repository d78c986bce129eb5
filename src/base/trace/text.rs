use std::{fmt, fmt::Display};

/// The first names, and how many more there are. Escaped, because clients may choose names.
pub(super) struct Names<I>(pub(super) I);

impl<I: Iterator<Item: AsRef<str>> + Clone> Display for Names<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.clone().take(MAX_NAMES).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{:?}", name.as_ref())?;
        }
        match self.0.clone().skip(MAX_NAMES).count() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

const MAX_NAMES: usize = 3;
