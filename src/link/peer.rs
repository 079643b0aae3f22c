//! [`Peer`]: what is known of the other end besides its rings.

use std::sync::OnceLock;

use super::platform::Liveness;
use crate::error::{LinkError, Outcome, PeerError, Poison};
use crate::futex::Scope;
use crate::layout::{STATE, State};
use crate::segment::{OwnSegment, PeerSegment};
use crate::shared::{OwnU32, PeerU32};
use crate::sync::{Acquire, Release};

/// The states of both ends, the peer's liveness, and whether it has broken the protocol.
#[derive(Debug)]
pub(crate) struct Peer {
    own_state: OwnU32,
    state: PeerU32,
    liveness: Liveness,
    poison: OnceLock<Poison>,
}

impl Peer {
    pub(super) fn new(own: &OwnSegment, peer: &PeerSegment, liveness: Liveness) -> Self {
        Self {
            own_state: own.link_u32(STATE),
            state: peer.link_u32(STATE),
            liveness,
            poison: OnceLock::new(),
        }
    }

    /// Who else waits on the words of this link.
    pub(super) fn scope(&self) -> Scope {
        self.liveness.scope()
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

    /// Keeps the first reason.
    #[cold]
    pub(super) fn poison(&self, reason: Poison) -> LinkError {
        (*self.poison.get_or_init(|| reason)).into()
    }

    /// Says to the peer that this end has left. Who calls it rings all bells afterwards.
    pub(super) fn close(&self) {
        self.own_state.store(State::Closed as u32, Release);
    }

    /// Whether the peer still takes part. Whoever asks has to drain its ring after this answer was
    /// computed and before it acts on it: what was committed before the peer left counts.
    #[inline]
    pub(super) fn verdict(&self, look_at_process: bool) -> Result<(), LinkError> {
        let word = self.state.load(Acquire);
        match State::from_word(word) {
            Some(State::Open | State::Closing) => {}
            Some(State::Closed) => return Err(PeerError::Closed.into()),
            None => return Err(self.poison(Poison::Word { name: "state", value: word.into() })),
        }
        if look_at_process && !self.liveness.is_alive() {
            return Err(PeerError::PeerDied { outcome: Outcome::Unknown }.into());
        }
        Ok(())
    }
}
