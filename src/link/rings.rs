//! [`RingLane`]: a lane over the rings of two segments, shared or on the heap.

use std::sync::Arc;

use super::counters::{Count, LaneCounters};
use super::peer::Peer;
use super::transport::{InFrame, Interest, OutFrame, Transport};
use crate::error::{LinkError, Misuse, PeerError, Poison};
use crate::futex::{Bell, Deadline, Ladder, Moment, Park, WaitPolicy, Wake, reason};
use crate::layout::{
    BLOCK, LANE_NOTIFY, LANE_PARKED, LANE_POSITIONS, LANE_SERVING, RingName, Serving,
};
use crate::ring::{ClaimError, Consumer, Producer};
use crate::segment::{OwnSegment, PeerSegment};
use crate::shared::PeerU32;
use crate::sync::Acquire;

/// One end of a lane over rings.
#[derive(Debug)]
pub(crate) struct RingLane {
    out: [Option<Producer>; 3],
    inward: [Option<Consumer>; 3],
    bell: Bell,
    /// Apart: it is for who sleeps, the rest for each frame.
    park: Box<Park>,
    ladder: Ladder,
    peer: Arc<Peer>,
    /// The peer's word; on a lane that this end drives, it says whether anybody serves it.
    serving: Option<PeerU32>,
    /// Interrupts that have ended a wait of this lane already.
    interrupts: u32,
    counters: LaneCounters,
}

impl RingLane {
    pub(super) fn new(
        own: &OwnSegment,
        theirs: &PeerSegment,
        lane: usize,
        peer: Arc<Peer>,
        policy: WaitPolicy,
        drives: bool,
    ) -> Self {
        let scope = peer.scope();
        let position = |ring: RingName| LANE_POSITIONS + ring as usize * BLOCK;
        let out = RingName::ALL.map(|ring| {
            let bytes = own.ring(lane, ring)?;
            let tail = own.lane_u64(lane, position(ring));
            Some(Producer::new(tail, theirs.lane_u64(lane, position(ring)), bytes))
        });
        let inward = RingName::ALL.map(|ring| {
            let bytes = theirs.ring(lane, ring)?;
            let head = own.lane_u64(lane, position(ring));
            Some(Consumer::new(head, theirs.lane_u64(lane, position(ring)), bytes))
        });
        let (own_parked, their_parked) =
            (own.lane_u64(lane, LANE_PARKED), theirs.lane_u64(lane, LANE_PARKED));
        let (own_notify, their_notify) =
            (own.lane_u32(lane, LANE_NOTIFY), theirs.lane_u32(lane, LANE_NOTIFY));
        let park = Park::new(own_parked, their_notify, scope)
            .also_woken_by(peer.own().clone(), peer.death_word());
        Self {
            out,
            inward,
            bell: Bell::new(their_parked, own_notify, scope),
            park: Box::new(park),
            ladder: Ladder::new(policy),
            peer,
            serving: drives.then(|| theirs.lane_u32(lane, LANE_SERVING)),
            interrupts: 0,
            counters: LaneCounters::new(own, lane),
        }
    }

    pub(crate) fn counters(&self) -> &LaneCounters {
        &self.counters
    }

    /// Fails where the link is poisoned or closed by either end.
    #[inline]
    pub(super) fn check_send(&self) -> Result<(), LinkError> {
        self.peer.check()?;
        self.peer.verdict()
    }

    /// Whether what is awaited is there.
    #[inline]
    pub(super) fn is_met(&mut self, interest: Interest) -> bool {
        is_met(&mut self.out, &self.inward, interest)
    }

    /// Whether whoever served the lane has left.
    fn is_stopped(&self) -> bool {
        self.serving.as_ref().is_some_and(is_stopped)
    }

    /// Whether an interrupt may end a wait for `interest`. A local finishes its answer first, since
    /// somebody waits for that.
    fn may_be_interrupted(&self, interest: Interest) -> bool {
        self.serving.is_some() || matches!(interest, Interest::Data(_))
    }

    /// Sleeps once, until there may be something to look at.
    fn sleep(&mut self, interest: Interest, until: Option<Moment>) -> Result<(), LinkError> {
        let reasons = match interest {
            Interest::Data(RingName::Events) => reason::EVENTS,
            Interest::Data(_) => reason::DATA,
            Interest::Space { .. } => reason::SPACE,
            Interest::SpaceOrData { .. } => reason::SPACE | reason::DATA,
        };
        let interruptible = self.may_be_interrupted(interest);
        let Self { out, inward, peer, park, serving, interrupts, .. } = self;
        let ready = || {
            is_met(out, inward, interest)
                || peer.check().is_err()
                || peer.has_ended(interest)
                || serving.as_ref().is_some_and(is_stopped)
                || interruptible && peer.own().interrupts() != *interrupts
        };
        self.counters.bump(Count::Parks, 1);
        park.sleep(reasons, until, ready)?;
        Ok(())
    }

    #[cold]
    fn wait_slow(&mut self, interest: Interest, deadline: &mut Deadline) -> Result<(), LinkError> {
        let start = Moment::now();
        loop {
            // In this order: what the peer committed before it left is still delivered.
            let (check, stopped) = (self.peer.check(), self.is_stopped());
            let Self { out, inward, peer, .. } = self;
            let look = peer.look(interest, || is_met(out, inward, interest));
            if look == Ok(true) {
                return Ok(());
            }
            check?;
            look?;
            if stopped {
                return Err(Misuse::NotServed.into());
            }
            let interrupts = self.peer.own().interrupts();
            if interrupts != self.interrupts && self.may_be_interrupted(interest) {
                self.interrupts = interrupts;
                return Err(PeerError::Interrupted.into());
            }
            if deadline.has_passed() {
                return Err(PeerError::Timeout.into());
            }
            if self.ladder.parks() {
                let until = deadline.moment();
                self.sleep(interest, until)?;
                self.ladder.slept(start.until(Moment::now()));
            } else if self.ladder.stay_awake(|| is_met(&mut self.out, &self.inward, interest)) {
                return Ok(());
            }
        }
    }
}

fn is_stopped(serving: &PeerU32) -> bool {
    serving.load(Acquire) == Serving::Stopped as u32
}

#[inline]
fn is_met(
    out: &mut [Option<Producer>; 3],
    inward: &[Option<Consumer>; 3],
    interest: Interest,
) -> bool {
    let has_next = |ring: RingName| inward[ring as usize].as_ref().is_some_and(Consumer::has_next);
    let mut has_room =
        |ring: RingName, min| out[ring as usize].as_mut().is_none_or(|ring| ring.has_room(min));
    match interest {
        Interest::Data(ring) => has_next(ring),
        Interest::Space { ring, min } => has_room(ring, min),
        Interest::SpaceOrData { ring, min, data } => has_next(data) || has_room(ring, min),
    }
}

impl Transport for RingLane {
    #[inline]
    fn claim(
        &mut self,
        ring: RingName,
        min: usize,
        small: bool,
    ) -> Result<OutFrame<'_>, ClaimError> {
        // Which rings an end writes is fixed when the lane is made.
        let Some(producer) = &mut self.out[ring as usize] else {
            return Err(ClaimError::TooLong { len: min, max: 0 });
        };
        let claim = producer.claim(min, small)?;
        Ok(OutFrame::counted(claim, &mut self.bell, &self.counters))
    }

    #[inline]
    fn next(&mut self, ring: RingName) -> Result<Option<InFrame<'_>>, LinkError> {
        self.peer.check()?;
        let Some(consumer) = &mut self.inward[ring as usize] else { return Ok(None) };
        match consumer.next() {
            Ok(Some(record)) => Ok(Some(InFrame::counted(record, &mut self.bell, &self.counters))),
            Ok(None) => Ok(None),
            Err(reason) => Err(self.peer.poison(reason)),
        }
    }

    fn flush(&mut self) {
        let mut wake = self.bell.settle();
        for producer in self.out.iter_mut().flatten() {
            wake = wake.or(producer.publish(&mut self.bell));
        }
        for consumer in self.inward.iter_mut().flatten() {
            wake = wake.or(consumer.settle(&mut self.bell));
        }
        if wake == Wake::Yes {
            self.wake();
        }
    }

    #[inline]
    fn wait(&mut self, interest: Interest, deadline: &mut Deadline) -> Result<(), LinkError> {
        self.flush();
        if !matches!(interest, Interest::Data(_)) {
            self.counters.bump(Count::FullWaits, 1);
        }
        let Self { out, inward, ladder, .. } = self;
        if ladder.stay_awake(|| is_met(out, inward, interest)) {
            return Ok(());
        }
        self.wait_slow(interest, deadline)
    }

    fn wake(&mut self) {
        self.counters.bump(Count::Rings, 1);
        self.bell.ring();
    }

    fn poison(&mut self, reason: Poison) -> LinkError {
        self.peer.poison(reason)
    }

    fn close(&mut self) {
        self.peer.close();
        self.bell.ring();
    }
}
