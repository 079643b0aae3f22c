//! [`Lane`]: a lane held, to send and receive frames of the user's own bytes.

use std::cell::{RefCell, RefMut};
use std::time::Duration;

use super::batch::Batch;
use super::frames::{LaneState, Publish};
use crate::error::{LinkError, PeerError};
use crate::futex::{Deadline, ReentrantGuard};
use crate::link::transport::Transport;

/// A lane, held by this thread until it is dropped.
///
/// It carries the user's own bytes, one message a frame, for bridges that have a format of their
/// own. A lane carries either such messages or traps, not both.
///
/// ```
/// use trapline::{Link, LinkConfig};
/// let (passive, active) = Link::pair(&LinkConfig::default())?;
/// let (mut sender, mut receiver) = (active.lane(0)?, passive.lane(0)?);
/// sender.send(b"ping")?;
/// let mut message = Vec::new();
/// receiver.receive(&mut message)?;
/// assert_eq!(message, b"ping");
/// # Ok::<(), trapline::LinkError>(())
/// ```
#[derive(Debug)]
pub struct Lane<'a> {
    guard: ReentrantGuard<'a, RefCell<LaneState>>,
}

impl<'a> Lane<'a> {
    pub(super) fn new(guard: ReentrantGuard<'a, RefCell<LaneState>>) -> Self {
        Self { guard }
    }

    /// Sends a message of at most half the ring, less 32 bytes; waits while the ring is full.
    ///
    /// # Errors
    /// [`Misuse::TooLong`](crate::Misuse::TooLong), or why the link does not work any more.
    #[inline]
    pub fn send(&mut self, payload: &[u8]) -> Result<(), LinkError> {
        self.send_until(payload, Deadline::Never)
    }

    /// As [`Lane::send`], waiting for at most `timeout`.
    ///
    /// # Errors
    /// [`PeerError::Timeout`]; otherwise as [`Lane::send`].
    pub fn send_timeout(&mut self, payload: &[u8], timeout: Duration) -> Result<(), LinkError> {
        self.send_until(payload, Deadline::In(timeout))
    }

    /// As [`Lane::send`], without waiting.
    ///
    /// # Errors
    /// [`PeerError::Full`]; otherwise as [`Lane::send`].
    pub fn try_send(&mut self, payload: &[u8]) -> Result<(), LinkError> {
        match self.send_until(payload, Deadline::In(Duration::ZERO)) {
            Err(LinkError::Peer(PeerError::Timeout)) => Err(PeerError::Full.into()),
            done => done,
        }
    }

    #[inline]
    fn send_until(&mut self, payload: &[u8], mut deadline: Deadline) -> Result<(), LinkError> {
        self.state().send_data(payload, Publish::Now, &mut deadline)
    }

    /// Until the guard is dropped, what is sent through it becomes visible in bunches of 2 KiB.
    pub fn batch(&mut self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Receives the next message into `into`, whose content it replaces; waits for it.
    ///
    /// # Errors
    /// Why the link does not work any more. What the peer sent before it left is received first.
    #[inline]
    pub fn receive(&mut self, into: &mut Vec<u8>) -> Result<(), LinkError> {
        self.receive_until(into, Deadline::Never)
    }

    /// As [`Lane::receive`], waiting for at most `timeout`.
    ///
    /// # Errors
    /// [`PeerError::Timeout`]; otherwise as [`Lane::receive`].
    pub fn receive_timeout(
        &mut self,
        into: &mut Vec<u8>,
        timeout: Duration,
    ) -> Result<(), LinkError> {
        self.receive_until(into, Deadline::In(timeout))
    }

    /// As [`Lane::receive`], without waiting; `false` where there is no message.
    ///
    /// # Errors
    /// As [`Lane::receive`], but a peer that has left is only noticed by a receive that waits.
    pub fn try_receive(&mut self, into: &mut Vec<u8>) -> Result<bool, LinkError> {
        let mut state = self.state();
        let received = state.next_data(into)?;
        if !received {
            state.carrier.flush();
        }
        Ok(received)
    }

    #[inline]
    fn receive_until(
        &mut self,
        into: &mut Vec<u8>,
        mut deadline: Deadline,
    ) -> Result<(), LinkError> {
        let mut state = self.state();
        while !state.next_data(into)? {
            state.wait_for_frame(&mut deadline)?;
        }
        Ok(())
    }
}

impl Lane<'_> {
    #[inline]
    pub(super) fn state(&self) -> RefMut<'_, LaneState> {
        self.guard.borrow_mut()
    }

    /// Publishes what is held back, and wakes a peer that waits for it or for room given back.
    pub(super) fn flush(&self) {
        self.state().carrier.flush();
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        // A peer that waits for room which was given back must not wait for our next frame.
        self.flush();
    }
}
