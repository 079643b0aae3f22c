//! How long the line is taken.

use std::time::{Duration, Instant};

use trapline::LinkError;
use trapline::line::Line;

use super::row::CROWDED;
use super::samples::Samples;

/// Trips of one sample where they are fast.
const MOST: u32 = 64;
/// Trips of one sample to begin with.
const LEAST: u32 = 2;
/// How long the scheduler may take.
const PATIENCE: Duration = Duration::from_millis(150);
/// A sample that takes longer has trips enough.
const LONG: f64 = 4_000.0;

/// Takes the line for about `budget`, and returns the median nanoseconds of a trip. The other end
/// must be answering.
pub(crate) fn p50(line: &Line, budget: Duration) -> Result<f64, LinkError> {
    settle(line)?;
    let trips = trips(line)?;
    let start = Instant::now();
    let mut samples = Samples::new();
    while samples.len() < 3 || start.elapsed() < budget {
        samples.record_nanos(sample(line, trips)?);
    }
    Ok(samples.quantile(0.5))
}

/// The other end may not have begun to answer yet, and a scheduler takes a while until it gives two
/// processes that spin a processor each.
fn settle(line: &Line) -> Result<(), LinkError> {
    let start = Instant::now();
    while sample(line, LEAST)? > CROWDED && start.elapsed() < PATIENCE {}
    Ok(())
}

/// Mean nanoseconds of a trip in one sample.
pub(crate) fn sample(line: &Line, trips: u32) -> Result<f64, LinkError> {
    Ok(line.sample(1, trips)?.first().copied().unwrap_or_default())
}

/// As many trips as take about as long as a sample should.
fn trips(line: &Line) -> Result<u32, LinkError> {
    let mut trips = LEAST;
    while sample(line, trips)? * f64::from(trips) < LONG && trips < MOST {
        trips *= 2;
    }
    Ok(trips)
}
