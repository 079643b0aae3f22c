//! [`Memory`]: the engine's memory limit, kept by the allocator that the engine uses.
//!
//! Where not even an error object fits, the engine throws `null`: the reason would be lost, and a
//! stop for time could be caught. So the limit notes when it has refused memory, and has a reserve,
//! which is open while the engine is being stopped and while an error is read out of it.

#![allow(unsafe_code, reason = "the allocator of the engine is an unsafe trait")]

use std::cell::Cell;
use std::ptr::null_mut;
use std::rc::Rc;

use rquickjs::allocator::{Allocator, RustAllocator};

/// Bytes beyond the limit. An error with its stack takes less than 2 KiB, and the engine gets its
/// memory for small objects in larger pieces.
const RESERVE: usize = 256 << 10;

#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    used: Cell<usize>,
    /// [`RESERVE`] while it is open, else 0.
    reserve: Cell<usize>,
    refused: Cell<bool>,
}

impl Memory {
    /// A limit in bytes; it does not hold before [`close_reserve`](Self::close_reserve).
    pub(crate) fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self {
            limit,
            used: Cell::new(0),
            reserve: Cell::new(RESERVE),
            refused: Cell::new(false),
        })
    }

    /// The allocator to be given to the runtime.
    pub(crate) fn allocator(self: &Rc<Self>) -> impl Allocator + 'static {
        Bounded(Rc::clone(self))
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn open_reserve(&self) {
        self.reserve.set(RESERVE);
    }

    pub(crate) fn close_reserve(&self) {
        self.reserve.set(0);
    }

    /// Whether memory was refused since [`forget_refusal`](Self::forget_refusal).
    pub(crate) fn has_refused(&self) -> bool {
        self.refused.get()
    }

    pub(crate) fn forget_refusal(&self) {
        self.refused.set(false);
    }

    fn grants(&self, more: usize) -> bool {
        let most = self.limit.saturating_add(self.reserve.get());
        let granted = self.used.get().saturating_add(more) <= most;
        if !granted {
            self.refused.set(true);
        }
        granted
    }

    fn allocated(&self, memory: *mut u8) -> *mut u8 {
        if memory.is_null() {
            self.refused.set(true);
        } else {
            // SAFETY: `memory` has just come from `RustAllocator`, see the callers.
            self.used.set(self.used.get() + unsafe { RustAllocator::usable_size(memory) });
        }
        memory
    }

    fn freed(&self, bytes: usize) {
        self.used.set(self.used.get().saturating_sub(bytes));
    }
}

/// Rust's allocator under the limit.
struct Bounded(Rc<Memory>);

// SAFETY: each pointer that is given out comes from `RustAllocator`, and goes back to it with its
// sizes unchanged; what is refused is null, which the trait allows.
unsafe impl Allocator for Bounded {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        if !self.0.grants(size) {
            return null_mut();
        }
        self.0.allocated(RustAllocator.alloc(size))
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        if !self.0.grants(count.saturating_mul(size)) {
            return null_mut();
        }
        self.0.allocated(RustAllocator.calloc(count, size))
    }

    unsafe fn dealloc(&mut self, ptr: *mut u8) {
        // SAFETY: by the contract of the trait `ptr` came from this allocator.
        self.0.freed(unsafe { RustAllocator::usable_size(ptr) });
        // SAFETY: as above.
        unsafe { RustAllocator.dealloc(ptr) };
    }

    unsafe fn realloc(&mut self, ptr: *mut u8, new_size: usize) -> *mut u8 {
        if ptr.is_null() {
            return self.alloc(new_size);
        }
        // SAFETY: by the contract of the trait `ptr` came from this allocator.
        let old_size = unsafe { RustAllocator::usable_size(ptr) };
        if !self.0.grants(new_size.saturating_sub(old_size)) {
            return null_mut();
        }
        // SAFETY: as above.
        let moved = self.0.allocated(unsafe { RustAllocator.realloc(ptr, new_size) });
        if !moved.is_null() {
            self.0.freed(old_size);
        }
        moved
    }

    unsafe fn usable_size(ptr: *mut u8) -> usize {
        // SAFETY: by the contract of the trait `ptr` came from this allocator.
        unsafe { RustAllocator::usable_size(ptr) }
    }
}
