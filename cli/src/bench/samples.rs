//! [`Samples`]: durations, kept as a histogram.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The histogram counts hundredths of nanoseconds, since the mean of a batch is no whole number.
const UNIT: f64 = 100.0;
/// Above this, about a day, everything is the same.
const LONGEST: u64 = 10_000_000_000_000_000;

/// Durations of operations, to three digits.
#[derive(Debug)]
pub(crate) struct Samples(Histogram<u64>);

impl Samples {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST, 3);
        Self(histogram.expect("the bounds are in order and three digits are possible"))
    }

    /// Adds the mean of `operations` that took `total` together.
    #[inline]
    pub(crate) fn record(&mut self, total: Duration, operations: u32) {
        self.record_nanos(total.as_nanos() as f64 / f64::from(operations));
    }

    #[inline]
    pub(crate) fn record_nanos(&mut self, nanos: f64) {
        self.0.saturating_record((nanos * UNIT) as u64);
    }

    /// Nanoseconds that a share of the samples does not exceed.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / UNIT
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut samples = Samples::new();
        for ns in 1..=1000 {
            samples.record(Duration::from_nanos(ns * 4), 4);
        }
        assert_eq!(samples.len(), 1000);
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0)] {
            let got = samples.quantile(share);
            assert!((got / expected - 1.0).abs() < 0.002, "{got} instead of {expected}");
        }
        samples.record(Duration::MAX, 1);
    }
}
