//! [`RingLane`]: a lane over the rings of two segments, shared or on the heap.

use std::sync::Arc;
use std::time::Duration;

use super::counters::{Count, LaneCounters};
use super::peer::Peer;
use super::transport::{InFrame, Interest, OutFrame, Transport};
use crate::error::{LinkError, Misuse, PeerError, Poison};
use crate::futex::{Bell, Deadline, Ladder, Moment, Park, WaitPolicy, Wake, Woken, reason};
use crate::layout::{
    BLOCK, LANE_NOTIFY, LANE_PARKED, LANE_POSITIONS, LANE_SERVING, RingName, Serving,
};
use crate::ring::{ClaimError, Consumer, Producer};
use crate::segment::{OwnSegment, PeerSegment};
use crate::shared::PeerU32;
use crate::sync::Acquire;

/// How long a sleeper leaves it to the peer to wake it, before it looks whether the peer's process
/// is still there, and whether another thread has closed this end: that rings the peer only.
const SLICE: Duration = Duration::from_millis(10);

/// One end of a lane over rings.
#[derive(Debug)]
pub(crate) struct RingLane {
    out: [Option<Producer>; 3],
    inward: [Option<Consumer>; 3],
    bell: Bell,
    park: Park,
    ladder: Ladder,
    peer: Arc<Peer>,
    /// The peer's word; on a lane that this end drives, it says whether anybody serves it.
    serving: Option<PeerU32>,
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
        Self {
            out,
            inward,
            bell: Bell::new(their_parked, own_notify, scope),
            park: Park::new(own_parked, their_notify, scope),
            ladder: Ladder::new(policy),
            peer,
            serving: drives.then(|| theirs.lane_u32(lane, LANE_SERVING)),
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
        self.peer.verdict(false)
    }

    /// Whether what is awaited is there.
    #[inline]
    pub(super) fn is_met(&mut self, interest: Interest) -> bool {
        is_met(&mut self.out, &self.inward, interest)
    }

    /// Looks at everything but the rings; `Err` where nothing more will come.
    fn verdict(&self, look_at_process: bool) -> Result<(), LinkError> {
        self.peer.check()?;
        self.peer.verdict(look_at_process)?;
        let Some(serving) = &self.serving else { return Ok(()) };
        match serving.load(Acquire) {
            word if word == Serving::Stopped as u32 => Err(Misuse::NotServed.into()),
            _ => Ok(()),
        }
    }

    /// Sleeps once, for a slice at most, and says whether the slice passed without a ring.
    fn sleep(&mut self, interest: Interest, until: Option<Moment>) -> Result<bool, LinkError> {
        let slice = Moment::now().plus(SLICE);
        let end = Some(until.map_or(slice, |until| until.min(slice)));
        let reasons = match interest {
            Interest::Data(RingName::Events) => reason::EVENTS,
            Interest::Data(_) => reason::DATA,
            Interest::Space { .. } => reason::SPACE,
            Interest::SpaceOrData { .. } => reason::SPACE | reason::DATA,
        };
        let Self { out, inward, peer, park, serving, .. } = self;
        let stopped = |word: &PeerU32| word.load(Acquire) == Serving::Stopped as u32;
        let ready = || {
            is_met(out, inward, interest)
                || peer.check().is_err()
                || peer.verdict(false).is_err()
                || serving.as_ref().is_some_and(stopped)
        };
        self.counters.bump(Count::Parks, 1);
        Ok(park.sleep(reasons, end, ready)? == Woken::TimedOut)
    }

    #[cold]
    fn wait_slow(&mut self, interest: Interest, deadline: &mut Deadline) -> Result<(), LinkError> {
        let start = Moment::now();
        // The process is looked at when a slice passed in silence, or when this never sleeps.
        let mut silent = !self.ladder.parks();
        loop {
            // In this order: what the peer committed before it left is still delivered.
            let verdict = self.verdict(silent);
            if self.is_met(interest) {
                return Ok(());
            }
            verdict?;
            if deadline.has_passed() {
                return Err(PeerError::Timeout.into());
            }
            if self.ladder.parks() {
                let until = deadline.moment();
                silent = self.sleep(interest, until)?;
                self.ladder.slept(start.until(Moment::now()));
            } else if self.ladder.stay_awake(|| is_met(&mut self.out, &self.inward, interest)) {
                return Ok(());
            }
        }
    }
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
