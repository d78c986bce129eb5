//! What holds for the crate as a whole: its public types, its first programs, its layout.

mod auto_traits;
mod first_programs;
mod layout;
