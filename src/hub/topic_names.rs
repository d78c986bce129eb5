/// The names of a subscription's topics. Their order does not matter, and duplicates are removed.
///
/// Convert it from a name, or from an array, a slice or a vector of names, or `collect` it from an iterator.
///
/// # Examples
///
/// ```
/// use ssekit::{Subscribe, hub::Topics};
///
/// let one = Subscribe::to("orders");
/// let two = Subscribe::to(["orders", "news"]);
/// let many = Subscribe::to((1..=100).map(|shop| format!("orders of {shop}")).collect::<Topics>());
/// # drop((one, two, many));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics(Vec<String>);

impl Topics {
    pub(crate) fn into_names(self) -> Vec<String> {
        self.0
    }
}

impl<T: Into<String>> FromIterator<T> for Topics {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }
}

/// A generic implementation would overlap with the conversion of `Subscribe` to itself, so there is one per
/// type.
macro_rules! from_names {
    ($([$($generic:tt)*] $names:ty, $name:ident => $iterator:expr;)*) => {$(
        impl<$($generic)*> From<$names> for Topics {
            fn from($name: $names) -> Self {
                $iterator.into_iter().collect()
            }
        }

        /// Subscribes a new client to these topics, from now on.
        impl<$($generic)*> From<$names> for super::subscribe::Subscribe {
            fn from($name: $names) -> Self {
                Self::to($name)
            }
        }
    )*};
}

from_names! {
    [] &str, name => [name];
    [] String, name => [name];
    [] &String, name => [name];
    [const N: usize] [&str; N], names => names;
    [const N: usize] [String; N], names => names;
    [const N: usize] [&String; N], names => names;
    [const N: usize] &[&str; N], names => names.iter().copied();
    [const N: usize] &[String; N], names => names;
    [] &[&str], names => names.iter().copied();
    [] &[String], names => names;
    [] Vec<&str>, names => names;
    [] Vec<String>, names => names;
    [] &Vec<&str>, names => names.iter().copied();
    [] &Vec<String>, names => names;
}

/// Subscribes a new client to these topics, from now on.
impl From<Topics> for super::subscribe::Subscribe {
    fn from(topics: Topics) -> Self {
        Self::to(topics)
    }
}
