//! [`Batch`]: frames of the user's own bytes that become visible in bunches.

use std::time::Duration;

use super::frames::Publish;
use super::lane::Lane;
use crate::error::{LinkError, PeerError};
use crate::futex::Deadline;

/// Sends through a lane without announcing each message: one announcement, and one look whether
/// the peer sleeps, serve up to 2 KiB of the ring.
///
/// What is held back becomes visible when 2 KiB wait, when the ring is full, by
/// [`flush`](Self::flush), and when the batch is dropped. Until then the peer cannot see it, so
/// this is for streams, and not for a message whose answer is awaited.
///
/// ```
/// use trapline::{Link, LinkConfig};
/// let (passive, active) = Link::pair(&LinkConfig::default())?;
/// let (mut sender, mut receiver) = (active.lane(0)?, passive.lane(0)?);
/// let mut batch = sender.batch();
/// for number in 0..3u8 {
///     batch.send(&[number])?;
/// }
/// let mut message = Vec::new();
/// assert!(!receiver.try_receive(&mut message)?, "held back");
/// drop(batch);
/// receiver.receive(&mut message)?;
/// assert_eq!(message, [0]);
/// # Ok::<(), trapline::LinkError>(())
/// ```
#[derive(Debug)]
pub struct Batch<'a> {
    lane: &'a Lane<'a>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(lane: &'a Lane<'a>) -> Self {
        Self { lane }
    }

    /// As [`Lane::send`]; a full ring publishes what is held back, and then waits.
    ///
    /// # Errors
    /// As [`Lane::send`].
    #[inline]
    pub fn send(&mut self, payload: &[u8]) -> Result<(), LinkError> {
        self.send_until(payload, Deadline::Never)
    }

    /// As [`Lane::send_timeout`].
    ///
    /// # Errors
    /// As [`Lane::send_timeout`].
    pub fn send_timeout(&mut self, payload: &[u8], timeout: Duration) -> Result<(), LinkError> {
        self.send_until(payload, Deadline::In(timeout))
    }

    /// As [`Lane::try_send`].
    ///
    /// # Errors
    /// As [`Lane::try_send`].
    pub fn try_send(&mut self, payload: &[u8]) -> Result<(), LinkError> {
        match self.send_until(payload, Deadline::In(Duration::ZERO)) {
            Err(LinkError::Peer(PeerError::Timeout)) => Err(PeerError::Full.into()),
            done => done,
        }
    }

    /// Publishes what is held back, and wakes the peer if it sleeps.
    pub fn flush(&mut self) {
        self.lane.flush();
    }

    #[inline]
    fn send_until(&mut self, payload: &[u8], mut deadline: Deadline) -> Result<(), LinkError> {
        self.lane.state().send_data(payload, Publish::InBunches, &mut deadline)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Link, LinkConfig};

    fn small() -> LinkConfig {
        LinkConfig { ring_bytes: 4096, ..LinkConfig::default() }
    }

    /// Takes what can be seen, which must count on from `next`; returns how many there were.
    fn take(receiver: &mut Lane<'_>, next: &mut u64) -> u64 {
        let (first, mut message) = (*next, Vec::new());
        while receiver.try_receive(&mut message).expect("an honest peer") {
            assert_eq!(message, next.to_le_bytes());
            *next += 1;
        }
        *next - first
    }

    #[test]
    fn frames_become_visible_in_bunches_of_2_kib_and_all_of_them_in_the_end() {
        let (passive, active) = Link::pair(&LinkConfig::default()).expect("a pair");
        let (mut sender, mut receiver) = (active.lane(0).unwrap(), passive.lane(0).unwrap());
        let (mut next, mut seen) = (0, Vec::new());
        let mut batch = sender.batch();
        for number in 0..120u64 {
            batch.send(&number.to_le_bytes()).expect("there is room");
            seen.extend(Some(take(&mut receiver, &mut next)).filter(|taken| *taken > 0));
        }
        assert!(seen.len() > 1 && seen.iter().all(|bunch| *bunch == seen[0]), "{seen:?}");
        // Record header, frame header and payload.
        assert_eq!(seen[0], 2048_u64.div_ceil(8 + 24 + 8));
        batch.flush();
        let flushed = take(&mut receiver, &mut next);
        assert_eq!(seen.iter().sum::<u64>() + flushed, 120);
        batch.send(&120u64.to_le_bytes()).expect("there is room");
        assert_eq!(take(&mut receiver, &mut next), 0, "held back again");
        drop(batch);
        assert_eq!(take(&mut receiver, &mut next), 1);
        sender.send(&121u64.to_le_bytes()).expect("there is room");
        assert_eq!(take(&mut receiver, &mut next), 1, "the batch is over");
    }

    /// A sender that waits for room while the receiver waits for what is held back would wait for
    /// ever; so would a receiver whose bell the last flush does not ring.
    #[test]
    fn a_batch_never_sleeps_on_what_it_holds_back() {
        const MESSAGES: u64 = 20_000;
        for wait in [crate::WaitPolicy::Park, crate::WaitPolicy::Adaptive] {
            let (passive, active) = Link::pair(&LinkConfig { wait, ..small() }).expect("a pair");
            std::thread::scope(|threads| {
                threads.spawn(|| {
                    let mut lane = active.lane(0).unwrap();
                    let mut batch = lane.batch();
                    (0..MESSAGES).for_each(|n| batch.send(&n.to_le_bytes()).expect("sent"));
                });
                let (mut lane, mut message) = (passive.lane(0).unwrap(), Vec::new());
                for number in 0..MESSAGES {
                    lane.receive(&mut message).expect("received");
                    assert_eq!(message, number.to_le_bytes());
                }
            });
        }
    }

    #[test]
    fn a_full_ring_shows_what_was_held_back() {
        let (passive, active) = Link::pair(&small()).expect("a pair");
        let (mut sender, mut receiver) = (active.lane(0).unwrap(), passive.lane(0).unwrap());
        let mut batch = sender.batch();
        let (mut sent, mut next) = (0u64, 0);
        while batch.try_send(&sent.to_le_bytes()).is_ok() {
            sent += 1;
        }
        let full = batch.try_send(b"one more");
        assert_eq!(full, Err(PeerError::Full.into()));
        assert_eq!(take(&mut receiver, &mut next), sent);
        let brief = Duration::from_millis(1);
        batch.send_timeout(&sent.to_le_bytes(), brief).expect("there is room again");
        assert_eq!(take(&mut receiver, &mut next), 0);
    }

    #[test]
    fn a_link_that_was_closed_refuses_a_batch_too() {
        let (_passive, active) = Link::pair(&small()).expect("a pair");
        active.close();
        let mut lane = active.lane(0).unwrap();
        assert_eq!(lane.batch().send(b"late"), Err(PeerError::Closed.into()));
    }
}
