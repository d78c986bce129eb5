//! The system's allocator, counting the calls of the present thread and what it held at most.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

pub(crate) struct MeasuringAllocator;

/// What a piece of code did with the heap.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Use {
    /// Allocations and reallocations.
    pub(crate) calls: usize,
    /// Bytes allocated in all, freed or not.
    pub(crate) allocated: usize,
    /// Bytes held at the end, more than at the beginning.
    pub(crate) held: isize,
    /// Bytes held at most, more than at the beginning.
    pub(crate) peak: isize,
}

thread_local! {
    static USE: Cell<Use> = const { Cell::new(Use { calls: 0, allocated: 0, held: 0, peak: 0 }) };
}

/// Runs `code`, and returns how it used the heap.
pub(crate) fn measure<T>(code: impl FnOnce() -> T) -> (T, Use) {
    let before = USE.take();
    let result = code();
    let used = USE.replace(before);
    (result, used)
}

fn count(calls: usize, bytes: isize) {
    let before = USE.get();
    let held = before.held + bytes;
    USE.set(Use {
        calls: before.calls + calls,
        allocated: before.allocated + usize::try_from(bytes).unwrap_or(0),
        held,
        peak: before.peak.max(held),
    });
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for MeasuringAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as isize - layout.size() as isize);
        unsafe { System.realloc(pointer, layout, size) }
    }
}
