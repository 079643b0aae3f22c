//! [`OwnRegion`] and [`PeerRegion`]: memory that stays mapped as long as somebody holds it.
#![allow(unsafe_code, reason = "the one constructor from which all pointers into a segment come")]

use std::any::Any;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

#[cfg(not(loom))]
use super::words::{OwnU32, OwnU64, PeerU32, PeerU64};
use super::{OwnBytes, PeerBytes};

/// What keeps a region mapped.
pub(crate) type Keep = Arc<dyn Any + Send + Sync>;

#[derive(Clone)]
pub(super) struct Span {
    pub(super) base: NonNull<u8>,
    pub(super) len: usize,
    pub(super) keep: Keep,
}

// SAFETY: `base` is only turned into atomics, or into windows whose own rules say who may write;
// `keep` is Send and Sync.
unsafe impl Send for Span {}
// SAFETY: as above.
unsafe impl Sync for Span {}

impl Span {
    /// The address of `len` bytes at `offset`.
    ///
    /// # Panics
    /// Where they do not lie within the region or are not aligned to `align`: offsets were checked
    /// when the segment was attached, so that would be a bug of this crate.
    #[inline(always)]
    pub(super) fn at(&self, offset: usize, len: usize, align: usize) -> NonNull<u8> {
        let end = offset.checked_add(len);
        assert!(end.is_some_and(|end| end <= self.len), "{offset}+{len} beyond {}", self.len);
        // SAFETY: offset <= len, checked in the line above, so the address stays in the allocation.
        let at = unsafe { self.base.add(offset) };
        assert!(at.as_ptr() as usize & (align - 1) == 0, "offset {offset} not aligned to {align}");
        at
    }
}

macro_rules! region {
    ($(#[$doc:meta])* $name:ident, $bytes:ident, $word32:ident, $word64:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Span);

        impl $name {
            /// Bytes of the region.
            pub fn len(&self) -> usize {
                self.0.len
            }

            /// Whether the region has no bytes.
            pub fn is_empty(&self) -> bool {
                self.0.len == 0
            }

            /// A window of `len` bytes at `offset`, aligned to 8.
            ///
            /// # Panics
            /// Where it does not lie within the region.
            pub fn bytes(&self, offset: usize, len: usize) -> $bytes {
                let at = self.0.at(offset, len, 8);
                $bytes::new(Span { base: at, len, keep: self.0.keep.clone() })
            }

            /// The word of 4 bytes at `offset`.
            ///
            /// # Panics
            /// Where it does not lie within the region or is not aligned.
            #[cfg(not(loom))]
            pub fn u32(&self, offset: usize) -> $word32 {
                $word32::new(self.0.at(offset, 4, 4).cast(), self.0.keep.clone())
            }

            /// The word of 8 bytes at `offset`.
            ///
            /// # Panics
            /// Where it does not lie within the region or is not aligned.
            #[cfg(not(loom))]
            pub fn u64(&self, offset: usize) -> $word64 {
                $word64::new(self.0.at(offset, 8, 8).cast(), self.0.keep.clone())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("len", &self.0.len).finish_non_exhaustive()
            }
        }
    };
}

region!(
    /// Memory that this side alone writes.
    OwnRegion, OwnBytes, OwnU32, OwnU64
);
region!(
    /// Memory that the peer writes, at any time, with anything.
    PeerRegion, PeerBytes, PeerU32, PeerU64
);

impl OwnRegion {
    /// A region of `len` bytes at `base`, mapped until the last clone of `keep` is dropped.
    ///
    /// # Safety
    /// - `base` is valid for reads and writes of `len` bytes until `keep` is dropped.
    /// - It is aligned to 8, and no reference to the memory exists.
    /// - Nobody but the holders of this region's own words and windows writes to it.
    pub unsafe fn new(base: NonNull<u8>, len: usize, keep: Arc<dyn Any + Send + Sync>) -> Self {
        Self(Span { base, len, keep })
    }
}

impl PeerRegion {
    /// A region of `len` bytes at `base`, mapped until the last clone of `keep` is dropped.
    ///
    /// # Safety
    /// - `base` is valid for reads of `len` bytes until `keep` is dropped; the memory may change.
    /// - It is aligned to 8, and no reference to the memory exists.
    pub unsafe fn new(base: NonNull<u8>, len: usize, keep: Arc<dyn Any + Send + Sync>) -> Self {
        Self(Span { base, len, keep })
    }
}
