//! Counters of the tracepoint `raw_syscalls:sys_enter`, one for each thread.

use std::fs::{self, File};
use std::io::{self, Read};

use perf_event::events::Tracepoint;
use perf_event::{Builder, Counter};
use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// Where the number of the tracepoint stands, below the root of the tracing file system.
const NUMBER: &str = "events/raw_syscalls/sys_enter/id";
const ROOTS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// Counts what all threads of some processes do between `start` and `stop`.
#[derive(Debug)]
pub(crate) struct Syscalls {
    /// Those of the thread that starts and stops them come last.
    counters: Vec<Counter>,
    total: u64,
}

impl Syscalls {
    /// Counters for the threads that these processes have now; the first process is this one.
    /// `None` where the kernel does not let us.
    pub(crate) fn of(processes: &[u32]) -> Option<Self> {
        let tracepoint = Tracepoint::with_id(number()?);
        let mut counters = Vec::new();
        for process in processes {
            for thread in fs::read_dir(format!("/proc/{process}/task")).ok()? {
                let thread = thread.ok()?.file_name().to_str()?.parse().ok()?;
                let mut builder = Builder::new(tracepoint);
                // A tracepoint lies in the kernel.
                builder.include_kernel().include_hv().observe_pid(thread).any_cpu();
                counters.push(builder.build().ok()?);
            }
        }
        counters.reverse();
        Some(Self { counters, total: 0 })
    }

    pub(crate) fn start(&mut self) -> io::Result<()> {
        self.counters.iter_mut().try_for_each(Counter::enable)
    }

    /// System calls since the last start. It includes some of the calls that start and stop the
    /// counters; as many each time.
    pub(crate) fn stop(&mut self) -> io::Result<u64> {
        self.counters.iter_mut().rev().try_for_each(Counter::disable)?;
        let mut total = 0;
        for counter in &mut self.counters {
            total += counter.read()?;
        }
        let since = total - self.total;
        self.total = total;
        Ok(since)
    }
}

/// The number of the tracepoint, which differs from kernel to kernel.
fn number() -> Option<u64> {
    let mounted = ROOTS.iter().find_map(|root| fs::read_to_string(format!("{root}/{NUMBER}")).ok());
    mounted.or_else(unmounted)?.trim().parse().ok()
}

/// Reads it where nobody has mounted the file system: a mount that is attached nowhere is seen by
/// nobody, and ends with its descriptor.
fn unmounted() -> Option<String> {
    let system = fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC).ok()?;
    fsconfig_create(&system).ok()?;
    let root = fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY);
    let file = openat(root.ok()?, NUMBER, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = String::new();
    File::from(file).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_where_the_kernel_lets_us() {
        let Some(mut syscalls) = Syscalls::of(&[std::process::id()]) else { return };
        let mut count = |calls: u32| {
            syscalls.start().unwrap();
            (0..calls).for_each(|_| std::thread::yield_now());
            syscalls.stop().unwrap()
        };
        // Other tests may run beside this one, so the least is the right one.
        let mut least = |calls| (0..50).map(|_| count(calls)).min().unwrap();
        let (few, many) = (least(100), least(1000));
        assert_eq!(many - few, 900);
    }
}
