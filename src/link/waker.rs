//! [`Waker`]: ends the waits of an end from elsewhere in its own process.

use std::sync::Arc;

use crate::futex::OwnWake;

/// Ends the waits of one end of a link, from any thread and from a signal handler.
///
/// A lane remembers a wake until a wait of it was ended by one, so a wake that comes just before a
/// wait is not lost; several wakes until then count as one. A frame that is there is delivered
/// first. A [`Local`](crate::Local) that waits for room for an answer finishes that answer before
/// it is interrupted. On a link [over a transport of the user's own](crate::Link::over) it does
/// nothing.
///
/// ```
/// use std::time::Duration;
/// use trapline::{Link, LinkConfig, LinkError, PeerError};
///
/// let (passive, _active) = Link::pair(&LinkConfig::default())?;
/// let waker = passive.waker();
/// std::thread::spawn(move || {
///     std::thread::sleep(Duration::from_millis(5));
///     waker.wake();
/// });
/// let ended = passive.lane(0)?.receive(&mut Vec::new());
/// assert_eq!(ended, Err(LinkError::Peer(PeerError::Interrupted)));
/// # Ok::<(), LinkError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Waker {
    own: Arc<OwnWake>,
}

impl Waker {
    pub(super) fn new(own: Arc<OwnWake>) -> Self {
        Self { own }
    }

    /// Ends the waits of this end with [`PeerError::Interrupted`](crate::PeerError::Interrupted):
    /// those of now, or the next one of each lane. Async-signal-safe; a system call.
    pub fn wake(&self) {
        self.own.interrupt();
    }
}
