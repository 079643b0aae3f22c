//! The measured loop.

use std::time::{Duration, Instant};

use crate::error::Error;

/// A batch lasts about this long, which keeps the clock's part of it near one hundredth.
const BATCH: f64 = 4_000.0;
const MOST: f64 = 64.0;

/// How long and how often is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
    pub(crate) line: Duration,
    /// When a visit is given up.
    pub(crate) limit: Duration,
    /// No round begins after this time.
    enough: Instant,
}

impl Plan {
    pub(crate) fn new(quick: bool) -> Self {
        let (start, millis, seconds) = (Instant::now(), Duration::from_millis, Duration::from_secs);
        if quick {
            Self {
                rounds: 3,
                warm_up: millis(5),
                measure: millis(60),
                line: millis(6),
                limit: seconds(3),
                enough: start + seconds(15),
            }
        } else {
            Self {
                rounds: 7,
                warm_up: millis(20),
                measure: millis(250),
                line: millis(20),
                limit: seconds(10),
                enough: start + seconds(150),
            }
        }
    }

    pub(crate) fn has_time(&self) -> bool {
        Instant::now() < self.enough
    }
}

/// Nanoseconds of a round trip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Does round trips for the time of the plan.
pub(crate) fn measure(
    plan: &Plan,
    mut trip: impl FnMut() -> Result<(), Error>,
) -> Result<Figures, Error> {
    let (start, mut trips) = (Instant::now(), 0u32);
    while trips == 0 || start.elapsed() < plan.warm_up {
        trip()?;
        trips += 1;
    }
    let each = (start.elapsed() / trips).as_nanos().max(1) as f64;
    let size = (BATCH / each).clamp(1.0, MOST) as u32;

    let mut samples = Vec::with_capacity(1 << 16);
    let start = Instant::now();
    while samples.len() < 2 || start.elapsed() < plan.measure {
        let before = Instant::now();
        for _ in 0..size {
            trip()?;
        }
        samples.push(before.elapsed().as_nanos() as f64 / f64::from(size));
    }
    let p50 = median(&mut samples);
    Ok(Figures { p50, p99: samples[(samples.len() - 1) * 99 / 100] })
}

/// The median; sorts. 0 for none.
pub(crate) fn median(samples: &mut [f64]) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    samples.get(samples.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0]), 1.0);
        assert_eq!(median(&mut []), 0.0);
    }
}
