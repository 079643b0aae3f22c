//! Two processes on a processor each.
//!
//! Two processes that wait for each other may stay on one processor for long, although others are
//! idle: a scheduler sees no reason to part them. What is measured then is its context switch.

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Places this thread and the process `second` on the last two processors that this thread may
/// use; nothing where there are no two. The first ones serve most of a machine's interrupts.
pub(crate) fn apart(second: u32) -> rustix::io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let mut cpus = (0..CpuSet::MAX_CPU).rev().filter(|cpu| allowed.is_set(*cpu));
    let (Some(ours), Some(theirs)) = (cpus.next(), cpus.next()) else { return Ok(()) };
    sched_setaffinity(i32::try_from(second).ok().and_then(Pid::from_raw), &only(theirs))?;
    sched_setaffinity(None, &only(ours))
}

fn only(cpu: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(cpu);
    set
}
