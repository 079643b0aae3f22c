//! The words under loom: its atomics, and for the `u32` ones the lock and condition variable with
//! which the futex is modelled.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use loom::sync::{Condvar, Mutex};

use crate::sync::{AtomicU32, AtomicU64, Relaxed};

/// A futex word: the kernel compares and sleeps under a lock, so the model does too.
#[derive(Debug)]
pub struct FutexModel {
    pub(crate) value: AtomicU32,
    /// Those who sleep on this word among others.
    pub(crate) lock: Mutex<Vec<Arc<Sleeper>>>,
    /// Those who sleep on this word alone.
    pub(crate) changed: Condvar,
}

/// A thread that sleeps on several words.
#[derive(Debug)]
pub(crate) struct Sleeper {
    pub(crate) rung: Mutex<bool>,
    pub(crate) woken: Condvar,
}

macro_rules! word {
    ($own:ident, $peer:ident, $inner:ty, $int:ident, $value:ident $(. $field:ident)?) => {
        /// A word that this side alone writes.
        #[derive(Debug)]
        pub struct $own(Arc<$inner>);

        impl $own {
            /// The word itself, to wait on.
            pub fn atomic(&self) -> &$inner {
                &self.0
            }
            /// Loads the word.
            pub fn load(&self, order: Ordering) -> $int {
                self.0 $(.$field)? .load(order)
            }
            /// Stores the word.
            pub fn store(&self, value: $int, order: Ordering) {
                self.0 $(.$field)? .store(value, order);
            }
            /// Adds to the word; returns what it was.
            pub fn fetch_add(&self, value: $int, order: Ordering) -> $int {
                self.0 $(.$field)? .fetch_add(value, order)
            }
            /// Adds to a word that only one thread writes at a time.
            pub fn bump(&self, value: $int) {
                self.store(self.load(Relaxed).wrapping_add(value), Relaxed);
            }
        }

        /// A word that the peer writes: untrusted.
        #[derive(Debug)]
        pub struct $peer(Arc<$inner>);

        impl $peer {
            /// The word itself, to wait on.
            pub fn atomic(&self) -> &$inner {
                &self.0
            }
            /// Loads the word, once.
            pub fn load(&self, order: Ordering) -> $int {
                self.0 $(.$field)? .load(order)
            }
            /// Two views of it.
            pub fn two(self) -> (Self, Self) {
                (Self(self.0.clone()), self)
            }
        }
    };
}

word!(OwnU32, PeerU32, FutexModel, u32, value.value);
word!(OwnU64, PeerU64, AtomicU64, u64, value);

/// A `u32` with its two views.
pub fn word_u32() -> (OwnU32, PeerU32) {
    let word = Arc::new(FutexModel {
        value: AtomicU32::new(0),
        lock: Mutex::new(Vec::new()),
        changed: Condvar::new(),
    });
    (OwnU32(word.clone()), PeerU32(word))
}

/// A `u64` with its two views.
pub fn word_u64() -> (OwnU64, PeerU64) {
    let word = Arc::new(AtomicU64::new(0));
    (OwnU64(word.clone()), PeerU64(word))
}
