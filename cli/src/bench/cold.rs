//! The case `cold`: a message there and back between two processes, each of which sleeps while it
//! is not its turn, beside a futex and nothing else.

use trapline::{Lane, Link, LinkError, WaitPolicy};

use super::measure::{Figures, measure, timed};
use super::rounds::{self, Group, Name};
use super::row::{Extra, Row, Visit};
use super::{Plan, line};
use crate::echo;
use crate::error::Error;

const CASE: &str = "cold";
const PAYLOADS: [u32; 1] = [8];

/// Frames of one payload and the bare futex, in one pair of processes.
struct Pair(u32);

/// How often this end slept, and in how many operations.
struct Parks {
    operations: u64,
    parks: u64,
}

impl Parks {
    fn per_op(&self) -> f64 {
        self.parks as f64 / self.operations as f64
    }
}

impl Group for Pair {
    fn names(&self) -> Vec<Name> {
        vec![("trapline", Some(self.0)), ("bare futex", None)]
    }

    fn visit(&self, plan: &Plan, round: usize) -> Result<Vec<Visit>, Error> {
        let (link, mut second) = echo::start("park", WaitPolicy::Park)?;
        let mut lane = link.lane(0)?;
        let _placed = echo::apart(&mut lane, &mut second)?;
        let id = second.id();
        let before = echo::with_line(&link, &mut lane, |l| Ok(line::p50(l, plan.line)?))?;
        let mut measured = || {
            // Whoever begins finds the processors less awake, so they take turns with that.
            if round.is_multiple_of(2) {
                let frames = frames(plan, &link, &mut lane, id, self.0)?;
                Ok((frames, bare(plan, &link, &mut lane, id)?))
            } else {
                let bare = bare(plan, &link, &mut lane, id)?;
                Ok((frames(plan, &link, &mut lane, id, self.0)?, bare))
            }
        };
        let ((frames, parks), bare) = measured().map_err(|error| second.explain_link(error))?;
        let after = echo::with_line(&link, &mut lane, |l| Ok(line::p50(l, plan.line)?))?;
        drop(lane);
        drop(link);
        second.finish()?;
        let ratio = frames.p50 / bare.p50;
        let visit = |figures, ratio, parks| Visit {
            figures,
            line: [before, after],
            extra: extra(ratio, parks),
        };
        Ok(vec![visit(frames, ratio, Some(parks.per_op())), visit(bare, 1.0, None)])
    }
}

fn extra(ratio: f64, parks: Option<f64>) -> Extra {
    vec![("ratio_to_bare", Some(ratio)), ("parks_per_op", parks)]
}

pub(super) fn rows(plan: &Plan, payloads: Option<&[u32]>) -> Result<Vec<Row>, Error> {
    let groups: Vec<_> = payloads.unwrap_or(&PAYLOADS).iter().map(|bytes| Pair(*bytes)).collect();
    rounds::rows(CASE, plan, &groups)
}

fn frames(
    plan: &Plan,
    link: &Link,
    lane: &mut Lane<'_>,
    second: u32,
    payload: u32,
) -> Result<(Figures, Parks), LinkError> {
    let message = vec![0x5a; payload as usize];
    let mut back = Vec::with_capacity(message.len());
    let (mut operations, parks) = (0, link.counters().parks);
    let figures = measure(plan, second, |trips| {
        operations += u64::from(trips);
        timed(trips, || echo::trip(lane, &message, &mut back))
    })?;
    Ok((figures, Parks { operations, parks: link.counters().parks - parks }))
}

fn bare(plan: &Plan, link: &Link, lane: &mut Lane<'_>, second: u32) -> Result<Figures, LinkError> {
    echo::with_bare(link, lane, |bare| measure(plan, second, |trips| timed(trips, || bare.trip())))
}
