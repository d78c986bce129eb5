use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

/// The payload of a panic in application code.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Calls a function with each item, even after it has panicked for some of them. Returns the first panic.
///
/// A waker is application code. If one panics, the others must still be woken.
#[inline]
pub(crate) fn each<T>(mut items: impl Iterator<Item = T>, mut call: impl FnMut(T)) -> Result<(), Panic> {
    let mut outcome = Ok(());
    // Each round ends at a panic, after the item that caused it, or at the end of the items.
    let mut all = || {
        for item in items.by_ref() {
            call(item);
        }
    };
    while let Err(panic) = catch_unwind(AssertUnwindSafe(&mut all)) {
        outcome = outcome.and(Err(panic));
    }
    outcome
}

/// Resumes a panic once the state is consistent.
pub(crate) fn resume(outcome: Result<(), Panic>) {
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}
