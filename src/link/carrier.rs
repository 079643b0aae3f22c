//! [`Carrier`]: which transport a lane has, matched once per frame.

use super::rings::RingLane;
use super::stepped::SteppedLane;
use super::transport::{InFrame, Interest, OutFrame, Transport};
use crate::error::{LinkError, Poison};
use crate::futex::Deadline;
use crate::layout::RingName;
use crate::ring::ClaimError;

/// What carries the frames of a lane.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// Rings in sealed segments, or on the heap.
    Rings(RingLane),
    /// Rings on the heap whose ends step each other, for tests.
    Stepped(SteppedLane),
    /// The user's own.
    Own(Box<dyn Transport>),
}

/// Runs `$call` for whichever transport `$carrier` has.
macro_rules! carry {
    ($carrier:expr, $lane:ident => $call:expr) => {
        match &mut $carrier {
            Carrier::Rings($lane) => $call,
            Carrier::Stepped($lane) => $call,
            Carrier::Own($lane) => {
                let $lane = $lane.as_mut();
                $call
            }
        }
    };
}
pub(super) use carry;

impl Transport for Carrier {
    #[inline]
    fn claim(
        &mut self,
        ring: RingName,
        min: usize,
        small: bool,
    ) -> Result<OutFrame<'_>, ClaimError> {
        carry!(*self, lane => lane.claim(ring, min, small))
    }

    #[inline]
    fn next(&mut self, ring: RingName) -> Result<Option<InFrame<'_>>, LinkError> {
        carry!(*self, lane => lane.next(ring))
    }

    #[inline]
    fn flush(&mut self) {
        carry!(*self, lane => lane.flush());
    }

    #[inline]
    fn wait(&mut self, interest: Interest, deadline: &mut Deadline) -> Result<(), LinkError> {
        carry!(*self, lane => lane.wait(interest, deadline))
    }

    fn wake(&mut self) {
        carry!(*self, lane => lane.wake());
    }

    fn poison(&mut self, reason: Poison) -> LinkError {
        carry!(*self, lane => lane.poison(reason))
    }

    fn close(&mut self) {
        carry!(*self, lane => lane.close());
    }
}

impl Carrier {
    /// The rings beneath, where there are any.
    pub(crate) fn rings(&self) -> Option<&RingLane> {
        match self {
            Self::Rings(rings) => Some(rings),
            Self::Stepped(stepped) => Some(&stepped.rings),
            Self::Own(_) => None,
        }
    }
}
