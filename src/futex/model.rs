//! The futex under loom: the kernel's compare-and-sleep, with a lock and a condition variable.

use super::{Moment, Scope, Woken};
use crate::error::SystemError;
use crate::shared::FutexModel;
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

/// Wakes all that sleep on `word`.
pub fn wake(word: &FutexModel, _: Scope) {
    let _guard = word.lock.lock().expect("no model panics while it holds the lock");
    word.changed.notify_all();
}
