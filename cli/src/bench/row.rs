//! [`Row`]: what is told of one contender and payload, and which of its visits it is.

use serde::Serialize;

use super::measure::Figures;

/// A trip on the line takes this many nanoseconds where both processes take turns on one processor.
pub(super) const CROWDED: f64 = 10_000.0;

/// The line moved where one of its figures is this many times the other.
const MOVED: f64 = 1.5;

/// One measurement with the line right before and right after it.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) figures: Figures,
    pub(super) line: [f64; 2],
}

impl Visit {
    /// Whether its figures tell nothing: the line moved meanwhile, or there was nothing to move.
    pub(super) fn is_unsteady(&self) -> bool {
        let [before, after] = self.line;
        before.max(after) > (MOVED * before.min(after)).min(CROWDED)
    }

    fn line_p50(&self) -> f64 {
        (self.line[0] + self.line[1]) / 2.0
    }

    fn ratio(&self) -> f64 {
        self.figures.p50 / self.line_p50()
    }
}

/// One row, with the fields in the order in which they are printed.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) case: &'static str,
    pub(super) contender: &'static str,
    pub(super) payload: u32,
    pub(super) p50_ns: f64,
    pub(super) p99_ns: f64,
    pub(super) ops_per_s: f64,
    pub(super) line_p50_ns: f64,
    pub(super) ratio_to_line: f64,
    pub(super) syscalls_per_op: Option<f64>,
    pub(super) cpu: Option<f64>,
    /// No visit was left during which the line stood.
    #[serde(skip)]
    pub(super) unsteady: bool,
}

impl Row {
    /// The visit of the median ratio, among those during which the line stood where there are any;
    /// all figures of a row are of one visit, so that they fit each other.
    pub(super) fn of(
        case: &'static str,
        contender: &'static str,
        payload: u32,
        mut visits: Vec<Visit>,
    ) -> Option<Self> {
        if visits.iter().any(|visit| !visit.is_unsteady()) {
            visits.retain(|visit| !visit.is_unsteady());
        }
        visits.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        let visit = visits.get(visits.len() / 2)?;
        let Figures { p50, p99, ops_per_s, syscalls_per_op, cpu } = visit.figures;
        Some(Self {
            case,
            contender,
            payload,
            p50_ns: rounded(p50, 10.0),
            p99_ns: rounded(p99, 10.0),
            ops_per_s: ops_per_s.round(),
            line_p50_ns: rounded(visit.line_p50(), 10.0),
            ratio_to_line: rounded(visit.ratio(), 1e3),
            syscalls_per_op: syscalls_per_op.map(|calls| rounded(calls, 1e4)),
            cpu: cpu.map(|cpu| rounded(cpu, 1e2)),
            unsteady: visit.is_unsteady(),
        })
    }
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(p50: f64, line: [f64; 2]) -> Visit {
        let figures = Figures { p50, p99: p50, ops_per_s: 1.0, syscalls_per_op: None, cpu: None };
        Visit { figures, line }
    }

    #[test]
    fn a_row_is_the_visit_of_the_median_ratio_while_the_line_stood() {
        let still = [100.0, 100.0];
        let visits = || [visit(300.0, still), visit(100.0, still), visit(200.0, still)];
        let row = |visits| Row::of("case", "contender", 8, visits).unwrap();
        assert_eq!(row(visits().into()).ratio_to_line, 2.0);
        let mut with_unsteady = Vec::from(visits());
        with_unsteady.extend((0..9).map(|_| visit(900.0, [100.0, 160.0])));
        let found = row(with_unsteady);
        assert_eq!((found.ratio_to_line, found.unsteady), (2.0, false));
        assert!(row(vec![visit(900.0, [160.0, 100.0])]).unsteady);
        assert!(Row::of("case", "contender", 8, Vec::new()).is_none());
    }
}
