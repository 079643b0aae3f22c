//! The rounds, in which the contenders take turns.

use std::io::{self, Write};

use crate::contenders::Contender;
use crate::exchange::SHAPES;
use crate::measure::Plan;
use crate::row::Row;
use crate::visit::Visit;
use crate::watch;

/// What the visits to a contender gave.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) contender: &'static Contender,
    /// One for each round, which holds a visit for each shape; `None` where it failed.
    pub(crate) rounds: Vec<Option<Vec<Visit>>>,
    /// Why it takes no further part.
    pub(crate) failure: Option<String>,
}

/// Measures the contenders, of which the first is trapline.
pub(crate) fn rows(plan: &Plan, contenders: &[&'static Contender]) -> Vec<Row> {
    let started = |contender| Tried { contender, rounds: Vec::new(), failure: None };
    let mut tried: Vec<Tried> = contenders.iter().copied().map(started).collect();
    let mut round = 0;
    while round < plan.rounds || (round < 2 * plan.rounds && tried.iter().any(Tried::wants_more)) {
        // One round there must be.
        if round > 0 && !plan.has_time() {
            break;
        }
        for one in &mut tried {
            one.visit(plan);
        }
        round += 1;
    }
    Row::all(&tried)
}

impl Tried {
    fn visit(&mut self, plan: &Plan) {
        if self.failure.is_some() {
            self.rounds.push(None);
            return;
        }
        let (visit, plan) = (self.contender.visit, *plan);
        match watch::within(plan.limit, move |watch| visit(&plan, watch)) {
            Ok(visits) => self.rounds.push(Some(visits)),
            Err(error) => {
                // The rows say it again; a closed stream is no reason to stop.
                let _ = writeln!(io::stderr(), "{}: {error}", self.contender.name);
                self.failure = Some(error.to_string());
                self.rounds.push(None);
            }
        }
    }

    /// Whether the line moved in every round of a row.
    fn wants_more(&self) -> bool {
        let moved =
            |shape: usize| self.rounds.iter().flatten().all(|visits| visits[shape].is_unsteady());
        self.failure.is_none() && (0..SHAPES.len()).any(moved)
    }
}
