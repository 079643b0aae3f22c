//! Two processes, or two threads, on a processor each.
//!
//! Two processes that yield to each other may stay on one processor for long, although others are
//! idle: a scheduler sees no reason to part them. What is measured then is its context switch.

/// Places this thread and the second process apart while it lives.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) struct Placed {
    /// Where this thread might run before, and may again: the processes that it starts inherit it.
    before: rustix::thread::CpuSet,
}

#[cfg(target_os = "linux")]
impl Placed {
    /// `None` where there are no two processors. The second process must have opened its link: it
    /// looks then how many processors it has.
    pub(crate) fn apart(second: u32) -> Option<Self> {
        use rustix::process::Pid;
        use rustix::thread::sched_setaffinity;

        let (before, [ours, theirs]) = two()?;
        let second = Pid::from_raw(i32::try_from(second).ok()?)?;
        sched_setaffinity(Some(second), &theirs).ok()?;
        let placed = Self { before };
        sched_setaffinity(None, &ours).ok()?;
        Some(placed)
    }

    /// Places this thread, and says where the other one belongs.
    pub(crate) fn threads() -> Option<(Self, Seat)> {
        let (before, [ours, theirs]) = two()?;
        let placed = Self { before };
        rustix::thread::sched_setaffinity(None, &ours).ok()?;
        Some((placed, Seat(theirs)))
    }
}

/// The processor of another thread.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) struct Seat(rustix::thread::CpuSet);

#[cfg(target_os = "linux")]
impl Seat {
    /// Places the thread that calls.
    pub(crate) fn take(&self) {
        // It was allowed to this process when it was chosen.
        let _ = rustix::thread::sched_setaffinity(None, &self.0);
    }
}

/// Where this thread may run, and two processors of those.
#[cfg(target_os = "linux")]
fn two() -> Option<(rustix::thread::CpuSet, [rustix::thread::CpuSet; 2])> {
    use rustix::thread::{CpuSet, sched_getaffinity};

    let before = sched_getaffinity(None).ok()?;
    // The first processors of a machine serve most of its interrupts.
    let mut allowed = (0..CpuSet::MAX_CPU).rev().filter(|cpu| before.is_set(*cpu));
    let two = [allowed.next()?, allowed.next()?].map(|cpu| {
        let mut only = CpuSet::new();
        only.set(cpu);
        only
    });
    Some((before, two))
}

#[cfg(target_os = "linux")]
impl Drop for Placed {
    fn drop(&mut self) {
        // It was allowed before.
        let _ = rustix::thread::sched_setaffinity(None, &self.before);
    }
}

/// Other systems take no orders.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct Placed;

#[cfg(not(target_os = "linux"))]
impl Placed {
    pub(crate) fn apart(_: u32) -> Option<Self> {
        None
    }

    pub(crate) fn threads() -> Option<(Self, Seat)> {
        None
    }
}

#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct Seat;

#[cfg(not(target_os = "linux"))]
impl Seat {
    pub(crate) fn take(&self) {}
}
