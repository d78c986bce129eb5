use std::{
    hash::{Hash, Hasher},
    ops::Deref,
    sync::Arc,
};

/// Short text that is either a literal or shared.
#[derive(Clone)]
pub(super) enum SharedStr {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Deref for SharedStr {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl From<&str> for SharedStr {
    fn from(text: &str) -> Self {
        Self::Shared(text.into())
    }
}

impl PartialEq for SharedStr {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for SharedStr {}

impl Hash for SharedStr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        str::hash(self, state);
    }
}
