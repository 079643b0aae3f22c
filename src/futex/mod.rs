//! Notify words: sleeping on a `u32` in shared memory, and the rule that no wake is lost.
//!
//! Three words work together. `notify` (written by who rings) is the word that a sleeper waits
//! on. `parked` (written by who sleeps) says that it sleeps and for what, so that ringing, a
//! system call, happens only when it must, and once per park. The ring's `tail` or `head` says
//! whether there is work.
//!
//! ```text
//!  producer                                waiter
//!  p1  tail.store(Release)                 w0  n = notify.load(Acquire)
//!  p2  fence(SeqCst)                       w1  parked.store(Relaxed)
//!  p3  parked.load(Relaxed); if it is      w2  fence(SeqCst)
//!      set and its epoch is new:           w3  re-check all that can wake it
//!      notify.fetch_add(1, Release), wake  w4  sleep while notify == n
//! ```
//!
//! Why no wake is lost. The two fences are totally ordered. If p2 comes before w2, then w3 sees
//! the record of p1 and the waiter does not sleep. If w2 comes before p2, then p3 sees the flag of
//! w1 and rings; a ring that falls between w0 and w4 has changed `notify`, so that w4 returns at
//! once, and a later one wakes the sleeper. `n` must be loaded before w3: loaded after it, a ring
//! that came between the two would already be in `n`, and w4 would sleep through it.
//!
//! w0's `Acquire` with the ring's `Release` also keeps w1 behind w0: a ring for an epoch always
//! comes after that epoch's w0, on which "one ring a park" rests. Were w1 visible first, a late
//! check for an older record could see the new epoch, note it as rung and bump `notify` before w0
//! reads it; the next record would find its epoch rung already.
//!
//! The same pair, with the roles exchanged, serves `head` towards a producer that waits for room.
//!
//! | pair | strong at | what it orders |
//! |---|---|---|
//! | `park` | p2 and w2, `fence(SeqCst)` | a publication against a park |
//! | `ring-notify` | p3 `notify.fetch_add(Release)`, w0 `notify.load(Acquire)` | what the ringer did before ringing, for who is woken by value |
//! | `own-wake` | `OwnWake::ring`, with the fence w2 behind `OwnWake::seen` | what this process did before it woke its own sleepers |
//!
//! A sleeper waits on up to three words at once: the peer's `notify`, the peer's `death` word, which
//! the kernel marks and wakes when the peer's process ends, and the own wake word of its end
//! ([`OwnWake`]). The last two need no `parked`: whoever changes them always wakes. Each is loaded
//! at w0, so a change after w3 fails the comparison of w4. Where the kernel cannot wait on several
//! words, a sleeper waits on `notify` alone, for 10 ms at a time, and looks at the others between.
//! [`Ending`] has the order in which a waiter looks.
//!
//! Sleeping itself is the platform's: one table below picks it.

mod clock;
mod ending;
mod own_wake;
mod parked;
#[cfg(not(loom))]
mod policy;
#[cfg(not(loom))]
mod reentrant;

#[cfg(loom)]
#[path = "model.rs"]
mod platform;
#[cfg(all(target_os = "linux", not(loom)))]
#[path = "linux.rs"]
mod platform;
#[cfg(all(not(target_os = "linux"), not(loom)))]
#[path = "elsewhere.rs"]
mod platform;

pub use clock::{Deadline, Moment};
pub use ending::{End, Ending, Look, OWNER_DIED};
pub use own_wake::OwnWake;
pub use parked::{Bell, Park, Parked, Wake, reason, ring};
pub use platform::{wait, wait_any, wake};
#[cfg(not(loom))]
pub use policy::{Ladder, WaitPolicy};
#[cfg(not(loom))]
pub use reentrant::{ReentrantGuard, ReentrantLock};

/// What a sleeper compares and sleeps on.
#[cfg(not(loom))]
type FutexWord = std::sync::atomic::AtomicU32;
#[cfg(loom)]
type FutexWord = crate::shared::FutexModel;

/// One of the words that a sleeper waits on.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a> {
    /// Where it is.
    pub word: &'a FutexWord,
    /// Its value when the sleeper last looked.
    pub expected: u32,
    /// Who else may wait on it.
    pub scope: Scope,
}

/// Who may wait on a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Threads of this process, through one mapping.
    Process,
    /// Any process that maps the word.
    Shared,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The word was no longer the expected one, somebody woke us, or a signal came: look again.
    Look,
    /// The moment has passed.
    TimedOut,
}
