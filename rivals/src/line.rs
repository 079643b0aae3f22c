//! How long the line is taken.

use std::time::{Duration, Instant};

use trapline::LinkError;
use trapline::line::Line;

use crate::measure::median;

/// A trip takes this many nanoseconds where both processes take turns on one processor.
const CROWDED: f64 = 10_000.0;
/// The last trip of a sample and the first of the next must differ in their number.
const LEAST: u32 = 2;
/// Trips of a sample.
const TRIPS: u32 = 48;
/// How long the scheduler may take to give each process its processor.
const PATIENCE: Duration = Duration::from_millis(150);

/// Takes the line for about `budget`, and returns the median nanoseconds of a trip. The other end
/// must be answering, or about to.
pub(crate) fn p50(line: &Line, budget: Duration) -> Result<f64, LinkError> {
    let start = Instant::now();
    while sample(line, LEAST)? > CROWDED && start.elapsed() < PATIENCE {}
    let start = Instant::now();
    let mut samples = Vec::new();
    while samples.len() < 3 || start.elapsed() < budget {
        samples.push(sample(line, TRIPS)?);
    }
    Ok(median(&mut samples))
}

fn sample(line: &Line, trips: u32) -> Result<f64, LinkError> {
    Ok(line.sample(1, trips)?.first().copied().unwrap_or_default())
}
