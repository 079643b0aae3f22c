//! [`Bare`]: the yardstick of sleepers, beside [`Line`](super::Line) for who stays awake.

use std::time::Duration;

use crate::error::LinkError;
use crate::futex::{self, Moment, Scope, Woken};
use crate::link::Link;
use crate::shared::{OwnU32, PeerU32};
use crate::sync::{Acquire, Relaxed, Release};

/// Tells the other end to stop answering.
const STOP: u32 = u32::MAX;
/// After so long a sleep, a look at the peer. One moment serves all sleeps until it passes, so
/// that none of them reads the clock.
const PATIENCE: Duration = Duration::from_secs(1);

/// A ping-pong on two words in two segments, each end asleep on the futex of the other's word
/// while it is not its turn: two system calls a trip at each end, and nothing else. No round trip
/// between two sleepers can do with less.
///
/// ```
/// use trapline::line::Bare;
/// use trapline::{Link, LinkConfig, LinkError};
///
/// let (passive, active) = Link::pair(&LinkConfig::default())?;
/// std::thread::scope(|threads| {
///     threads.spawn(|| Bare::new(&active)?.answer());
///     let mut bare = Bare::new(&passive)?;
///     bare.trip()?;
///     bare.stop()
/// })?;
/// # Ok::<(), LinkError>(())
/// ```
#[derive(Debug)]
pub struct Bare {
    link: Link,
    own: OwnU32,
    peer: PeerU32,
    scope: Scope,
    /// When the next look at the peer is due.
    look: Moment,
}

impl Bare {
    /// The bare ping-pong of a link.
    ///
    /// # Errors
    /// [`Misuse::Unsupported`](crate::Misuse::Unsupported) where the link has no segments.
    pub fn new(link: &Link) -> Result<Self, LinkError> {
        let (own, peer, scope) = link.core().bare_words()?;
        let look = Moment::now().plus(PATIENCE);
        Ok(Self { link: link.clone(), own, peer, scope, look })
    }

    /// Answers at this end until the other end calls [`stop`](Self::stop).
    ///
    /// # Errors
    /// The peer has died or closed the link.
    pub fn answer(&mut self) -> Result<(), LinkError> {
        let mut seen = 0;
        while seen != STOP {
            seen = self.sleep_while(|value| value == seen)?;
            self.pass(seen);
        }
        Ok(())
    }

    /// One round trip. The other end must be in [`answer`](Self::answer), or on its way there.
    ///
    /// # Errors
    /// The peer has died or closed the link.
    #[inline]
    pub fn trip(&mut self) -> Result<(), LinkError> {
        // Never `STOP`: it would take days to get there, and is skipped all the same.
        let next = self.own.load(Relaxed).wrapping_add(1) % STOP;
        self.pass(next);
        self.sleep_while(|value| value != next).map(drop)
    }

    /// Ends [`answer`](Self::answer) at the other end, and returns when it has ended.
    ///
    /// # Errors
    /// The peer has died or closed the link.
    pub fn stop(&mut self) -> Result<(), LinkError> {
        self.pass(STOP);
        self.sleep_while(|value| value != STOP)?;
        self.own.store(0, Release);
        Ok(())
    }

    #[inline]
    fn pass(&self, value: u32) {
        self.own.store(value, Release);
        futex::wake(self.own.atomic(), self.scope);
    }

    /// Sleeps while the peer's word is one of those, and returns the first other one.
    #[inline]
    fn sleep_while(&mut self, old: impl Fn(u32) -> bool) -> Result<u32, LinkError> {
        loop {
            let value = self.peer.load(Acquire);
            if !old(value) {
                return Ok(value);
            }
            let woken = futex::wait(self.peer.atomic(), value, Some(self.look), self.scope)?;
            if woken == Woken::TimedOut {
                self.link.core().verdict()?;
                self.look = Moment::now().plus(PATIENCE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinkConfig, PeerError};

    #[test]
    fn trips_end_with_a_stop_and_can_begin_again() {
        let (passive, active) = Link::pair(&LinkConfig::default()).expect("a pair");
        for trips in [0, 1, 100] {
            std::thread::scope(|threads| {
                let answers = threads.spawn(|| Bare::new(&active)?.answer());
                let mut bare = Bare::new(&passive).expect("a link with segments");
                (0..trips).for_each(|_| bare.trip().expect("the other end answers"));
                bare.stop().expect("the other end answers");
                assert_eq!(answers.join().expect("no panic"), Ok(()));
            });
        }
    }

    #[test]
    fn a_peer_that_has_left_ends_the_sleep() {
        let (passive, active) = Link::pair(&LinkConfig::default()).expect("a pair");
        active.close();
        let left = Bare::new(&passive).and_then(|mut bare| bare.trip());
        assert_eq!(left, Err(PeerError::Closed.into()));
    }
}
