//! Sleeping on Linux: the futex, through rustix; untimed waits within the process through
//! atomic-wait.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicU32;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags, Timespec};

use super::{Moment, Scope, Woken};
use crate::error::SystemError;

/// Sleeps while `word` is `expected`, until `until` on the monotonic clock.
///
/// # Errors
/// What the kernel says where it refuses the wait itself.
pub fn wait(
    word: &AtomicU32,
    expected: u32,
    until: Option<Moment>,
    scope: Scope,
) -> Result<Woken, SystemError> {
    if scope == Scope::Process && until.is_none() {
        atomic_wait::wait(word, expected);
        return Ok(Woken::Look);
    }
    let until = until.map(timespec);
    // A bit set takes the moment as it is; plain FUTEX_WAIT would want a duration.
    match futex::wait_bitset(word, flags(scope), expected, until.as_ref(), NonZeroU32::MAX) {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR) => Ok(Woken::Look),
        Err(Errno::TIMEDOUT) => Ok(Woken::TimedOut),
        Err(errno) => Err(SystemError::new("futex wait", errno)),
    }
}

/// Wakes all that sleep on `word`.
pub fn wake(word: &AtomicU32, scope: Scope) {
    // Can only fail for an address that is not mapped, and `word` is.
    let _ = futex::wake(word, flags(scope), i32::MAX as u32);
}

fn flags(scope: Scope) -> Flags {
    match scope {
        Scope::Process => Flags::PRIVATE,
        Scope::Shared => Flags::empty(),
    }
}

fn timespec(at: Moment) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(at.0 / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: (at.0 % 1_000_000_000) as _,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_changed_word_does_not_sleep() {
        let word = AtomicU32::new(1);
        for scope in [Scope::Process, Scope::Shared] {
            assert_eq!(wait(&word, 0, None, scope), Ok(Woken::Look));
        }
    }

    #[test]
    fn a_moment_ends_the_wait() {
        let word = AtomicU32::new(0);
        for scope in [Scope::Process, Scope::Shared] {
            let until = Moment::now().plus(Duration::from_millis(2));
            // A signal may end it early; then it must sleep on.
            while wait(&word, 0, Some(until), scope) == Ok(Woken::Look) {}
            assert!(Moment::now() >= until);
        }
    }

    #[test]
    fn a_wake_ends_the_wait() {
        for scope in [Scope::Process, Scope::Shared] {
            let word = AtomicU32::new(0);
            std::thread::scope(|threads| {
                let sleeper = threads.spawn(|| {
                    while word.load(std::sync::atomic::Ordering::Acquire) == 0 {
                        wait(&word, 0, None, scope).expect("waits");
                    }
                });
                word.store(1, std::sync::atomic::Ordering::Release);
                wake(&word, scope);
                sleeper.join().expect("woken");
            });
        }
    }
}
