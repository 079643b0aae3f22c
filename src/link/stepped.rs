//! A link for tests whose two ends run on one thread: where one would wait, the other takes steps.
//!
//! Nothing sleeps and nothing races, so a test sees the same interleaving each time. Where no step
//! brings what is awaited, a real link would hang; here the wait is
//! [`Misuse::WouldDeadlock`](crate::Misuse::WouldDeadlock).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::rings::RingLane;
use super::transport::{InFrame, Interest, OutFrame, Transport};
use crate::error::{LinkError, Misuse, PeerError, Poison};
use crate::futex::Deadline;
use crate::layout::RingName;
use crate::ring::ClaimError;

type Step = Rc<RefCell<dyn FnMut() -> bool>>;

thread_local! {
    static STEPS: RefCell<HashMap<u64, Step>> = RefCell::new(HashMap::new());
}

/// Says what happens while an end of a [`Link::stepped`](crate::Link::stepped) would wait.
#[derive(Debug)]
pub struct Stepper {
    id: u64,
}

impl Stepper {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Relaxed) }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Runs `step` whenever the end waits on this thread; it returns whether it did anything.
    pub fn on_wait(&self, step: impl FnMut() -> bool + 'static) {
        STEPS.with_borrow_mut(|steps| steps.insert(self.id, Rc::new(RefCell::new(step))));
    }
}

impl Drop for Stepper {
    fn drop(&mut self) {
        // What the step holds may itself be a link, so it is dropped outside the borrow.
        let step = STEPS.with_borrow_mut(|steps| steps.remove(&self.id));
        drop(step);
    }
}

/// One end of a lane that steps its peer instead of waiting for it.
#[derive(Debug)]
pub(crate) struct SteppedLane {
    pub(super) rings: RingLane,
    pub(super) stepper: u64,
}

impl SteppedLane {
    /// Lets the peer run; `false` where it did nothing.
    fn step(&self) -> bool {
        let step = STEPS.with_borrow(|steps| steps.get(&self.stepper).cloned());
        // A step that is running already (a wait inside a wait) cannot run again.
        step.is_some_and(|step| step.try_borrow_mut().is_ok_and(|mut step| step()))
    }
}

impl Transport for SteppedLane {
    fn claim(
        &mut self,
        ring: RingName,
        min: usize,
        small: bool,
    ) -> Result<OutFrame<'_>, ClaimError> {
        self.rings.claim(ring, min, small)
    }

    fn next(&mut self, ring: RingName) -> Result<Option<InFrame<'_>>, LinkError> {
        self.rings.next(ring)
    }

    fn flush(&mut self) {
        self.rings.flush();
    }

    fn wait(&mut self, interest: Interest, deadline: &mut Deadline) -> Result<(), LinkError> {
        self.rings.flush();
        loop {
            let stepped = self.step();
            if self.rings.is_met(interest) {
                return Ok(());
            }
            if stepped {
                continue;
            }
            // Nothing will change any more: the deadline passes, or the reason is said.
            return match self.rings.wait(interest, &mut Deadline::In(std::time::Duration::ZERO)) {
                Err(LinkError::Peer(PeerError::Timeout)) if *deadline == Deadline::Never => {
                    Err(Misuse::WouldDeadlock.into())
                }
                done => done,
            };
        }
    }

    fn wake(&mut self) {
        self.rings.wake();
    }

    fn poison(&mut self, reason: Poison) -> LinkError {
        self.rings.poison(reason)
    }

    fn close(&mut self) {
        self.rings.close();
    }
}
