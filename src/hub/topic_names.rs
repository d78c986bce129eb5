/// The names of the topics of one subscription, without order and without duplicates.
///
/// It is made from a name, an array, a slice or a vector of names, or with `collect` from an iterator.
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

/// One implementation for each type, since one for all would overlap with that of `Subscribe` for itself.
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
