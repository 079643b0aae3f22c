//! The case `idle`: what two processes with an open link cost while nothing is sent and one of
//! them waits for it.

use std::time::{Duration, Instant};

use trapline::{LinkError, WaitPolicy};

use super::Plan;
use super::row::{Extra, Row, rounded};
use super::usage::Usage;
use crate::echo;
use crate::error::Error;
use crate::progress::Progress;

const CASE: &str = "idle";
/// The other end stops yielding and falls asleep within this time.
const SETTLE: Duration = Duration::from_millis(200);

pub(super) fn rows(plan: &Plan) -> Result<Vec<Row>, Error> {
    let progress = Progress::new(1);
    progress.step(&format!("{:?} of silence", plan.idle));
    let (link, mut second) = echo::start("adaptive", WaitPolicy::Adaptive)?;
    let mut lane = link.lane(0)?;
    exchange(&mut lane).map_err(|error| second.explain_link(error))?;
    let id = second.id();
    // Another thread looks, and this one sleeps: what the look itself costs must not be told.
    let rows = std::thread::scope(|threads| {
        let watch = threads.spawn(|| watch(plan.idle, id));
        watch.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    exchange(&mut lane).map_err(|error| second.explain_link(error))?;
    progress.finish();
    drop(lane);
    drop(link);
    second.finish()?;
    Ok(rows)
}

/// Shows that the link works, before and after.
fn exchange(lane: &mut trapline::Lane<'_>) -> Result<(), LinkError> {
    echo::trip(lane, b"ping", &mut Vec::new())
}

/// One row for each side: this process, whose threads do nothing but sleep meanwhile, and the
/// second one, which waits on the link.
fn watch(silence: Duration, second: u32) -> Vec<Row> {
    std::thread::sleep(SETTLE);
    let sides = [("trapline waits", second), ("trapline open", std::process::id())];
    let (before, start) = (sides.map(|(_, process)| Usage::of(process)), Instant::now());
    std::thread::sleep(silence);
    let (after, wall) = (sides.map(|(_, process)| Usage::of(process)), start.elapsed());
    let used = before.into_iter().zip(after).map(|(before, after)| after?.since(before?));
    let rows = sides.into_iter().zip(used).map(|((name, _), used)| row(name, wall, used));
    rows.collect()
}

fn row(contender: &'static str, wall: Duration, used: Option<Usage>) -> Row {
    let wall = wall.as_secs_f64();
    let figure = |get: fn(&Usage) -> u64| used.as_ref().map(|used| get(used) as f64);
    let extra: Extra = vec![
        ("seconds", Some(rounded(wall, 1e3))),
        ("cpu_ticks", figure(|used| used.ticks)),
        ("context_switches", figure(|used| used.switches)),
    ];
    let cpu = used.as_ref().map(|used| rounded(used.nanos as f64 / 1e9 / wall, 1e4));
    Row { case: CASE, contender, cpu, extra, ..Row::default() }
}
