//! [`Peer`]: what is known of the other end besides its rings.

use std::sync::{Arc, OnceLock};

use super::platform::Liveness;
use super::transport::Interest;
use crate::error::{LinkError, Outcome, PeerError, Poison};
use crate::futex::{End, Ending, Look, OwnWake, Scope};
use crate::layout::{DEATH, RingName, STATE, State};
use crate::segment::{OwnSegment, PeerSegment};
use crate::shared::{OwnU32, PeerU32};
use crate::sync::{Acquire, Release};

/// The states of both ends, the peer's liveness, and whether it has broken the protocol.
#[derive(Debug)]
pub(crate) struct Peer {
    own_state: OwnU32,
    ending: Ending,
    /// The peer's death word, where it is another process.
    death: Option<PeerSegment>,
    own: Arc<OwnWake>,
    liveness: Liveness,
    poison: OnceLock<Poison>,
}

impl Peer {
    pub(super) fn new(
        own: &OwnSegment,
        theirs: &PeerSegment,
        liveness: Liveness,
        wake: Arc<OwnWake>,
    ) -> Self {
        let death = (liveness.scope() == Scope::Shared).then(|| theirs.clone());
        let word = death.as_ref().map(|theirs| theirs.link_u32(DEATH));
        Self {
            own_state: own.link_u32(STATE),
            ending: Ending::new(theirs.link_u32(STATE), word, wake.clone()),
            death,
            own: wake,
            liveness,
            poison: OnceLock::new(),
        }
    }

    /// Who shares the words of the link.
    pub(super) fn scope(&self) -> Scope {
        self.liveness.scope()
    }

    /// What wakes the threads of this end.
    pub(super) fn own(&self) -> &Arc<OwnWake> {
        &self.own
    }

    /// The word that the kernel marks when the peer's process ends.
    pub(super) fn death_word(&self) -> Option<PeerU32> {
        self.death.as_ref().map(|theirs| theirs.link_u32(DEATH))
    }

    /// Fails where the link is poisoned or this end has closed it.
    #[inline]
    pub(super) fn check(&self) -> Result<(), LinkError> {
        if let Some(poison) = self.poison.get() {
            return Err((*poison).into());
        }
        if self.own_state.load(Acquire) != State::Open as u32 {
            return Err(PeerError::Closed.into());
        }
        Ok(())
    }

    /// Keeps the first reason, and lets threads that wait on other lanes know.
    // Always: as a call it would take the error of a claim through memory, and the claim with it,
    // which stalls each frame (docs/decisions.md).
    #[inline(always)]
    pub(super) fn poison(&self, reason: Poison) -> LinkError {
        let kept = *self.poison.get_or_init(|| reason);
        self.own.ring();
        kept.into()
    }

    /// Says to both ends that this one has left. Who calls it rings all bells afterwards.
    pub(super) fn close(&self) {
        self.own_state.store(State::Closed as u32, Release);
        self.own.ring();
    }

    /// Whether the words of this link are this process's own: a child that was forked off has
    /// them mapped, and must not speak for its parent.
    pub(super) fn is_ours(&self) -> bool {
        self.liveness.is_ours()
    }

    /// Whether `awaited` is there; fails where it never will be.
    #[inline]
    pub(super) fn look(
        &self,
        interest: Interest,
        awaited: impl FnOnce() -> bool,
    ) -> Result<bool, LinkError> {
        match self.ending.look(awaited) {
            Look::Ready => Ok(true),
            Look::Nothing => Ok(false),
            Look::Ended(end) => self.judge(end, interest).map(|()| false),
        }
    }

    /// Whether a wait for `interest` has come to its end.
    pub(super) fn has_ended(&self, interest: Interest) -> bool {
        self.ending.read().is_some_and(|end| ends(end, interest))
    }

    /// Whether the peer still takes part, for who has no ring to drain.
    pub(super) fn verdict(&self) -> Result<(), LinkError> {
        let nothing = Interest::Data(RingName::Reply);
        self.ending.read().map_or(Ok(()), |end| self.judge(end, nothing))
    }

    fn judge(&self, end: End, interest: Interest) -> Result<(), LinkError> {
        match end {
            End::Broken(word) => {
                Err(self.poison(Poison::Word { name: "state", value: word.into() }))
            }
            End::Died => Err(PeerError::PeerDied { outcome: Outcome::Unknown }.into()),
            End::Closing | End::Closed if ends(end, interest) => Err(PeerError::Closed.into()),
            End::Closing | End::Closed => Ok(()),
        }
    }
}

/// A peer that is closing takes nothing new, but still answers.
fn ends(end: End, interest: Interest) -> bool {
    end != End::Closing || !matches!(interest, Interest::Data(_))
}
