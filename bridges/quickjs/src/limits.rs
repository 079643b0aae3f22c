//! [`Limits`]: how much memory, time and stack a script may use.

use std::time::Duration;

use crate::CreateError;

/// What a script may use before the engine stops it.
///
/// ```
/// use std::time::Duration;
/// use trapline_quickjs::Limits;
///
/// let limits = Limits { time: Some(Duration::from_millis(200)), ..Limits::default() };
/// assert_eq!(limits.memory, 256 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that the engine may allocate, from 1 MiB. Default: 256 MiB. Beyond it, scripts see an
    /// `InternalError: out of memory`.
    pub memory: usize,
    /// How long one top-level trap may take, the traps nested in it and the promise jobs after it
    /// included; `None` for no limit. Default: 10 s. A script cannot catch the error.
    ///
    /// The engine looks at the clock at calls, loops and inside regular expressions and most
    /// built-in loops, so a stop can come late by as long as one built-in operation takes.
    pub time: Option<Duration>,
    /// Bytes of the thread's stack that the engine may use, counted from where a top-level trap
    /// enters it: 64 KiB to 16 MiB. Default: 1 MiB, half of what Rust gives a thread that it
    /// spawns. Leave room for what runs outside of the engine: the handlers of nested traps. Beyond
    /// it, scripts see a `RangeError`.
    pub stack: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 256 << 20, time: Some(Duration::from_secs(10)), stack: 1 << 20 }
    }
}

impl Limits {
    /// The engine takes 0, and for the stack anything above 16 MiB, to mean "no limit": both are
    /// refused here, so that a limit is what it says.
    pub(crate) fn check(&self) -> Result<(), CreateError> {
        in_range("memory", self.memory, 1 << 20, usize::MAX)?;
        in_range("stack", self.stack, 64 << 10, 16 << 20)
    }
}

fn in_range(
    limit: &'static str,
    given: usize,
    least: usize,
    most: usize,
) -> Result<(), CreateError> {
    if (least..=most).contains(&given) {
        Ok(())
    } else {
        Err(CreateError::OutOfRange { limit, given, least, most })
    }
}
