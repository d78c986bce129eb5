use crate::hub::subscribe::Subscribe;

/// [`Subscribe`], or the names of topics, which convert into it.
///
/// A parameter of this type accepts whatever `Into<Subscribe>` does. The trait exists for its error message,
/// which names the ways to name topics.
///
/// # Examples
///
/// ```
/// use ssekit::{Subscribe, hub::IntoSubscribe};
///
/// let subscribe: Subscribe = ["orders", "news"].into_subscribe();
/// assert_eq!(format!("{subscribe:?}"), format!("{:?}", Subscribe::to(["news", "orders"])));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name topics",
    label = "neither the names of topics nor `Subscribe`",
    note = "pass a name, or an array, slice or `Vec` of names, each a `&str` or a `String`",
    note = "collect names from any other source: `names.into_iter().collect::<ssekit::hub::Topics>()`",
    note = "set options with `Subscribe::to(names)`: `.after(last_event_id)`, `.filter(..)`, `.lifetime(..)`"
)]
pub trait IntoSubscribe {
    /// Converts the value.
    fn into_subscribe(self) -> Subscribe;
}

#[diagnostic::do_not_recommend]
impl<T: Into<Subscribe>> IntoSubscribe for T {
    fn into_subscribe(self) -> Subscribe {
        self.into()
    }
}
