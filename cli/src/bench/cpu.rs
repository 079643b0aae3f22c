//! Processor time of processes, as the kernel keeps it.

use std::fs;
use std::path::Path;

/// Processor seconds that the threads of these processes have used so far; `None` where the kernel
/// does not say.
pub(super) fn seconds(processes: &[u32]) -> Option<f64> {
    processes.iter().map(|process| of_process(*process)).sum()
}

fn of_process(process: u32) -> Option<f64> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    threads.map(|thread| Some(nanos(&thread.ok()?.path())? as f64 / 1e9)).sum()
}

/// Nanoseconds on a processor of the thread with this folder, the first number of `schedstat`:
/// exact, where the ticks of `stat` are 10 ms each.
pub(super) fn nanos(folder: &Path) -> Option<u64> {
    let text = fs::read_to_string(folder.join("schedstat")).ok()?;
    text.split_whitespace().next()?.parse().ok()
}
