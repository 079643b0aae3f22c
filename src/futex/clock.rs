//! [`Moment`] and [`Deadline`]: absolute times that cost nothing until somebody must look.

use std::time::Duration;

/// A point on the monotonic clock, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub(crate) u64);

impl Moment {
    /// Now.
    #[cfg(target_os = "linux")]
    pub fn now() -> Self {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Self(t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64)
    }

    /// Now.
    #[cfg(not(target_os = "linux"))]
    pub fn now() -> Self {
        use std::{sync::OnceLock, time::Instant};
        static START: OnceLock<Instant> = OnceLock::new();
        Self(START.get_or_init(Instant::now).elapsed().as_nanos() as u64)
    }

    /// This moment and `after`; saturates.
    pub fn plus(self, after: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long until `later`, zero where that has passed.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_nanos(later.0.saturating_sub(self.0))
    }
}

/// When to give up. Reading the clock costs 25 ns, as much as a quarter of a round trip, so a
/// timeout becomes a moment only when a wait leaves its spin stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Never.
    Never,
    /// So long after the first look at the clock, which is within a microsecond of now.
    In(Duration),
    /// At that moment.
    At(Moment),
}

impl Deadline {
    /// `None` waits for ever.
    pub fn from_timeout(timeout: Option<Duration>) -> Self {
        timeout.map_or(Self::Never, Self::In)
    }

    /// The moment, fixed now if it was not yet; `None` where it never comes.
    pub fn moment(&mut self) -> Option<Moment> {
        match *self {
            Self::Never => None,
            Self::In(after) => {
                let at = Moment::now().plus(after);
                *self = Self::At(at);
                Some(at)
            }
            Self::At(at) => Some(at),
        }
    }

    /// Whether the moment has passed.
    pub fn has_passed(&mut self) -> bool {
        self.moment().is_some_and(|at| Moment::now() >= at)
    }
}
