//! The `parked` word and its two sides: [`Park`] for who sleeps, [`Bell`] for who rings.
//!
//! ```text
//!  bit 63 .. 8       7 .. 4     2        1       0
//!      epoch         bell       EVENTS   SPACE   DATA        0 = awake
//! ```
//!
//! Each park has a new epoch, so that a producer rings once per park however much it publishes
//! before the sleeper runs.

use std::sync::Arc;

use super::{OwnWake, Scope, Word, platform};
use crate::shared::{OwnU32, OwnU64, PeerU32, PeerU64};
use crate::sync::{Acquire, Relaxed, Release, SeqCst, fence};

/// What a sleeper waits for: bits of the `parked` word.
pub mod reason {
    /// A record on a ring that it reads.
    pub const DATA: u64 = 1;
    /// Room on a ring that it writes.
    pub const SPACE: u64 = 2;
    /// An asynchronous request.
    pub const EVENTS: u64 = 4;
    /// All of them.
    pub const ALL: u64 = DATA | SPACE | EVENTS;
}

/// The bell that a sleeper wants rung: bits 4 to 7.
const BELL_LANE: u64 = 0;

/// Whether somebody sleeps who must be woken with [`Bell::ring`].
#[must_use = "a sleeper that is not woken sleeps on"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Nobody.
    No,
    /// Somebody: ring.
    Yes,
}

impl Wake {
    /// Whether either says yes.
    pub fn or(self, other: Self) -> Self {
        if self == Self::Yes { self } else { other }
    }
}

/// One value of the `parked` word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parked(u64);

impl Parked {
    /// The word of a sleeper.
    pub fn new(epoch: u64, reasons: u64) -> Self {
        Self(epoch << 8 | BELL_LANE << 4 | reasons)
    }

    /// The word as loaded; any value is one.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The word to store.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// How often its owner has parked, modulo 2^56.
    pub fn epoch(self) -> u64 {
        self.0 >> 8
    }

    /// Whether it waits for one of `reasons`.
    pub fn waits_for(self, reasons: u64) -> bool {
        self.0 & reasons != 0
    }
}

/// The side that sleeps: owns `parked`, sleeps on the peer's `notify`.
#[derive(Debug)]
pub struct Park {
    parked: OwnU64,
    notify: PeerU32,
    epoch: u64,
    scope: Scope,
    also: Option<Also>,
}

/// What ends a sleep besides the bell.
#[derive(Debug)]
struct Also {
    own: Arc<OwnWake>,
    death: Option<PeerU32>,
}

impl Park {
    /// A sleeper with its own `parked` word and the peer's `notify` word.
    pub fn new(parked: OwnU64, notify: PeerU32, scope: Scope) -> Self {
        Self { parked, notify, epoch: 0, scope, also: None }
    }

    /// The same sleeper, woken by its own process as well and by the mark on the peer's death
    /// word, where that is another process.
    #[must_use]
    pub fn also_woken_by(mut self, own: Arc<OwnWake>, death: Option<PeerU32>) -> Self {
        self.also = Some(Also { own, death });
        self
    }

    /// Sleeps until somebody rings, `until` passes, or a signal comes; does not sleep at all where
    /// `ready` says that there is something to do. `ready` must look at everything that could wake
    /// this sleeper.
    ///
    /// # Errors
    /// What the kernel says where it refuses the wait.
    #[cold]
    pub fn sleep(
        &mut self,
        reasons: u64,
        until: Option<super::Moment>,
        mut ready: impl FnMut() -> bool,
    ) -> Result<super::Woken, crate::error::SystemError> {
        // `ready` loads the death word itself, and two loads of one word never go back in time.
        let death = self.also.as_ref().and_then(|also| also.death.as_ref());
        let death = death.map(|word| (word, word.load(Relaxed)));
        let own = self.also.as_ref().map(|also| (&also.own, also.own.seen()));
        let seen = self.notify.load(Acquire); // w0, pairs: ring-notify
        self.epoch += 1;
        self.parked.store(Parked::new(self.epoch, reasons).to_bits(), Relaxed); // w1
        fence(SeqCst); // w2, pairs: park
        let woken = if ready() {
            Ok(super::Woken::Look) // w3
        } else {
            let word = |word, expected, scope| Word { word, expected, scope };
            let notify = word(self.notify.atomic(), seen, self.scope);
            match (own, death) {
                (None, _) => platform::wait(notify.word, seen, until, self.scope), // w4
                (Some((own, seen)), None) => {
                    let own = word(own.word().atomic(), seen, Scope::Process);
                    platform::wait_any(&[notify, own], until) // w4
                }
                (Some((own, seen)), Some((death, expected))) => {
                    let own = word(own.word().atomic(), seen, Scope::Process);
                    let death = word(death.atomic(), expected, Scope::Shared);
                    platform::wait_any(&[notify, own, death], until) // w4
                }
            }
        };
        self.parked.store(0, Relaxed);
        woken
    }
}

/// The side that rings: reads the peer's `parked`, owns `notify`.
#[derive(Debug)]
pub struct Bell {
    parked: PeerU64,
    notify: OwnU32,
    /// Epoch last rung.
    rung: u64,
    /// Reasons whose check was put off until the next one.
    owed: u64,
    scope: Scope,
}

impl Bell {
    /// A bell with the peer's `parked` word and our own `notify` word.
    pub fn new(parked: PeerU64, notify: OwnU32, scope: Scope) -> Self {
        Self { parked, notify, rung: 0, owed: 0, scope }
    }

    /// Whether the peer must be woken for one of `reasons`, which have just been published.
    #[inline]
    pub fn due(&mut self, reasons: u64) -> Wake {
        let reasons = reasons | std::mem::take(&mut self.owed);
        fence(SeqCst); // p2, pairs: park
        let parked = self.parked.load(Relaxed); // p3
        if parked == 0 { Wake::No } else { self.due_parked(Parked::from_bits(parked), reasons) }
    }

    #[cold]
    fn due_parked(&mut self, parked: Parked, reasons: u64) -> Wake {
        if !parked.waits_for(reasons) || parked.epoch() == self.rung {
            return Wake::No;
        }
        self.rung = parked.epoch();
        Wake::Yes
    }

    /// Puts the check for `reasons` off until the next [`Bell::due`], which has the same fence.
    #[inline]
    pub fn owe(&mut self, reasons: u64) {
        self.owed |= reasons;
    }

    /// Makes up for what was put off.
    #[inline]
    pub fn settle(&mut self) -> Wake {
        if self.owed == 0 { Wake::No } else { self.due(0) }
    }

    /// Wakes the peer, whatever it waits for. A system call.
    #[cold]
    pub fn ring(&self) {
        ring(&self.notify, self.scope);
    }
}

/// Wakes whoever sleeps on a `notify` word of this side, from any thread. A system call.
#[cold]
pub fn ring(notify: &OwnU32, scope: Scope) {
    notify.fetch_add(1, Release); // pairs: ring-notify
    platform::wake(notify.atomic(), scope);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::shared::{word_u32, word_u64};

    fn pair() -> (Park, Bell) {
        let (own_parked, peer_parked) = word_u64();
        let (own_notify, peer_notify) = word_u32();
        let park = Park::new(own_parked, peer_notify, Scope::Process);
        (park, Bell::new(peer_parked, own_notify, Scope::Process))
    }

    #[test]
    fn one_ring_a_park_and_only_for_what_is_awaited() {
        let (mut park, mut bell) = pair();
        assert_eq!(bell.due(reason::DATA), Wake::No, "awake");
        for _ in 0..3 {
            park.sleep(reason::DATA, None, || {
                assert_eq!(bell.due(reason::SPACE), Wake::No, "waits for data only");
                assert_eq!(bell.due(reason::DATA), Wake::Yes);
                assert_eq!(bell.due(reason::DATA), Wake::No, "rung for this epoch already");
                true
            })
            .expect("waits");
        }
    }

    #[test]
    fn what_is_owed_is_settled_once() {
        let (mut park, mut bell) = pair();
        assert_eq!(bell.settle(), Wake::No);
        park.sleep(reason::SPACE, None, || {
            bell.owe(reason::SPACE);
            assert_eq!(bell.settle(), Wake::Yes);
            assert_eq!(bell.settle(), Wake::No);
            true
        })
        .expect("waits");
    }

    #[test]
    fn a_ring_between_check_and_sleep_is_not_lost() {
        let (mut park, bell) = pair();
        // Without a moment to end it: a lost wake would hang here.
        park.sleep(reason::DATA, None, || {
            bell.ring();
            false
        })
        .expect("waits");
    }
}
