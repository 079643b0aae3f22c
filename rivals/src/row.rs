//! [`Row`]: what is told of one contender and shape.

use serde::Serialize;

use crate::exchange::SHAPES;
use crate::measure::median;
use crate::rounds::Tried;
use crate::visit::Visit;

/// A row of the output. All times are nanoseconds.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) contender: &'static str,
    pub(crate) request: usize,
    pub(crate) reply: usize,
    /// Absent where the contender failed in its first round.
    #[serde(flatten)]
    pub(crate) told: Option<Told>,
    /// Why it took no further part.
    pub(crate) failure: Option<String>,
}

/// The figures of a row.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Told {
    pub(crate) p50_ns: f64,
    pub(crate) p99_ns: f64,
    pub(crate) line_p50_ns: f64,
    pub(crate) ratio_to_line: f64,
    pub(crate) ratio_to_trapline: Option<f64>,
    /// The line moved by half in every round.
    pub(crate) unsteady: bool,
}

impl Row {
    /// The rows of all contenders, of which the first is trapline, shape by shape.
    pub(crate) fn all(tried: &[Tried]) -> Vec<Self> {
        let rows_of = |shape| tried.iter().map(move |one| Self::of(one, tried.first(), shape));
        (0..SHAPES.len()).flat_map(rows_of).collect()
    }

    fn of(tried: &Tried, trapline: Option<&Tried>, shape: usize) -> Self {
        let of_shape = |tried: &Tried| -> Vec<Option<Visit>> {
            tried.rounds.iter().map(|round| Some(round.as_ref()?[shape])).collect()
        };
        Self {
            contender: tried.contender.name,
            request: SHAPES[shape].request,
            reply: SHAPES[shape].reply,
            told: Told::of(&of_shape(tried), &trapline.map(of_shape).unwrap_or_default()),
            failure: tried.failure.clone(),
        }
    }
}

impl Told {
    /// Visits are those of the same round where their index is the same.
    fn of(visits: &[Option<Visit>], trapline: &[Option<Visit>]) -> Option<Self> {
        let unsteady = visits.iter().flatten().all(Visit::is_unsteady);
        let counts = |visit: &&Visit| unsteady || !visit.is_unsteady();
        let mut shown: Vec<&Visit> = visits.iter().flatten().filter(counts).collect();
        shown.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        let visit = shown.get(shown.len().saturating_sub(1) / 2)?;
        let pairs =
            visits.iter().zip(trapline).filter_map(|(a, b)| Some((a.as_ref()?, b.as_ref()?)));
        let mut ratios: Vec<f64> = pairs.map(|(a, b)| a.figures.p50 / b.figures.p50).collect();
        Some(Self {
            p50_ns: rounded(visit.figures.p50, 10.0),
            p99_ns: rounded(visit.figures.p99, 10.0),
            line_p50_ns: rounded(visit.line_p50(), 10.0),
            ratio_to_line: rounded(visit.ratio(), 1e3),
            ratio_to_trapline: (!ratios.is_empty()).then(|| rounded(median(&mut ratios), 1e3)),
            unsteady,
        })
    }
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Figures;

    fn visit(p50: f64, line: [f64; 2]) -> Option<Visit> {
        Some(Visit { figures: Figures { p50, p99: p50 }, line })
    }

    #[test]
    fn a_row_is_the_visit_of_the_median_ratio_while_the_line_stood() {
        let (still, moved) = ([100.0, 100.0], [100.0, 160.0]);
        let ours = [visit(100.0, still), visit(200.0, still), visit(400.0, still), None];
        let theirs =
            [visit(300.0, still), visit(200.0, still), visit(4000.0, moved), visit(9.0, moved)];
        let told = Told::of(&theirs, &ours).unwrap();
        assert_eq!((told.ratio_to_line, told.unsteady), (2.0, false));
        assert_eq!(told.ratio_to_trapline, Some(3.0), "of 3, 1 and 10, in the same rounds");
        assert!(Told::of(&[visit(9.0, moved)], &[None]).unwrap().unsteady);
        assert_eq!(Told::of(&[None], &ours), None);
    }
}
