//! [`Row`]: what is told of one contender and payload, and which of its visits it is.

use serde::{Serialize, Serializer};

use super::measure::Figures;
use super::rounds::Name;

/// A trip on the line takes this many nanoseconds where both processes take turns on one processor.
pub(super) const CROWDED: f64 = 10_000.0;

/// The line moved where one of its figures is this many times the other.
const MOVED: f64 = 1.5;

/// Fields that only the rows of one case have, in their order.
pub(super) type Extra = Vec<(&'static str, Option<f64>)>;

/// One measurement with the line right before and right after it.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) figures: Figures,
    pub(super) line: [f64; 2],
    /// The ratio to another contender, measured beside it in the same round, comes first.
    pub(super) extra: Extra,
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

    /// What the visits of a row are ordered by: the ratio to what they are measured beside.
    fn order(&self) -> [f64; 2] {
        let beside = self.extra.first().and_then(|(_, ratio)| *ratio);
        [beside.unwrap_or(1.0), self.ratio()]
    }
}

/// One row, with the fields in the order in which they are printed; `None` where a field says
/// nothing of this case or contender.
#[derive(Debug, Default, Serialize)]
pub(super) struct Row {
    pub(super) case: &'static str,
    pub(super) contender: &'static str,
    pub(super) payload: Option<u32>,
    pub(super) p50_ns: Option<f64>,
    pub(super) p99_ns: Option<f64>,
    pub(super) ops_per_s: Option<f64>,
    pub(super) line_p50_ns: Option<f64>,
    pub(super) ratio_to_line: Option<f64>,
    pub(super) syscalls_per_op: Option<f64>,
    pub(super) cpu: Option<f64>,
    #[serde(flatten, serialize_with = "as_fields")]
    pub(super) extra: Extra,
    /// No visit was left during which the line stood.
    #[serde(skip)]
    pub(super) unsteady: bool,
}

impl Row {
    /// The visit of the median ratio, among those during which the line stood where there are any;
    /// all figures of a row are of one visit, so that they fit each other.
    pub(super) fn of(
        case: &'static str,
        (contender, payload): Name,
        mut visits: Vec<Visit>,
    ) -> Option<Self> {
        if visits.iter().any(|visit| !visit.is_unsteady()) {
            visits.retain(|visit| !visit.is_unsteady());
        }
        visits.sort_by(|a, b| {
            let ([a, a_line], [b, b_line]) = (a.order(), b.order());
            a.total_cmp(&b).then(a_line.total_cmp(&b_line))
        });
        let visit = visits.get(visits.len() / 2)?;
        let Figures { p50, p99, ops_per_s, syscalls_per_op, cpu } = visit.figures;
        let extra = visit.extra.iter().map(|(name, figure)| (*name, figure.map(thousandths)));
        Some(Self {
            case,
            contender,
            payload,
            p50_ns: Some(rounded(p50, 10.0)),
            p99_ns: Some(rounded(p99, 10.0)),
            ops_per_s: Some(ops_per_s.round()),
            line_p50_ns: Some(rounded(visit.line_p50(), 10.0)),
            ratio_to_line: Some(thousandths(visit.ratio())),
            syscalls_per_op: syscalls_per_op.map(|calls| rounded(calls, 1e4)),
            cpu: cpu.map(|cpu| rounded(cpu, 1e2)),
            extra: extra.collect(),
            unsteady: visit.is_unsteady(),
        })
    }
}

pub(super) fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

fn thousandths(value: f64) -> f64 {
    rounded(value, 1e3)
}

fn as_fields<S: Serializer>(extra: &Extra, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(extra.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(p50: f64, line: [f64; 2]) -> Visit {
        let figures = Figures { p50, p99: p50, ops_per_s: 1.0, syscalls_per_op: None, cpu: None };
        Visit { figures, line, extra: Extra::new() }
    }

    fn row(visits: Vec<Visit>) -> Row {
        Row::of("case", ("contender", Some(8)), visits).unwrap()
    }

    #[test]
    fn a_row_is_the_visit_of_the_median_ratio_while_the_line_stood() {
        let still = [100.0, 100.0];
        let visits = || [visit(300.0, still), visit(100.0, still), visit(200.0, still)];
        assert_eq!(row(visits().into()).ratio_to_line, Some(2.0));
        let mut with_unsteady = Vec::from(visits());
        with_unsteady.extend((0..9).map(|_| visit(900.0, [100.0, 160.0])));
        let found = row(with_unsteady);
        assert_eq!((found.ratio_to_line, found.unsteady), (Some(2.0), false));
        assert!(row(vec![visit(900.0, [160.0, 100.0])]).unsteady);
        assert!(Row::of("case", ("contender", None), Vec::new()).is_none());
    }

    #[test]
    fn what_was_measured_beside_another_contender_is_ordered_by_that_ratio() {
        let beside = |p50, ratio| {
            let extra = vec![("ratio", Some(ratio)), ("other", None)];
            Visit { extra, ..visit(p50, [100.0, 100.0]) }
        };
        let found = row(vec![beside(100.0, 3.0), beside(900.0, 2.0), beside(200.0, 1.0)]);
        assert_eq!(found.p50_ns, Some(900.0));
        let json = serde_json::to_string(&found).unwrap();
        assert!(json.ends_with(r#""cpu":null,"ratio":2.0,"other":null}"#), "{json}");
    }
}
