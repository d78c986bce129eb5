//! The system's allocator, counting what the present thread holds.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

pub(crate) struct CountingAllocator;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// Returns how many bytes this thread has allocated and not freed.
pub(crate) fn held_bytes() -> usize {
    HELD.get()
}

// SAFETY: every call goes to the system's allocator as it came; the count allocates nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get().wrapping_add(layout.size()));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(layout.size()));
        unsafe { System.dealloc(pointer, layout) }
    }
}
