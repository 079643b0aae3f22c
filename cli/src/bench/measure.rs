//! The measured loop.

use std::time::{Duration, Instant};

use super::samples::Samples;
use super::syscalls::Syscalls;
use super::{Plan, cpu};

/// A batch lasts about this long, which keeps the clock's part of it near one hundredth.
pub(super) const BATCH: f64 = 4_000.0;
const MOST: f64 = 64.0;

/// What one loop gave; the line is not yet told.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) ops_per_s: f64,
    pub(super) syscalls_per_op: Option<f64>,
    pub(super) cpu: Option<f64>,
}

/// Calls `batch`, which does as many operations as it is told and returns the nanoseconds that
/// they took, until the time of the plan has passed.
pub(super) fn measure<E>(
    plan: &Plan,
    second: u32,
    mut batch: impl FnMut(u32) -> Result<f64, E>,
) -> Result<Figures, E> {
    let each = warm_up(plan, &mut batch)?;
    let size = (BATCH / each).clamp(1.0, MOST) as u32;
    let processes = [std::process::id(), second];
    let mut syscalls = Syscalls::of(&processes);
    let edges = edges(&mut syscalls, size, &mut batch)?;

    let mut samples = Samples::new();
    let used = cpu::seconds(&processes);
    let start = Instant::now();
    syscalls = syscalls.and_then(|mut syscalls| syscalls.start().is_ok().then_some(syscalls));
    while samples.len() < 2 || start.elapsed() < plan.measure {
        samples.record_nanos(batch(size)? / f64::from(size));
    }
    let called = syscalls.and_then(|mut syscalls| syscalls.stop().ok());
    let wall = start.elapsed().as_secs_f64();
    let used = used.and_then(|before| Some(cpu::seconds(&processes)? - before));

    let operations = (samples.len() * u64::from(size)) as f64;
    let inner = operations - f64::from(size);
    Ok(Figures {
        p50: samples.quantile(0.5),
        p99: samples.quantile(0.99),
        ops_per_s: operations / wall,
        syscalls_per_op: called.map(|called| called.saturating_sub(edges) as f64 / inner),
        cpu: used.map(|used| used / wall),
    })
}

/// Runs for a while and returns the nanoseconds of an operation.
fn warm_up<E>(plan: &Plan, batch: &mut impl FnMut(u32) -> Result<f64, E>) -> Result<f64, E> {
    let (start, mut operations) = (Instant::now(), 0u32);
    while operations == 0 || start.elapsed() < plan.warm_up {
        batch(2)?;
        operations += 2;
    }
    Ok((start.elapsed() / operations).max(Duration::from_nanos(1)).as_nanos() as f64)
}

/// System calls around a loop of one batch: those that start and stop the counters, and those of
/// the other end, which waits meanwhile. The median of several, to be taken off the real loop.
fn edges<E>(
    syscalls: &mut Option<Syscalls>,
    size: u32,
    batch: &mut impl FnMut(u32) -> Result<f64, E>,
) -> Result<u64, E> {
    let Some(counters) = syscalls else { return Ok(0) };
    let mut counts = [0; 9];
    for count in &mut counts {
        let started = counters.start();
        batch(size)?;
        match (started, counters.stop()) {
            (Ok(()), Ok(called)) => *count = called,
            _ => {
                *syscalls = None;
                return Ok(0);
            }
        }
    }
    counts.sort_unstable();
    Ok(counts[counts.len() / 2])
}

/// Nanoseconds that `trips` calls of `trip` take.
#[inline]
pub(super) fn timed<E>(trips: u32, mut trip: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let start = Instant::now();
    for _ in 0..trips {
        trip()?;
    }
    Ok(start.elapsed().as_nanos() as f64)
}
