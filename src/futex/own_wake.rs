//! [`OwnWake`]: the word by which a process wakes its own threads that wait on a link.
//!
//! The peer rings `notify`, in its own segment. What happens on this side of a link (another
//! thread closes it, the peer is seen to be dead, somebody interrupts) has no bell there, so each
//! end has this word in private memory, and its sleepers wait on it as well. Whoever changes
//! something first says what, then bumps the word: a sleeper that loaded the word before its last
//! look either saw the change or finds the word changed.

use super::{Scope, platform};
use crate::shared::{OwnU32, word_u32};
use crate::sync::{Acquire, AtomicU32, Relaxed, Release};

/// What the threads of one end of a link are woken by, besides the peer.
#[derive(Debug)]
pub struct OwnWake {
    word: OwnU32,
    died: AtomicU32,
    interrupts: AtomicU32,
}

impl Default for OwnWake {
    fn default() -> Self {
        Self { word: word_u32().0, died: AtomicU32::new(0), interrupts: AtomicU32::new(0) }
    }
}

impl OwnWake {
    /// Lets all that wait look at everything again. Changes must have been stored before.
    #[cold]
    pub fn ring(&self) {
        self.word.fetch_add(1, Release); // pairs: own-wake
        platform::wake(self.word.atomic(), Scope::Process);
    }

    /// Notes that the peer is dead and wakes all that wait. The kernel wakes one thread only when
    /// it marks a death word, so whoever sees it first comes here before doing anything else.
    #[cold]
    pub fn note_death(&self) {
        if self.died.swap(1, Release) == 0 {
            self.ring();
        }
    }

    /// Whether somebody noted that the peer is dead.
    #[inline]
    pub fn has_died(&self) -> bool {
        self.died.load(Acquire) != 0
    }

    /// Ends the waits of this end. Async-signal-safe: two additions and a system call.
    #[cold]
    pub fn interrupt(&self) {
        self.interrupts.fetch_add(1, Relaxed);
        self.ring();
    }

    /// How often it was interrupted, modulo 2^32.
    #[inline]
    pub fn interrupts(&self) -> u32 {
        self.interrupts.load(Relaxed)
    }

    /// The word as a sleeper loads it before its last look. The fence w2, which stands between the
    /// two, is what makes a ring that is seen here bring along what was stored before it.
    pub(super) fn seen(&self) -> u32 {
        self.word.load(Relaxed)
    }

    /// The word to sleep on.
    pub(super) fn word(&self) -> &OwnU32 {
        &self.word
    }
}
