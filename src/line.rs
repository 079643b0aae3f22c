//! The line: the yardstick by which figures of this crate are told.
//!
//! Two processes, each with one `u64` in a segment of its own: one stores, the other spins until
//! it sees that and stores in turn. Nothing that crosses between two processors can be faster, so
//! other round trips are given as ratios to this one, taken in the same minute: the same machine
//! answers in 50 ns or in 300, depending on where its processors happen to be.

use std::hint::spin_loop;

use crate::error::LinkError;
use crate::futex::Moment;
use crate::link::Link;
use crate::shared::{OwnU64, PeerU64};
use crate::sync::{Acquire, Release};

/// Tells the other end to stop answering.
const STOP: u64 = u64::MAX;

/// The two words of a link between two processes that nothing else uses.
#[derive(Debug)]
pub struct Line {
    own: OwnU64,
    peer: PeerU64,
}

impl Line {
    /// The line of a link.
    ///
    /// # Errors
    /// [`Misuse::Unsupported`](crate::Misuse::Unsupported) where the link has no segments.
    pub fn new(link: &Link) -> Result<Self, LinkError> {
        let (own, peer) = link.core().line_words()?;
        Ok(Self { own, peer })
    }

    /// Answers at this end until the other end calls [`stop`](Self::stop). Never sleeps.
    pub fn answer(&self) {
        let mut seen = 0;
        loop {
            let value = self.peer.load(Acquire);
            if value == seen {
                spin_loop();
                continue;
            }
            self.own.store(value, Release);
            if value == STOP {
                return;
            }
            seen = value;
        }
    }

    /// Takes `samples` samples of `trips` round trips each, and returns the mean nanoseconds of a
    /// trip in each of them. The other end must be in [`answer`](Self::answer).
    pub fn sample(&self, samples: usize, trips: u32) -> Vec<f64> {
        let mut next = 0;
        let mut sample = || {
            let start = Moment::now();
            for _ in 0..trips {
                next += 1;
                self.own.store(next, Release);
                while self.peer.load(Acquire) != next {
                    spin_loop();
                }
            }
            start.until(Moment::now()).as_nanos() as f64 / f64::from(trips.max(1))
        };
        (0..samples).map(|_| sample()).collect()
    }

    /// Ends [`answer`](Self::answer) at the other end, and returns when it has ended.
    pub fn stop(&self) {
        self.own.store(STOP, Release);
        while self.peer.load(Acquire) != STOP {
            spin_loop();
        }
        self.own.store(0, Release);
    }
}
