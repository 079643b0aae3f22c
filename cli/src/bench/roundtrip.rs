//! The case `roundtrip`: a message there and back between two processes.

use trapline::WaitPolicy;

use super::measure::{measure, timed};
use super::row::{Row, Visit};
use super::{Plan, get, line};
use crate::echo;
use crate::error::Error;
use crate::place::Placed;
use crate::progress::Progress;
use crate::text;

const CASE: &str = "roundtrip";
/// How often an unsteady visit is made, at most.
const TRIES: usize = 4;
/// Bytes of the line's one word.
const WORD: u32 = 8;

#[derive(Clone, Copy, Debug)]
enum Contender {
    /// Frames of a lane.
    Frames(&'static str, WaitPolicy),
    /// A trap through `Remote` and `Local`.
    Get,
    /// The yardstick itself.
    Line,
}

impl Contender {
    fn name(self) -> &'static str {
        match self {
            Self::Frames("park", _) => "trapline park",
            Self::Frames("spin", _) => "trapline spin",
            Self::Frames(..) => "trapline",
            Self::Get => "trapline get",
            Self::Line => "line",
        }
    }
}

pub(super) fn rows(plan: &Plan, payloads: &[u32]) -> Result<Vec<Row>, Error> {
    let contenders = contenders(payloads);
    let progress = Progress::new(plan.rounds * contenders.len());
    let mut visits: Vec<Vec<Visit>> = contenders.iter().map(|_| Vec::new()).collect();
    for round in 0..plan.rounds {
        if round > 0 && !plan.has_time() {
            break;
        }
        for ((contender, payload), visits) in contenders.iter().zip(&mut visits) {
            progress.step(&format!("{} {}", contender.name(), text::bytes(*payload as usize)));
            visits.push(steady(plan, *contender, *payload)?);
        }
    }
    progress.finish();
    let rows = contenders.iter().zip(visits);
    Ok(rows.filter_map(|((what, payload), v)| Row::of(CASE, what.name(), *payload, v)).collect())
}

/// All of them at the payloads where they tell something.
fn contenders(payloads: &[u32]) -> Vec<(Contender, u32)> {
    let [spin, park, adaptive] = echo::POLICIES.map(|(name, wait)| Contender::Frames(name, wait));
    let mut all = vec![(Contender::Line, WORD)];
    all.extend(payloads.iter().map(|payload| (adaptive, *payload)));
    all.push((Contender::Get, get::KEY.len() as u32));
    all.extend(payloads.iter().take(2).map(|payload| (spin, *payload)));
    let ends = payloads.first().into_iter().chain(payloads.get(1..).and_then(<[u32]>::last));
    all.extend(ends.map(|payload| (park, *payload)));
    all
}

/// A visit during which the line stood; the last one where it never does.
fn steady(plan: &Plan, contender: Contender, payload: u32) -> Result<Visit, Error> {
    // On one processor nothing is ever steady.
    let alone = std::thread::available_parallelism().is_ok_and(|processors| processors.get() == 1);
    let tries_allowed = if alone { 1 } else { TRIES };
    let mut tries = 0;
    loop {
        let visit = match contender {
            Contender::Frames(name, policy) => frames(plan, name, policy, payload)?,
            Contender::Get => trap(plan)?,
            Contender::Line => yardstick(plan)?,
        };
        tries += 1;
        if !visit.is_unsteady() || tries == tries_allowed || !plan.has_time() {
            return Ok(visit);
        }
    }
}

fn frames(plan: &Plan, name: &str, policy: WaitPolicy, payload: u32) -> Result<Visit, Error> {
    let (link, mut second) = echo::start(name, policy)?;
    let mut lane = link.lane(0)?;
    let _placed = echo::apart(&mut lane, &mut second)?;
    let message = vec![0x5a; payload as usize];
    let mut back = Vec::with_capacity(message.len());
    let before = echo::with_line(&link, &mut lane, |l| Ok(line::p50(l, plan.line)?))?;
    let figures = measure(plan, second.id(), |trips| {
        timed(trips, || echo::trip(&mut lane, &message, &mut back))
    });
    let figures = figures.map_err(|error| second.explain_link(error))?;
    let after = echo::with_line(&link, &mut lane, |l| Ok(line::p50(l, plan.line)?))?;
    drop(lane);
    drop(link);
    second.finish()?;
    Ok(Visit { figures, line: [before, after] })
}

fn trap(plan: &Plan) -> Result<Visit, Error> {
    let (remote, second) = get::start()?;
    let global = remote.global()?;
    // It has answered, so it has opened its link.
    let _placed = Placed::apart(second.id());
    let before = get::with_line(&remote, &global, |l| Ok(line::p50(l, plan.line)?))?;
    let figures = measure(plan, second.id(), |trips| timed(trips, || get::trip(&global)))?;
    let after = get::with_line(&remote, &global, |l| Ok(line::p50(l, plan.line)?))?;
    drop((global, remote));
    second.finish()?;
    Ok(Visit { figures, line: [before, after] })
}

fn yardstick(plan: &Plan) -> Result<Visit, Error> {
    let (link, mut second) = echo::start("adaptive", WaitPolicy::Adaptive)?;
    let mut lane = link.lane(0)?;
    let _placed = echo::apart(&mut lane, &mut second)?;
    let id = second.id();
    let (line, figures) = echo::with_line(&link, &mut lane, |l| {
        let before = line::p50(l, plan.line)?;
        let figures =
            measure(plan, id, |trips| Ok::<_, Error>(line::sample(l, trips)? * f64::from(trips)))?;
        Ok(([before, line::p50(l, plan.line)?], figures))
    })?;
    drop(lane);
    drop(link);
    second.finish()?;
    Ok(Visit { figures, line })
}
