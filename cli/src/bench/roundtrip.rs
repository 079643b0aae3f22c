//! The case `roundtrip`: a message there and back between two processes.

use trapline::WaitPolicy;

use super::measure::{measure, timed};
use super::rounds::{self, Group, Name};
use super::row::{Extra, Row, Visit};
use super::{Plan, get, line};
use crate::echo;
use crate::error::Error;
use crate::place::Placed;

const CASE: &str = "roundtrip";
const PAYLOADS: [u32; 6] = [8, 64, 256, 1024, 4096, 65536];
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

/// One contender and payload: the line is comparison enough.
struct Alone(Contender, u32);

impl Group for Alone {
    fn names(&self) -> Vec<Name> {
        vec![(self.0.name(), Some(self.1))]
    }

    fn visit(&self, plan: &Plan, _round: usize) -> Result<Vec<Visit>, Error> {
        let visit = match self.0 {
            Contender::Frames(name, policy) => frames(plan, name, policy, self.1),
            Contender::Get => trap(plan),
            Contender::Line => yardstick(plan),
        };
        Ok(vec![visit?])
    }
}

pub(super) fn rows(plan: &Plan, payloads: Option<&[u32]>) -> Result<Vec<Row>, Error> {
    rounds::rows(CASE, plan, &contenders(payloads.unwrap_or(&PAYLOADS)))
}

/// All of them at the payloads where they tell something.
fn contenders(payloads: &[u32]) -> Vec<Alone> {
    let [spin, park, adaptive] = echo::POLICIES.map(|(name, wait)| Contender::Frames(name, wait));
    let mut all = vec![Alone(Contender::Line, WORD)];
    all.extend(payloads.iter().map(|payload| Alone(adaptive, *payload)));
    all.push(Alone(Contender::Get, get::KEY.len() as u32));
    all.extend(payloads.iter().take(2).map(|payload| Alone(spin, *payload)));
    let ends = payloads.first().into_iter().chain(payloads.get(1..).and_then(<[u32]>::last));
    all.extend(ends.map(|payload| Alone(park, *payload)));
    all
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
    Ok(Visit { figures, line: [before, after], extra: Extra::new() })
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
    Ok(Visit { figures, line: [before, after], extra: Extra::new() })
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
    Ok(Visit { figures, line, extra: Extra::new() })
}
