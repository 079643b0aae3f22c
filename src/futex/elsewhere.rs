//! Platforms without an implementation: opening a link is an error there, so nothing waits.

use std::sync::atomic::AtomicU32;

use super::{Moment, Scope, Woken, Word};
use crate::error::SystemError;

/// Never sleeps: no link can be opened on this platform.
///
/// # Errors
/// Always.
pub fn wait(_: &AtomicU32, _: u32, _: Option<Moment>, _: Scope) -> Result<Woken, SystemError> {
    Err(SystemError { operation: "futex wait", errno: 0 })
}

/// Never sleeps either.
///
/// # Errors
/// Always.
pub fn wait_any(_: &[Word<'_>], _: Option<Moment>) -> Result<Woken, SystemError> {
    Err(SystemError { operation: "futex wait", errno: 0 })
}

/// Wakes nobody.
pub fn wake(_: &AtomicU32, _: Scope) {}
