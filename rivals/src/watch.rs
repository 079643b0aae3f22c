//! [`Watch`]: the time limit of a visit, for transports that may wait for ever.
//!
//! A visit runs on a thread of its own. When its time is over, its second process is killed, which
//! ends every wait that notices that. A thread that is still not back, because its transport does
//! not notice, is left behind asleep: its contender takes no further part.

use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;

/// How long a process that was told to end may take, and a thread whose process was killed.
const GRACE: Duration = Duration::from_secs(2);

/// What a visit and its guard share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<State>);

#[derive(Debug, Default)]
struct State {
    child: Mutex<Option<Child>>,
    killed: AtomicBool,
}

impl Watch {
    /// Keeps the second process, to kill it where it must.
    pub(crate) fn keep(&self, child: Child) {
        *self.0.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
    }

    /// Whether the time was over. A transport that polls asks now and then.
    pub(crate) fn is_over(&self) -> bool {
        self.0.killed.load(SeqCst)
    }

    /// Waits until the second process, which was told to end, has ended; kills it otherwise.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        let child = self.0.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut child) = child else { return Err(Error::Hung) };
        let start = Instant::now();
        while start.elapsed() < GRACE {
            match child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Error::Rival(format!("the second process: {status}"))),
                None => std::thread::sleep(GRACE / 2000),
            }
        }
        child.kill()?;
        child.wait()?;
        Err(Error::Hung)
    }

    fn kill(&self) {
        self.0.killed.store(true, SeqCst);
        let child = self.0.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            // Where it has ended already, there is nothing to kill, and the wait returns at once.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a visit for at most `limit`.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    visit: impl FnOnce(&Watch) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let watch = Watch::default();
    let (done, result) = channel();
    let thread = std::thread::spawn({
        let watch = watch.clone();
        move || {
            let visited = visit(&watch);
            // After a failure it may still run.
            watch.kill();
            let _ = done.send(visited);
        }
    });
    match result.recv_timeout(limit) {
        Ok(visited) => {
            let _ = thread.join();
            return visited;
        }
        Err(RecvTimeoutError::Disconnected) => {
            watch.kill();
            return Err(Error::Rival("the visit panicked".to_owned()));
        }
        Err(RecvTimeoutError::Timeout) => watch.kill(),
    }
    // A thread that comes back now is out of the way of the next visit.
    let _ = result.recv_timeout(GRACE);
    Err(Error::Hung)
}

/// In the second process: it ends when the thread that started it does.
pub(crate) fn end_with_parent() -> Result<(), Error> {
    Ok(rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_that_hangs_is_given_up() {
        let visited = within(Duration::from_millis(20), |_| -> Result<(), Error> {
            loop {
                std::thread::park();
            }
        });
        assert!(matches!(visited, Err(Error::Hung)));
    }

    #[test]
    fn a_visit_that_notices_is_over_in_time() {
        let visited = within(Duration::from_millis(20), |watch| {
            while !watch.is_over() {
                std::thread::yield_now();
            }
            Err::<(), _>(Error::Wrong("noticed".to_owned()))
        });
        assert!(matches!(visited, Err(Error::Hung)));
        assert!(matches!(within(GRACE, |_| Ok(7)), Ok(7)));
    }
}
