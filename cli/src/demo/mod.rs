//! `trapline demo`: everything once, each result checked, each step with its time.

mod frames;
mod objects;
mod script;
mod style;

use std::io::Write;
use std::time::Instant;

use crate::error::Error;
use crate::text;

pub(crate) fn run(out: &mut impl Write) -> Result<(), Error> {
    let start = Instant::now();
    frames::run(out)?;
    objects::run(out)?;
    writeln!(out, "\nAll as expected, in {}.", text::duration(start.elapsed()))?;
    Ok(())
}
