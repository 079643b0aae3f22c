//! [`Reserved`]: an own segment with a private page in front of it, and the [`DeathNode`] there.
//!
//! ```text
//!   ┌────────────── private ──────────────┬────────── own segment, shared ──────────
//!   │                    node (next) ──┐  │  identity   death word   …
//!   └──────────────────────────────────┼──┴───────────────▲──────────────────────────
//!                                      └── NODE_TO_WORD ──┘
//! ```
//!
//! A robust list has one distance from each of its nodes to the word that the node stands for, and
//! the nodes hold addresses. In this shape the distance is the same for every segment, and no
//! address of ours lies in shared memory.
#![allow(unsafe_code, reason = "maps memory at a fixed place, and reaches the node in front of it")]

use std::fmt;
use std::os::fd::OwnedFd;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use crate::error::SystemError;
use crate::layout::{DEATH, PAGE};
use crate::shared::OwnU32;

/// Bytes from a node to its death word.
pub(crate) const NODE_TO_WORD: usize = PAGE + DEATH;

/// Address space of a private page and a segment behind it; unmapped on drop.
#[derive(Debug)]
pub(super) struct Reserved {
    base: NonNull<u8>,
    front: usize,
    len: usize,
}

// SAFETY: it only unmaps what it has mapped; what is reached through it has rules of its own.
unsafe impl Send for Reserved {}
// SAFETY: as above.
unsafe impl Sync for Reserved {}

impl Reserved {
    /// Maps the first `len` bytes of `file`, with a private page before them.
    pub(super) fn new(file: &OwnedFd, len: usize) -> Result<Self, SystemError> {
        let failed = |errno| SystemError::new("mmap", errno);
        let front = rustix::param::page_size().max(PAGE);
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let whole = front + len;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: at an address of the kernel's choice, so nothing is replaced.
        let base = unsafe { mmap_anonymous(null_mut(), whole, access, flags) };
        let base = NonNull::new(base.map_err(failed)?.cast()).expect("not at address 0");
        let reserved = Self { base, front, len };
        let fixed = MapFlags::SHARED | MapFlags::FIXED;
        // SAFETY: replaces only pages that were mapped in the lines above and that nobody has used.
        unsafe { mmap(reserved.segment().as_ptr().cast(), len, access, fixed, file, 0) }
            .map_err(failed)?;
        Ok(reserved)
    }

    /// Where the segment starts.
    pub(super) fn segment(&self) -> NonNull<u8> {
        // SAFETY: `front` is at most the length that was reserved.
        unsafe { self.base.add(self.front) }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The node that belongs to `word`, the death word of this segment.
    pub(super) fn node(self: &Arc<Self>, word: OwnU32) -> DeathNode {
        // SAFETY: `front` is a page at least, so this lies in the private page, and a page is
        // aligned for any word.
        let next = unsafe { self.segment().sub(PAGE) }.cast();
        DeathNode { next, word, _keep: self.clone() }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nobody holds this any more. It cannot fail for such a range.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.front + self.len) };
    }
}

/// The place of a segment in a robust list: the node, in private memory, and the death word that
/// the kernel marks. It keeps both mapped.
pub struct DeathNode {
    next: NonNull<AtomicUsize>,
    word: OwnU32,
    _keep: Arc<Reserved>,
}

// SAFETY: the node is reached as an atomic only, and `_keep` keeps it mapped.
unsafe impl Send for DeathNode {}
// SAFETY: as above.
unsafe impl Sync for DeathNode {}

impl DeathNode {
    /// The address of the next node.
    pub(crate) fn next(&self) -> &AtomicUsize {
        // SAFETY: `Reserved::node` has put it into the private page, which `_keep` keeps mapped;
        // nothing else uses that page, and zero bytes are an atomic.
        unsafe { self.next.as_ref() }
    }

    /// Where the node is, as the kernel wants to know it.
    pub(crate) fn address(&self) -> usize {
        self.next.as_ptr() as usize
    }

    /// The death word.
    pub(crate) fn word(&self) -> &OwnU32 {
        &self.word
    }
}

impl fmt::Debug for DeathNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeathNode").field("word", &self.word).finish_non_exhaustive()
    }
}
