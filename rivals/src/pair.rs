//! [`Pair`]: two processes and what both ends agree on: when the line is taken, when round trips
//! begin and end.
//!
//! ```text
//!  first                          lane                          second
//!  Commanded::line    ── LINE ──────────────────▶   Line::answer until Line::stop
//!  Commanded::begin   ── index of a shape ──────▶   requests are answered …
//!  Commanded::trip    ══ the contender's transport ══
//!  Commanded::end     ══ STOP, without a reply ══   … until this one
//!  dropped            ── closed ────────────────▶   ends
//! ```

use trapline::line::Line;
use trapline::{Lane, Link, LinkConfig, LinkError, PeerError, second};

use crate::error::Error;
use crate::exchange::{Answers, Asks, LONGEST_REPLY, LONGEST_REQUEST, SHAPES, STOP, set_number};
use crate::measure::Plan;
use crate::place;
use crate::visit::{Visit, visit};
use crate::watch::Watch;

/// What a visit does with two processes.
pub(crate) trait Pair {
    /// Runs `sample` while the second process answers the line.
    fn line(&mut self, sample: impl FnOnce(&Line) -> Result<f64, LinkError>) -> Result<f64, Error>;
    /// Round trips of this shape are to come.
    fn begin(&mut self, shape: usize) -> Result<(), Error>;
    /// One round trip.
    fn trip(&mut self) -> Result<(), Error>;
    /// No further round trips.
    fn end(&mut self) -> Result<(), Error>;
}

/// The command that starts the line; all others are an index of a shape.
const LINE: u8 = u8::MAX;
/// What the second process says when its end is there.
const READY: &[u8] = b"ready";

/// A pair whose second process takes its commands from the lane of the link.
#[derive(Debug)]
struct Commanded<'l, A> {
    asks: A,
    lane: Lane<'l>,
    line: Line,
    shape: usize,
    request: [u8; LONGEST_REQUEST],
    last: u64,
}

impl<A: Asks> Pair for Commanded<'_, A> {
    fn line(&mut self, sample: impl FnOnce(&Line) -> Result<f64, LinkError>) -> Result<f64, Error> {
        self.lane.send(&[LINE])?;
        let sampled = sample(&self.line)?;
        self.line.stop()?;
        Ok(sampled)
    }

    fn begin(&mut self, shape: usize) -> Result<(), Error> {
        self.shape = shape;
        // There are four.
        Ok(self.lane.send(&[shape as u8])?)
    }

    #[inline]
    fn trip(&mut self) -> Result<(), Error> {
        let shape = SHAPES[self.shape];
        self.last += 1;
        let request = &mut self.request[..shape.request];
        set_number(request, self.last);
        self.asks.ask(&mut self.lane, request)?;
        let number = self.asks.hear(&mut self.lane, shape.reply)?;
        if number == self.last {
            return Ok(());
        }
        Err(Error::Wrong(format!("number {number} instead of {}", self.last)))
    }

    fn end(&mut self) -> Result<(), Error> {
        let request = &mut self.request[..SHAPES[self.shape].request];
        set_number(request, STOP);
        self.asks.ask(&mut self.lane, request)
    }
}

/// One visit to a contender, in the first process.
pub(crate) fn drive<A: Asks>(name: &str, plan: &Plan, watch: &Watch) -> Result<Vec<Visit>, Error> {
    let mut command = second::command(name)?;
    let prepared = A::prepare(&mut command)?;
    let (link, mut child) = Link::spawn(command, &LinkConfig::driven_by_passive(1))?;
    let id = child.id();
    let mut lane = link.lane(0)?;
    let said = lane.receive_timeout(&mut Vec::new(), plan.limit / 2);
    let asks = said.map_err(Error::from).and_then(|()| A::connect(prepared, &mut child, watch));
    watch.keep(child);
    let asks = asks?;
    place::apart(id)?;
    let line = Line::new(&link)?;
    let request = [0x5a; LONGEST_REQUEST];
    let mut pair = Commanded { asks, lane, line, shape: 0, request, last: 0 };
    let visits = visit(&mut pair, plan)?;
    drop(pair);
    drop(link);
    watch.finish()?;
    Ok(visits)
}

/// A contender's second process: does what it is told until the link is closed.
pub(crate) fn answer<A: Answers>() -> Result<(), Error> {
    let link = Link::inherited()?;
    let line = Line::new(&link)?;
    let mut answers = A::connect()?;
    let mut lane = link.lane(0)?;
    lane.send(READY)?;
    let (mut command, mut reply) = (Vec::new(), vec![0x5a; LONGEST_REPLY]);
    loop {
        match lane.receive(&mut command) {
            Err(LinkError::Peer(PeerError::Closed)) => return Ok(()),
            received => received?,
        }
        match command[..] {
            [LINE] => line.answer()?,
            [shape] if usize::from(shape) < SHAPES.len() => {
                answer_all(&mut answers, &mut lane, usize::from(shape), &mut reply)?;
            }
            _ => return Err(Error::Wrong("a command that is none".to_owned())),
        }
    }
}

fn answer_all<A: Answers>(
    answers: &mut A,
    lane: &mut Lane<'_>,
    shape: usize,
    reply: &mut [u8],
) -> Result<(), Error> {
    let shape = SHAPES[shape];
    loop {
        let number = answers.take(lane, shape.request)?;
        if number == STOP {
            return Ok(());
        }
        let reply = &mut reply[..shape.reply];
        set_number(reply, number);
        answers.give(lane, reply)?;
    }
}
