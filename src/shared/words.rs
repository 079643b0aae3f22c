//! Single words of shared memory.
#![allow(unsafe_code, reason = "dereferences words whose region is kept alive beside the pointer")]

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

#[cfg(any(test, fuzzing))]
use super::Liar;
use super::region::Keep;
use crate::sync::{AtomicU32, AtomicU64, Relaxed};
use std::sync::atomic::Ordering;

macro_rules! word {
    ($own:ident, $peer:ident, $make:ident, $atomic:ident, $int:ident) => {
        #[doc = concat!("A `", stringify!($int), "` that this side alone writes.")]
        pub struct $own {
            word: NonNull<$atomic>,
            _keep: Keep,
        }

        // SAFETY: the word is only ever used as an atomic, and `_keep` keeps it mapped.
        unsafe impl Send for $own {}
        // SAFETY: as above.
        unsafe impl Sync for $own {}

        impl $own {
            pub(super) fn new(word: NonNull<$atomic>, keep: Keep) -> Self {
                Self { word, _keep: keep }
            }

            /// The word as an atomic; a futex waits on this address.
            #[inline]
            pub(crate) fn atomic(&self) -> &$atomic {
                // SAFETY: `word` was checked for bounds and alignment in `Span::at`, and `_keep`
                // keeps it mapped.
                unsafe { self.word.as_ref() }
            }

            /// Loads the word.
            #[inline]
            pub fn load(&self, order: Ordering) -> $int {
                self.atomic().load(order)
            }

            /// Stores the word.
            #[inline]
            pub fn store(&self, value: $int, order: Ordering) {
                self.atomic().store(value, order);
            }

            /// Adds to the word; returns what it was.
            #[inline]
            pub fn fetch_add(&self, value: $int, order: Ordering) -> $int {
                self.atomic().fetch_add(value, order)
            }

            /// Adds to a word that only one thread writes at a time: no locked operation.
            #[inline]
            pub fn bump(&self, value: $int) {
                self.store(self.load(Relaxed).wrapping_add(value), Relaxed);
            }
        }

        impl fmt::Debug for $own {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($own), "({})"), self.load(Relaxed))
            }
        }

        #[doc = concat!("A `", stringify!($int), "` that the peer writes: untrusted.")]
        pub struct $peer {
            word: NonNull<$atomic>,
            _keep: Keep,
            #[cfg(any(test, fuzzing))]
            liar: Option<Liar>,
        }

        // SAFETY: the word is only ever loaded, as an atomic, and `_keep` keeps it mapped.
        unsafe impl Send for $peer {}
        // SAFETY: as above.
        unsafe impl Sync for $peer {}

        impl $peer {
            pub(super) fn new(word: NonNull<$atomic>, keep: Keep) -> Self {
                Self {
                    word,
                    _keep: keep,
                    #[cfg(any(test, fuzzing))]
                    liar: None,
                }
            }

            /// The word as an atomic, to wait on its address.
            #[inline]
            pub(crate) fn atomic(&self) -> &$atomic {
                // SAFETY: `word` was checked for bounds and alignment in `Span::at`, and `_keep`
                // keeps it mapped.
                unsafe { self.word.as_ref() }
            }

            /// Loads the word, once. Check the copy, never load again.
            #[inline]
            pub fn load(&self, order: Ordering) -> $int {
                let value = self.atomic().load(order);
                #[cfg(any(test, fuzzing))]
                if let Some(liar) = &self.liar {
                    return liar.lie(value as u64) as $int;
                }
                value
            }

            /// Makes every load answer what `liar` says.
            #[cfg(any(test, fuzzing))]
            pub fn lying(mut self, liar: Liar) -> Self {
                self.liar = Some(liar);
                self
            }
        }

        impl fmt::Debug for $peer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($peer), "({})"), self.load(Relaxed))
            }
        }

        #[doc = concat!("A `", stringify!($int), "` on the heap, zero, with its two views.")]
        pub fn $make() -> ($own, $peer) {
            let keep = Arc::new($atomic::new(0));
            let word = NonNull::from(&*keep);
            ($own::new(word, keep.clone()), $peer::new(word, keep))
        }
    };
}

word!(OwnU32, PeerU32, word_u32, AtomicU32, u32);
word!(OwnU64, PeerU64, word_u64, AtomicU64, u64);
