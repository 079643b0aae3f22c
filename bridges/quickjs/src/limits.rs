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
    /// `InternalError: out of memory`, or `null` where not even that error fits. 256 KiB more
    /// are kept for telling of an error.
    pub memory: usize,
    /// How long one top-level trap may take, the traps nested in it and the promise jobs after it
    /// included; `None` for no limit. Default: 10 s. A script cannot catch the error.
    ///
    /// The engine looks at the clock at calls and loops of scripts, in regular expressions and in
    /// some built-in loops. Other built-in operations run to their end first, and a few can take
    /// longer than anyone waits: `Array.prototype.reverse` on an object that claims a length of
    /// 2^53 - 1, or a search for one long string in another.
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
    /// The engine takes a stack of 0, or of more than 16 MiB, to mean "no limit": refused here, so
    /// that a limit is what it says.
    pub(crate) fn check(&self) -> Result<(), CreateError> {
        in_range("memory", self.memory, 1 << 20, MOST_MEMORY)?;
        in_range("stack", self.stack, 64 << 10, 16 << 20)
    }
}

/// Sums and sizes of allocations below it cannot overflow.
const MOST_MEMORY: usize = isize::MAX as usize / 2;

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
