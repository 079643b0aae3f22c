//! [`Ending`]: what ends a wait besides what is awaited, and the order in which a waiter looks.
//!
//! ```text
//!  (1) death and state   loaded
//!  (2) the ring          drained
//!  (3) the end           believed, only where (2) found nothing
//! ```
//!
//! Why this order. A peer commits a frame and then closes or dies. Whoever sees the end in (1) sees
//! in (2) all that was committed before it, so a reply is never lost to the death that followed
//! it. With (1) and (2) exchanged, a frame committed between the two would be. Within (1), death
//! comes before state: a peer that closes and then ends has closed in order.
//!
//! | pair | strong at | what it orders |
//! |---|---|---|
//! | `end-state` | the peer's store of `state`, the load here | what it sent before it closed |
//! | `end-death` | the kernel's mark (a full barrier), the load here | what it sent before it died |

use std::sync::Arc;

use super::OwnWake;
use crate::layout::State;
use crate::shared::PeerU32;
use crate::sync::Acquire;

/// The bit that the kernel sets in the death word of a process that has ended.
pub const OWNER_DIED: u32 = 0x4000_0000;

/// How far the peer has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It takes nothing new; what it was sent before is still answered.
    Closing,
    /// It has left in order.
    Closed,
    /// It is dead.
    Died,
    /// Its state word has a value without meaning.
    Broken(u32),
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// What is awaited is there.
    Ready,
    /// Nothing, and the peer takes part.
    Nothing,
    /// Nothing, and the peer is on its way out or gone.
    Ended(End),
}

/// The words that say whether the peer still takes part.
#[derive(Debug)]
pub struct Ending {
    state: PeerU32,
    /// Absent where the peer is a thread of this process.
    death: Option<PeerU32>,
    own: Arc<OwnWake>,
}

impl Ending {
    /// The peer's words, and the threads of this end to wake at its death.
    pub fn new(state: PeerU32, death: Option<PeerU32>, own: Arc<OwnWake>) -> Self {
        Self { state, death, own }
    }

    /// Looks at everything in the order above; `awaited` drains, or says whether it could.
    #[inline]
    pub fn look(&self, awaited: impl FnOnce() -> bool) -> Look {
        let end = self.read(); // (1)
        if awaited() {
            return Look::Ready; // (2)
        }
        end.map_or(Look::Nothing, Look::Ended) // (3)
    }

    /// How far the peer has gone, `None` while it takes part. Where it is dead, all that wait at
    /// this end have been woken when this returns.
    #[inline]
    pub fn read(&self) -> Option<End> {
        let died = self.has_died();
        let word = self.state.load(Acquire); // pairs: end-state
        match State::from_word(word) {
            Some(State::Closed) => Some(End::Closed),
            None => Some(End::Broken(word)),
            Some(_) if died => Some(End::Died),
            Some(State::Closing) => Some(End::Closing),
            Some(State::Open) => None,
        }
    }

    fn has_died(&self) -> bool {
        if self.own.has_died() {
            return true;
        }
        let Some(death) = &self.death else { return false };
        let marked = death.load(Acquire) & OWNER_DIED != 0; // pairs: end-death
        if marked {
            self.own.note_death();
        }
        marked
    }
}
