//! Other transports, measured beside trapline. Linux only.
//!
//! ```text
//!  main ── rounds ─┬─ frames  ─┐
//!                  ├─ get      │            first process            second process
//!                  ├─ futex    ├─ visit ──  Asks ──── transport ──── Answers
//!                  ├─ …        │            Line ──────── link ───── Line
//!                  └─ iceoryx ─┘
//! ```
//!
//! The contenders take turns, round after round. Each visit starts two new processes on a
//! processor each, takes the line in them before and after each exchange, and times round trips.
//! Figures are told as ratios, because the processors of a machine are at times near each other
//! and at times far, and everything small moves with them by a factor of four.
//!
//! What an exchange is, for all alike: the first process sends a request that carries a number;
//! the second one reads that, and answers with a reply out of a buffer of its own, which carries
//! the number back; the first one checks the number and reads each line of the reply's memory
//! where its transport put it: in place where there is no copy, in a buffer where there is one.
//!
//! How they wait differs: iceoryx2's contenders poll and never sleep; trapline's wait by its default
//! policy, and may park; the others sleep in the kernel at once. On a busy machine only those that
//! poll keep their figures.

mod contenders;
mod error;
mod exchange;
mod line;
mod measure;
mod pair;
mod place;
mod rounds;
mod row;
mod shared;
mod table;
mod visit;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use error::Error;
use measure::Plan;

/// Measures other transports beside trapline: round trips between two processes.
#[derive(Debug, Parser)]
#[command(version, after_help = WHAT_THE_COLUMNS_MEAN)]
struct Args {
    /// Less time for each figure: ends within 30 s
    #[arg(long)]
    quick: bool,
    /// How the figures are told
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Only this contender, beside 'trapline frames'; may be repeated
    #[arg(long, value_name = "NAME", value_parser = contenders::named)]
    contender: Vec<&'static contenders::Contender>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A table for people
    Table,
    /// One JSON object a line
    Json,
}

const WHAT_THE_COLUMNS_MEAN: &str = "\
Columns:
  request, reply     bytes there and back
  p50, p99           of samples; a sample is one round trip, or the mean of a batch of at most 64
                     that takes some 4 µs where one takes less
  line p50           the line, mean of right before and right after, in the same two processes
  ratio to line      p50 / line p50
  ratio to trapline  p50 / p50 of 'trapline frames' in the same round; the median of all rounds

A row is the visit of the median ratio to the line. Visits during which the line moved by more than
half are left out; a row that has no other is marked with *. A contender that did not come to its
end in time, or failed, has no figures: its rows say why.";

fn main() -> ExitCode {
    // The second process is this program too, and knows no arguments of the first one.
    let done = match trapline::second::role() {
        Some(role) => answer(&role),
        None => measure(&Args::parse()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stream is no reason to panic: the exit code says it as well.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answer(role: &str) -> Result<(), Error> {
    watch::end_with_parent()?;
    let contender = contenders::named(role).map_err(Error::Rival)?;
    (contender.answer)()
}

fn measure(args: &Args) -> Result<(), Error> {
    let rows = rounds::rows(&Plan::new(args.quick), &contenders::chosen(&args.contender));
    let mut out = io::stdout().lock();
    match args.format {
        Format::Table => table::print(&rows, &mut out)?,
        Format::Json => {
            for row in &rows {
                serde_json::to_writer(&mut out, row).map_err(io::Error::from)?;
                writeln!(out)?;
            }
        }
    }
    Ok(out.flush()?)
}
