//! Sleeping on Linux: the futex, through rustix; untimed waits within the process through
//! atomic-wait.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags, Timespec, Wait, WaitFlags, WaitPtr, WaitvFlags};
use rustix::time::ClockId;

use super::{Moment, Scope, Woken, Word};
use crate::error::SystemError;
use crate::sync::Relaxed;

/// Where the kernel has no `futex_waitv`, or a sandbox refuses it: how long a sleeper leaves it to
/// the first word to wake it before it looks at the others.
const SLICE: Duration = Duration::from_millis(10);

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

/// Sleeps while each of `words`, three at most, is what is expected of it, until `until` on the
/// monotonic clock. Where the kernel cannot do that, it sleeps on the first of them, for 10 ms at
/// most.
///
/// # Errors
/// What the kernel says where it refuses the wait itself.
pub fn wait_any(words: &[Word<'_>], until: Option<Moment>) -> Result<Woken, SystemError> {
    /// Asked once: a kernel does not learn it, and a sandbox does not open.
    static MISSING: AtomicBool = AtomicBool::new(false);
    if MISSING.load(Relaxed) {
        return slice(words, until);
    }
    let mut waits = [Wait::new(); 3];
    for (wait, word) in waits.iter_mut().zip(words) {
        wait.val = word.expected.into();
        wait.uaddr = WaitPtr::new(word.word.as_ptr().cast());
        wait.flags = WaitFlags::SIZE_U32;
        wait.flags.set(WaitFlags::PRIVATE, word.scope == Scope::Process);
    }
    let at = until.map(timespec);
    let waits = &waits[..words.len().min(3)];
    match futex::waitv(waits, WaitvFlags::empty(), at.as_ref(), ClockId::Monotonic) {
        Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(Woken::Look),
        Err(Errno::TIMEDOUT) => Ok(Woken::TimedOut),
        Err(Errno::NOSYS | Errno::PERM) => {
            MISSING.store(true, Relaxed);
            slice(words, until)
        }
        Err(errno) => Err(SystemError::new("futex_waitv", errno)),
    }
}

/// Sleeps on the first word for a while.
fn slice(words: &[Word<'_>], until: Option<Moment>) -> Result<Woken, SystemError> {
    let Some(first) = words.first() else { return Ok(Woken::Look) };
    let end = Moment::now().plus(SLICE);
    let end = until.map_or(end, |until| until.min(end));
    match wait(first.word, first.expected, Some(end), first.scope)? {
        Woken::TimedOut if until == Some(end) => Ok(Woken::TimedOut),
        _ => Ok(Woken::Look),
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
    fn any_of_several_words_ends_the_wait() {
        let words = [AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0)];
        let scopes = [Scope::Shared, Scope::Process, Scope::Shared];
        let all = || -> Vec<Word<'_>> {
            let word = |(word, scope)| Word { word, expected: 0, scope };
            words.iter().zip(scopes).map(word).collect()
        };
        let soon = Moment::now().plus(Duration::from_millis(2));
        while wait_any(&all(), Some(soon)) == Ok(Woken::Look) {}
        assert!(Moment::now() >= soon);
        for (word, scope) in words.iter().zip(scopes) {
            std::thread::scope(|threads| {
                let sleeper = threads.spawn(|| {
                    while word.load(std::sync::atomic::Ordering::Acquire) == 0 {
                        wait_any(&all(), None).expect("waits");
                    }
                });
                std::thread::sleep(Duration::from_millis(2));
                word.store(1, std::sync::atomic::Ordering::Release);
                wake(word, scope);
                sleeper.join().expect("woken");
            });
            assert_eq!(wait_any(&all(), None), Ok(Woken::Look), "a changed word does not sleep");
            word.store(0, Relaxed);
        }
    }

    #[test]
    fn a_slice_ends_by_itself_and_says_when_the_moment_has_passed() {
        let word = AtomicU32::new(0);
        let words = [Word { word: &word, expected: 0, scope: Scope::Process }; 2];
        assert_eq!(slice(&words, None), Ok(Woken::Look));
        let soon = Moment::now().plus(Duration::from_millis(2));
        while slice(&words, Some(soon)) == Ok(Woken::Look) {}
        assert!(Moment::now() >= soon);
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
