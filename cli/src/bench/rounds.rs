//! The order of a case: all of its groups in turn, round by round, and steady visits where there
//! are any.

use super::Plan;
use super::row::{Row, Visit};
use crate::error::Error;
use crate::progress::Progress;

/// How often an unsteady group is visited, at most.
const TRIES: usize = 4;

/// The contender of a row, and its payload.
pub(super) type Name = (&'static str, Option<u32>);

/// Contenders that are measured right one after another, so that their figures can be compared.
pub(super) trait Group {
    /// What is measured, in the order of the visits.
    fn names(&self) -> Vec<Name>;

    /// Measures each of them once; `round` says who begins.
    fn visit(&self, plan: &Plan, round: usize) -> Result<Vec<Visit>, Error>;
}

/// The rows of a case, in the order of its groups.
pub(super) fn rows<G: Group>(
    case: &'static str,
    plan: &Plan,
    groups: &[G],
) -> Result<Vec<Row>, Error> {
    let progress = Progress::new(plan.rounds * groups.len());
    let mut found: Vec<_> = groups.iter().map(|group| (group, Vec::new())).collect();
    for round in 0..plan.rounds {
        if round > 0 && !plan.has_time() {
            break;
        }
        for (group, visits) in &mut found {
            progress.step(&group.names().iter().map(|name| name.0).collect::<Vec<_>>().join(", "));
            visits.push(steady(plan, *group, round)?);
        }
    }
    progress.finish();
    Ok(found.into_iter().flat_map(|(group, visits)| of_group(case, group, visits)).collect())
}

/// Visits during which the line stood; the last ones where it never does.
fn steady(plan: &Plan, group: &impl Group, round: usize) -> Result<Vec<Visit>, Error> {
    // On one processor nothing is ever steady.
    let alone = std::thread::available_parallelism().is_ok_and(|processors| processors.get() == 1);
    let tries_allowed = if alone { 1 } else { TRIES };
    let mut tries = 0;
    loop {
        let visits = group.visit(plan, round)?;
        tries += 1;
        let unsteady = visits.iter().any(Visit::is_unsteady);
        if !unsteady || tries == tries_allowed || !plan.has_time() {
            return Ok(visits);
        }
    }
}

/// From the visits of each round to those of each contender.
fn of_group(case: &'static str, group: &impl Group, rounds: Vec<Vec<Visit>>) -> Vec<Row> {
    let names = group.names();
    let mut each: Vec<Vec<Visit>> = names.iter().map(|_| Vec::new()).collect();
    for visits in rounds {
        for (visit, of_contender) in visits.into_iter().zip(&mut each) {
            of_contender.push(visit);
        }
    }
    names.into_iter().zip(each).filter_map(|(name, visits)| Row::of(case, name, visits)).collect()
}
