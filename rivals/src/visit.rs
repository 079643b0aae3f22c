//! [`Visit`]: one contender and shape, measured once with the line right before and right after.

use crate::error::Error;
use crate::exchange::SHAPES;
use crate::line;
use crate::measure::{Figures, Plan, measure};
use crate::pair::Pair;

/// The line moved where one of its figures is this many times the other.
const MOVED: f64 = 1.5;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) figures: Figures,
    /// The line before and after.
    pub(crate) line: [f64; 2],
}

impl Visit {
    pub(crate) fn line_p50(&self) -> f64 {
        (self.line[0] + self.line[1]) / 2.0
    }

    pub(crate) fn ratio(&self) -> f64 {
        self.figures.p50 / self.line_p50()
    }

    pub(crate) fn is_unsteady(&self) -> bool {
        let [before, after] = self.line;
        before > after * MOVED || after > before * MOVED
    }
}

/// Measures all shapes in one pair of processes.
pub(crate) fn visit(pair: &mut impl Pair, plan: &Plan) -> Result<Vec<Visit>, Error> {
    let mut before = line_of(pair, plan)?;
    let mut visits = Vec::with_capacity(SHAPES.len());
    for shape in 0..SHAPES.len() {
        pair.begin(shape)?;
        let figures = measure(plan, || pair.trip())?;
        pair.end()?;
        let after = line_of(pair, plan)?;
        visits.push(Visit { figures, line: [before, after] });
        before = after;
    }
    Ok(visits)
}

fn line_of(pair: &mut impl Pair, plan: &Plan) -> Result<f64, Error> {
    pair.line(|line| line::p50(line, plan.line))
}
