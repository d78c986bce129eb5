//! What holds for the crate as a whole: its public types, its first programs, its guide, its layout.

mod auto_traits;
mod first_programs;
mod guide;
mod layout;
mod readme;
