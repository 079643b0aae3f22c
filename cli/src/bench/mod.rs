//! `trapline bench`: a case is a file of its name, which gives rows; everything else is shared.
//!
//! ```text
//!   roundtrip ──▶ visits ──▶ rows ──▶ table or JSON
//!                   │
//!                   ├─ line     the yardstick, right before and right after
//!                   └─ measure  samples · system calls · processor time
//! ```
//!
//! The processors of a machine are at times near each other and at times far, and a figure moves
//! with them by a factor of four. So each visit has a pair of processes of its own, takes the line
//! in them before and after, and a row is told as a ratio to it.

mod cpu;
pub(crate) mod get;
pub(crate) mod line;
mod measure;
mod roundtrip;
mod row;
pub(crate) mod samples;
mod syscalls;
mod table;

use std::io::Write;
use std::time::{Duration, Instant};

use crate::args::{Bench, Case, Format};
use crate::error::Error;

pub(crate) const WHAT_THE_COLUMNS_MEAN: &str = "\
Columns:
  contender        'line' is the yardstick itself, others are named trapline
  payload          bytes each way; for 'trapline get' the bytes of the key
  p50_ns, p99_ns   of samples; a sample is one operation, or the mean of a batch of at most 64
                   operations that takes some 4 µs where one takes less
  ops_per_s        operations over the wall time of the whole loop, clock and notes included
  line_p50_ns      mean of the line's p50 right before and right after, in the same processes
  ratio_to_line    p50_ns / line_p50_ns
  syscalls_per_op  system calls of both processes, counted by the kernel; null where it does not
                   let us
  cpu              processor seconds of both processes in a second of wall time; a round tells it
                   to some hundredths, because the kernel adds it up at its ticks

Each row is measured in several rounds, in which contenders alternate, each time in two new
processes, on a processor each. The row is the round of the median ratio. Rounds during which the
line moved by more than half, or in which both processes had to share a processor, are repeated; a
row that has no other is marked with * in the table.";

/// How long and how often is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
    pub(crate) line: Duration,
    /// Nothing is repeated, and no further round begins, after this time.
    enough: Instant,
}

impl Plan {
    fn new(quick: bool) -> Self {
        let start = Instant::now();
        let millis = Duration::from_millis;
        if quick {
            let enough = start + Duration::from_secs(12);
            Self { rounds: 3, warm_up: millis(8), measure: millis(100), line: millis(8), enough }
        } else {
            let enough = start + Duration::from_secs(120);
            Self { rounds: 7, warm_up: millis(20), measure: millis(250), line: millis(25), enough }
        }
    }

    pub(crate) fn has_time(&self) -> bool {
        Instant::now() < self.enough
    }
}

pub(crate) fn run(args: &Bench, out: &mut impl Write) -> Result<(), Error> {
    let plan = Plan::new(args.quick);
    let rows = match args.case {
        Case::Roundtrip => roundtrip::rows(&plan, &args.payload)?,
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
