//! The case `oneway`: a stream of records from one thread to another, beside `rtrb`, the queue of
//! records that a Rust program would take between its threads.

use std::hint::{black_box, spin_loop};

use rtrb::{PushError, RingBuffer};
use trapline::line::Line;
use trapline::{Lane, Link, LinkConfig, LinkError};

use super::measure::Figures;
use super::rounds::{self, Group, Name};
use super::row::{Extra, Row, Visit};
use super::stream::{self, stream, with_thread};
use super::{Plan, line};
use crate::error::Error;
use crate::place::{Placed, Seat};

const CASE: &str = "oneway";
const PAYLOADS: [u32; 6] = [8, 64, 256, 4 << 10, 64 << 10, 1 << 20];
/// Longer records fill a bunch by themselves.
const BATCHED: u32 = 1 << 10;

/// Measures records of so many bytes.
type Run = fn(&Plan, Option<&Seat>, u32) -> Result<Figures, Error>;

/// All that can carry records of this size.
struct Size(u32);

impl Size {
    fn contenders(&self) -> Vec<(&'static str, Run)> {
        let mut all: Vec<(_, Run)> = vec![("trapline", frames)];
        if self.0 <= BATCHED {
            all.push(("trapline batch", batch));
        }
        // Its records have a size that is known when it is compiled.
        let rtrb: Option<Run> = match self.0 {
            8 => Some(rtrb::<8>),
            64 => Some(rtrb::<64>),
            256 => Some(rtrb::<256>),
            _ => None,
        };
        all.extend(rtrb.map(|run| (RTRB, run)));
        all
    }
}

const RTRB: &str = "rtrb";

impl Group for Size {
    fn names(&self) -> Vec<Name> {
        self.contenders().iter().map(|(name, _)| (*name, Some(self.0))).collect()
    }

    fn visit(&self, plan: &Plan, round: usize) -> Result<Vec<Visit>, Error> {
        let contenders = self.contenders();
        // The budget of a wait is measured by who may still run everywhere.
        let ends = Link::pair(&LinkConfig::default())?;
        let (_here, seat) = Placed::threads().unzip();
        let before = yardstick(plan, &ends, seat.as_ref())?;
        let mut found: Vec<Option<Figures>> = contenders.iter().map(|_| None).collect();
        for turn in 0..contenders.len() {
            let which = (turn + round) % contenders.len();
            found[which] = Some(contenders[which].1(plan, seat.as_ref(), self.0)?);
        }
        let after = yardstick(plan, &ends, seat.as_ref())?;
        let rtrb = contenders.iter().position(|(name, _)| *name == RTRB);
        let rtrb = rtrb.and_then(|at| found[at].as_ref()).map(|figures| figures.ops_per_s);
        let visit = |figures: Figures| {
            let extra: Extra = vec![("ratio_to_rtrb", rtrb.map(|rate| figures.ops_per_s / rate))];
            Visit { figures, line: [before, after], extra }
        };
        Ok(found.into_iter().flatten().map(visit).collect())
    }
}

pub(super) fn rows(plan: &Plan, payloads: Option<&[u32]>) -> Result<Vec<Row>, Error> {
    let groups: Vec<_> = payloads.unwrap_or(&PAYLOADS).iter().map(|bytes| Size(*bytes)).collect();
    rounds::rows(CASE, plan, &groups)
}

/// The line between the two threads.
fn yardstick(plan: &Plan, (here, there): &(Link, Link), seat: Option<&Seat>) -> Result<f64, Error> {
    let line = Line::new(here)?;
    with_thread(
        seat,
        || Line::new(there)?.answer(),
        || {
            let p50 = line::p50(&line, plan.line)?;
            line.stop()?;
            Ok(p50)
        },
    )
}

fn frames(plan: &Plan, seat: Option<&Seat>, payload: u32) -> Result<Figures, Error> {
    over_lane(plan, seat, payload, |lane, message, records| {
        (0..records).try_for_each(|_| lane.send(black_box(message)))
    })
}

fn batch(plan: &Plan, seat: Option<&Seat>, payload: u32) -> Result<Figures, Error> {
    over_lane(plan, seat, payload, |lane, message, records| {
        let mut batch = lane.batch();
        (0..records).try_for_each(|_| batch.send(black_box(message)))
    })
}

fn over_lane(
    plan: &Plan,
    seat: Option<&Seat>,
    payload: u32,
    send: fn(&mut Lane<'_>, &[u8], u64) -> Result<(), LinkError>,
) -> Result<Figures, Error> {
    let (passive, active) = Link::pair(&LinkConfig::default())?;
    let sender = |orders: stream::Orders| {
        let (mut lane, message) = (active.lane(0)?, vec![0x5a; payload as usize]);
        let sent = orders.into_iter().try_for_each(|records| send(&mut lane, &message, records));
        if sent.is_err() {
            // Nothing more will come: the receiver must not wait for it.
            active.close();
        }
        sent
    };
    let (mut lane, mut message) = (passive.lane(0)?, Vec::new());
    let receive = |records| {
        for _ in 0..records {
            lane.receive(&mut message)?;
            black_box(&message);
        }
        Ok(())
    };
    stream(plan, seat, sender, receive)
}

/// As many records as take the memory of a lane's ring.
fn rtrb<const N: usize>(plan: &Plan, seat: Option<&Seat>, _: u32) -> Result<Figures, Error> {
    let capacity = LinkConfig::default().ring_bytes as usize / N;
    let (mut producer, mut consumer) = RingBuffer::<[u8; N]>::new(capacity);
    let sender = move |orders: stream::Orders| {
        for _ in orders.into_iter().flat_map(|records| 0..records) {
            let mut record = black_box([0x5a; N]);
            while let Err(PushError::Full(back)) = producer.push(record) {
                record = back;
                spin_loop();
            }
        }
        Ok(())
    };
    let receive = |records| {
        for _ in 0..records {
            let record = loop {
                match consumer.pop() {
                    Ok(record) => break record,
                    Err(_) => spin_loop(),
                }
            };
            black_box(&record);
        }
        Ok(())
    };
    stream(plan, seat, sender, receive)
}
