//! [`Usage`]: what the threads of a process have used so far, as the kernel keeps it.

use std::fs;
use std::path::{Path, PathBuf};

use super::cpu;

/// What all threads of a process but the one that asks have used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Processor time in the kernel's ticks, in programs and in the kernel; 10 ms each on most
    /// systems.
    pub(super) ticks: u64,
    /// How often a processor was given up, or taken away.
    pub(super) switches: u64,
    /// Processor time in nanoseconds.
    pub(super) nanos: u64,
}

impl Usage {
    /// `None` where the kernel does not say.
    pub(super) fn of(process: u32) -> Option<Self> {
        let asking = fs::read_link("/proc/thread-self").ok()?;
        let mut sum = Self::default();
        for thread in fs::read_dir(format!("/proc/{process}/task")).ok()? {
            let thread = thread.ok()?.path();
            if !is(&thread, &asking) {
                sum.add(&Self::of_thread(&thread)?);
            }
        }
        Some(sum)
    }

    /// `None` where something ran backwards: a thread has ended meanwhile.
    pub(super) fn since(&self, before: Self) -> Option<Self> {
        Some(Self {
            ticks: self.ticks.checked_sub(before.ticks)?,
            switches: self.switches.checked_sub(before.switches)?,
            nanos: self.nanos.checked_sub(before.nanos)?,
        })
    }

    fn add(&mut self, other: &Self) {
        self.ticks += other.ticks;
        self.switches += other.switches;
        self.nanos += other.nanos;
    }

    fn of_thread(folder: &Path) -> Option<Self> {
        let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let (stat, status) = (read("stat")?, read("status")?);
        Some(Self {
            ticks: ticks(&stat)?,
            switches: switches(&status)?,
            nanos: cpu::nanos(folder)?,
        })
    }
}

/// Whether `thread`, a folder below `/proc`, is the one that `asking` names from there.
fn is(thread: &Path, asking: &Path) -> bool {
    thread == PathBuf::from("/proc").join(asking)
}

/// Fields 14 and 15 of `stat`. The name, field 2, may hold spaces and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(") ")?;
    let mut times = behind_name.split(' ').skip(11).map(str::parse::<u64>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

/// Both lines of `status` that tell of context switches.
fn switches(status: &str) -> Option<u64> {
    let of = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let count = |name: &str| of(name)?.trim().parse::<u64>().ok();
    Some(count("voluntary_ctxt_switches:")? + count("nonvoluntary_ctxt_switches:")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_kernel_are_read_by_name_and_place() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194304 100 0 0 0 7 5 0 0 20 0 1 0 1000 0 0";
        assert_eq!(ticks(stat), Some(12));
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t3\nnonvoluntary_ctxt_switches:\t4\n";
        assert_eq!(switches(status), Some(7));
        assert_eq!((ticks("42 (a)"), switches("")), (None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_thread_that_asks_is_left_out() {
        let own = PathBuf::from("/proc").join(fs::read_link("/proc/thread-self").unwrap());
        assert!(own.exists() && is(&own, &fs::read_link("/proc/thread-self").unwrap()));
        let usage = Usage::of(std::process::id()).unwrap();
        assert_eq!(usage.since(usage.clone()), Some(Usage::default()));
        assert_eq!(Usage::default().since(Usage { ticks: 1, ..usage }), None);
    }
}
