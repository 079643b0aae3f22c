//! `trapline bench`: a case is a file of its name, which gives rows; everything else is shared.
//!
//! ```text
//!   roundtrip ─┬▶ rounds ──▶ visits ─┬▶ rows ──▶ table or JSON
//!        cold ─┤               │     │
//!      oneway ─┘ stream ───────│─────┤
//!        idle ─── usage ───────│─────┘
//!                              ├─ line     the yardstick, right before and right after
//!                              └─ measure  samples · system calls · processor time
//! ```
//!
//! The processors of a machine are at times near each other and at times far, and a figure moves
//! with them by a factor of four. So each visit has a pair of processes of its own, takes the line
//! in them before and after, and a row is told as a ratio to it.

mod cold;
mod columns;
mod cpu;
pub(crate) mod get;
mod idle;
pub(crate) mod line;
mod measure;
mod oneway;
mod rounds;
mod roundtrip;
mod row;
pub(crate) mod samples;
mod stream;
mod syscalls;
mod table;
mod usage;

use std::io::Write;
use std::time::{Duration, Instant};

pub(crate) use columns::WHAT_THE_COLUMNS_MEAN;

use crate::args::{Bench, Case, Format};
use crate::error::Error;

/// How long and how often is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
    pub(crate) line: Duration,
    /// How long nothing happens where that is measured.
    pub(crate) idle: Duration,
    /// Nothing is repeated, and no further round begins, after this time.
    enough: Instant,
}

impl Plan {
    fn new(quick: bool) -> Self {
        let start = Instant::now();
        let (millis, seconds) = (Duration::from_millis, Duration::from_secs);
        if quick {
            Self {
                rounds: 3,
                warm_up: millis(8),
                measure: millis(100),
                line: millis(8),
                idle: seconds(2),
                enough: start + seconds(12),
            }
        } else {
            Self {
                rounds: 7,
                warm_up: millis(20),
                measure: millis(250),
                line: millis(25),
                idle: seconds(10),
                enough: start + seconds(120),
            }
        }
    }

    pub(crate) fn has_time(&self) -> bool {
        Instant::now() < self.enough
    }
}

pub(crate) fn run(args: &Bench, out: &mut impl Write) -> Result<(), Error> {
    let plan = Plan::new(args.quick);
    let payloads = args.payload.as_deref();
    let rows = match args.case {
        Case::Roundtrip => roundtrip::rows(&plan, payloads)?,
        Case::Oneway => oneway::rows(&plan, payloads)?,
        Case::Cold => cold::rows(&plan, payloads)?,
        Case::Idle => idle::rows(&plan)?,
    };
    match args.format {
        Format::Table => table::print(&rows, out)?,
        Format::Json => {
            for row in &rows {
                serde_json::to_writer(&mut *out, row).map_err(std::io::Error::from)?;
                writeln!(out)?;
            }
        }
    }
    Ok(())
}
