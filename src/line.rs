//! The line: the yardstick by which figures of this crate are told.
//!
//! Two processes, each with one `u64` in a segment of its own: one stores, the other spins until
//! it sees that and stores in turn. Nothing that crosses between two processors can be faster, so
//! other round trips are given as ratios to this one, taken in the same minute: the same machine
//! answers in 50 ns or in 300, depending on where its processors happen to be.
//!
//! Beside it stands [`Bare`], the same for two ends that sleep while it is not their turn.

mod bare;

pub use bare::Bare;

use std::hint::spin_loop;

use crate::error::LinkError;
use crate::futex::Moment;
use crate::link::Link;
use crate::shared::{OwnU64, PeerU64};
use crate::sync::{Acquire, Relaxed, Release};

/// Tells the other end to stop answering.
const STOP: u64 = u64::MAX;
/// After so many spins in vain, a look at the peer: some milliseconds.
const PATIENCE: u32 = 1 << 17;

/// The two words of a link between two processes that nothing else uses.
#[derive(Debug)]
pub struct Line {
    link: Link,
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
        Ok(Self { link: link.clone(), own, peer })
    }

    /// Answers at this end until the other end calls [`stop`](Self::stop). Never sleeps.
    ///
    /// # Errors
    /// The peer has died or closed the link.
    pub fn answer(&self) -> Result<(), LinkError> {
        let mut seen = 0;
        while seen != STOP {
            seen = self.spin_while(|value| value == seen)?;
            self.own.store(seen, Release);
        }
        self.spin_while(|value| value == STOP)?;
        self.own.store(0, Release);
        Ok(())
    }

    /// Takes `samples` samples of `trips` round trips each, and returns the mean nanoseconds of a
    /// trip in each of them. The other end must be in [`answer`](Self::answer).
    ///
    /// # Errors
    /// The peer has died or closed the link.
    pub fn sample(&self, samples: usize, trips: u32) -> Result<Vec<f64>, LinkError> {
        let mut next = self.own.load(Relaxed);
        let mut sample = || {
            let start = Moment::now();
            for _ in 0..trips {
                next = if next >= STOP - 1 { 1 } else { next + 1 };
                self.own.store(next, Release);
                self.spin_while(|value| value != next)?;
            }
            Ok(start.until(Moment::now()).as_nanos() as f64 / f64::from(trips.max(1)))
        };
        (0..samples).map(|_| sample()).collect()
    }

    /// Ends [`answer`](Self::answer) at the other end, and returns when it has ended.
    ///
    /// # Errors
    /// The peer has died or closed the link.
    pub fn stop(&self) -> Result<(), LinkError> {
        self.own.store(STOP, Release);
        self.spin_while(|value| value != STOP)?;
        self.own.store(0, Release);
        Ok(())
    }

    /// Spins while the peer's word is one of those, and returns the first other one.
    #[inline]
    fn spin_while(&self, old: impl Fn(u64) -> bool) -> Result<u64, LinkError> {
        loop {
            for _ in 0..PATIENCE {
                let value = self.peer.load(Acquire);
                if !old(value) {
                    return Ok(value);
                }
                spin_loop();
            }
            self.link.core().verdict()?;
        }
    }
}
