//! The measured stream: one thread sends as many records as it is told, this one receives them.

use std::sync::Barrier;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use trapline::LinkError;

use super::measure::{BATCH, Figures};
use super::samples::Samples;
use super::syscalls::Syscalls;
use super::{Plan, cpu};
use crate::error::Error;
use crate::place::Seat;

/// Numbers of records to send; the sender ends with them.
pub(super) type Orders = Receiver<u64>;

/// Most records of one sample.
const MOST: f64 = 4096.0;

/// Streams for about the time of the plan. `receive` takes as many records as it is told.
pub(super) fn stream(
    plan: &Plan,
    seat: Option<&Seat>,
    sender: impl FnOnce(Orders) -> Result<(), LinkError> + Send,
    mut receive: impl FnMut(u64) -> Result<(), LinkError>,
) -> Result<Figures, Error> {
    let (order, orders) = channel();
    with_thread(
        seat,
        || sender(orders),
        move || {
            let each = warm_up(plan, &order, &mut receive)?;
            let stretch = (BATCH / each).clamp(1.0, MOST) as u64;
            let stretches = (plan.measure.as_nanos() as f64 / each) as u64 / stretch;
            measure(&order, &mut receive, stretch, stretches.max(2))
        },
    )
}

/// Runs `other` on a thread in that seat, and `here` meanwhile. The barrier sleeps: a thread of a
/// real-time class that spun here would not let the other one leave the processor it starts on.
pub(super) fn with_thread<T>(
    seat: Option<&Seat>,
    other: impl FnOnce() -> Result<(), LinkError> + Send,
    here: impl FnOnce() -> Result<T, LinkError>,
) -> Result<T, Error> {
    let seated = Barrier::new(2);
    std::thread::scope(|threads| {
        let other = threads.spawn(|| {
            if let Some(seat) = seat {
                seat.take();
            }
            seated.wait();
            other()
        });
        seated.wait();
        let done = here();
        match other.join() {
            Ok(ended) => ended.and(done).map_err(Error::Link),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Sends more and more, and returns the nanoseconds of a record.
fn warm_up(
    plan: &Plan,
    order: &Sender<u64>,
    receive: &mut impl FnMut(u64) -> Result<(), LinkError>,
) -> Result<f64, LinkError> {
    let mut records = 16;
    loop {
        let took = run(order, receive, records)?;
        if took >= plan.warm_up {
            return Ok((took.as_nanos() as f64 / records as f64).max(0.1));
        }
        records *= 2;
    }
}

/// The time from the first record to the last one of an order.
fn run(
    order: &Sender<u64>,
    receive: &mut impl FnMut(u64) -> Result<(), LinkError>,
    records: u64,
) -> Result<Duration, LinkError> {
    // Where the sender has failed, the receiver learns it from what it receives.
    let _ = order.send(records + 1);
    receive(1)?;
    let start = Instant::now();
    receive(records)?;
    Ok(start.elapsed())
}

fn measure(
    order: &Sender<u64>,
    receive: &mut impl FnMut(u64) -> Result<(), LinkError>,
    stretch: u64,
    stretches: u64,
) -> Result<Figures, LinkError> {
    let processes = [std::process::id()];
    let mut samples = Samples::new();
    let operations = stretch * stretches;
    let mut syscalls = Syscalls::of(&processes);
    syscalls = syscalls.and_then(|mut syscalls| syscalls.start().is_ok().then_some(syscalls));
    let used = cpu::seconds(&processes);
    let _ = order.send(operations + 1);
    receive(1)?;
    let start = Instant::now();
    let mut before = start;
    for _ in 0..stretches {
        receive(stretch)?;
        let now = Instant::now();
        samples.record_nanos((now - before).as_nanos() as f64 / stretch as f64);
        before = now;
    }
    let wall = (before - start).as_secs_f64();
    let used = used.and_then(|before| Some(cpu::seconds(&processes)? - before));
    let called = syscalls.and_then(|mut syscalls| syscalls.stop().ok());
    Ok(Figures {
        p50: samples.quantile(0.5),
        p99: samples.quantile(0.99),
        ops_per_s: operations as f64 / wall,
        syscalls_per_op: called.map(|called| called as f64 / operations as f64),
        cpu: used.map(|used| used / wall),
    })
}
