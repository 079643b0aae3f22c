//! `trapline get`: a whole trap through [`Remote`] and [`Local`]. The request is a key; the reply
//! is a number where it has 8 bytes, and a buffer otherwise.
//!
//! The lane carries traps, so the commands are keys too: one makes the host answer the line within
//! its trap.

use std::time::Duration;

use trapline::line::Line;
use trapline::{
    Caller, Key, Link, LinkConfig, LinkError, Local, Outcome, Proxy, Reflect, Remote, Thrown,
    Value, second,
};

use crate::error::Error;
use crate::exchange::{SHAPES, Shape, read, set_number};
use crate::measure::Plan;
use crate::pair::Pair;
use crate::place;
use crate::visit::{self, Visit};
use crate::watch::Watch;

pub(super) const NAME: &str = "trapline get";

/// What a property holds, and the number at the front of a buffer.
const NUMBER: u64 = 42;
const ANSWER_LINE: &str = "answer the line";
/// Some times the longest that a thread stays awake for a reply.
const FALL_ASLEEP: Duration = Duration::from_millis(2);

/// The properties, one for each of [`SHAPES`].
const KEYS: [&str; SHAPES.len()] = [
    "property",
    "a property whose name is as long as a line of memory: 64 letters",
    "of 64 K.",
    "of 1 Mi.",
];

#[derive(Debug)]
struct Trapping<'r> {
    remote: &'r Remote,
    global: Proxy,
    line: Line,
    shape: usize,
}

impl Pair for Trapping<'_> {
    fn line(&mut self, sample: impl FnOnce(&Line) -> Result<f64, LinkError>) -> Result<f64, Error> {
        std::thread::scope(|scope| {
            // The other end answers within this trap, so another thread waits for its end. It
            // must have sent the trap, and sleep, before this one spins on the same processor:
            // under a real-time policy it would never run again.
            let trap = scope.spawn(|| self.global.get(ANSWER_LINE));
            std::thread::sleep(FALL_ASLEEP);
            let sampled = sample(&self.line).and_then(|sampled| {
                self.line.stop()?;
                Ok(sampled)
            });
            match trap.join() {
                Ok(ended) => ended.map(|_| sampled)?.map_err(Error::from),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn begin(&mut self, shape: usize) -> Result<(), Error> {
        self.shape = shape;
        Ok(())
    }

    #[inline]
    fn trip(&mut self) -> Result<(), Error> {
        let number = match self.global.get(KEYS[self.shape])? {
            Value::Number(number) => number as u64,
            Value::Bytes(bytes) => read(&bytes, SHAPES[self.shape].reply)?,
            other => return Err(Error::Wrong(format!("a property of type {}", other.type_name()))),
        };
        if number == NUMBER { Ok(()) } else { Err(Error::Wrong(format!("number {number}"))) }
    }

    fn end(&mut self) -> Result<(), Error> {
        // Nothing is held for the next trap.
        Ok(self.remote.flush()?)
    }
}

/// One visit, in the first process.
pub(super) fn visit(plan: &Plan, watch: &Watch) -> Result<Vec<Visit>, Error> {
    let (link, child) = Link::spawn(second::command(NAME)?, &LinkConfig::driven_by_passive(1))?;
    let id = child.id();
    watch.keep(child);
    let line = Line::new(&link)?;
    let remote = Remote::new(link)?;
    let global = remote.global()?;
    place::apart(id)?;
    let mut pair = Trapping { remote: &remote, global, line, shape: 0 };
    let visits = visit::visit(&mut pair, plan)?;
    drop(pair);
    drop(remote);
    watch.finish()?;
    Ok(visits)
}

/// The second process: serves until the link is closed.
pub(super) fn answer() -> Result<(), Error> {
    let link = Link::inherited()?;
    let line = Line::new(&link)?;
    Ok(Local::new(link, Host { line })?.serve()?)
}

struct Host {
    line: Line,
}

impl Reflect for Host {
    type Object = ();

    fn global(&self, _: &Caller) -> Outcome<()> {
        Ok(Value::Reference(()).into())
    }

    #[inline]
    fn get(&self, _: &Caller, _: &(), key: Key<'_>) -> Outcome<()> {
        let Key::String(name) = key else {
            return Err(Thrown::type_error(format!("no property {key}")));
        };
        if name == ANSWER_LINE {
            // The other end has left: nobody hears the answer.
            let _ = self.line.answer();
            return Ok(Value::Undefined.into());
        }
        match KEYS.iter().position(|known| *known == name) {
            Some(shape) => Ok(property(SHAPES[shape]).into()),
            None => Err(Thrown::type_error(format!("no property {name}"))),
        }
    }
}

#[inline]
fn property(shape: Shape) -> Value<()> {
    if shape.reply == 8 {
        return Value::Number(NUMBER as f64);
    }
    let mut bytes = vec![0x5a; shape.reply];
    set_number(&mut bytes, NUMBER);
    Value::Bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_bytes_of_the_request() {
        assert_eq!(KEYS.map(str::len), SHAPES.map(|shape| shape.request));
    }
}
