//! The futex under loom: the kernel's compare-and-sleep, with a lock and a condition variable.

use std::sync::Arc;

use loom::sync::{Condvar, Mutex};

use super::{Moment, Scope, Woken, Word};
use crate::error::SystemError;
use crate::shared::{FutexModel, Sleeper};
use crate::sync::Relaxed;

/// Sleeps while `word` is `expected`.
///
/// # Errors
/// None.
pub fn wait(
    word: &FutexModel,
    expected: u32,
    _: Option<Moment>,
    _: Scope,
) -> Result<Woken, SystemError> {
    let guard = word.lock.lock().expect("no model panics while it holds the lock");
    if word.value.load(Relaxed) == expected {
        drop(word.changed.wait(guard).expect("no model panics while it holds the lock"));
    }
    Ok(Woken::Look)
}

/// Sleeps while each of `words` is what is expected of it: queues on one after another, as the
/// kernel does, and sleeps only if none of them had changed or was rung meanwhile.
///
/// # Errors
/// None.
pub fn wait_any(words: &[Word<'_>], _: Option<Moment>) -> Result<Woken, SystemError> {
    let sleeper = Arc::new(Sleeper { rung: Mutex::new(false), woken: Condvar::new() });
    for Word { word, expected, .. } in words {
        let mut queue = word.lock.lock().expect("no model panics while it holds the lock");
        if word.value.load(Relaxed) != *expected {
            return Ok(Woken::Look);
        }
        queue.push(sleeper.clone());
    }
    let mut rung = sleeper.rung.lock().expect("no model panics while it holds the lock");
    while !*rung {
        rung = sleeper.woken.wait(rung).expect("no model panics while it holds the lock");
    }
    Ok(Woken::Look)
}

/// Wakes all that sleep on `word`.
pub fn wake(word: &FutexModel, _: Scope) {
    let mut queue = word.lock.lock().expect("no model panics while it holds the lock");
    for sleeper in queue.drain(..) {
        *sleeper.rung.lock().expect("no model panics while it holds the lock") = true;
        sleeper.woken.notify_one();
    }
    word.changed.notify_all();
}
