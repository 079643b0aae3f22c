//! The arguments of the command.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// A shared-memory transport for language bridges: see it work, use it, measure it.
#[derive(Debug, Parser)]
#[command(name = "trapline", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a second process, exchange frames with it, and drive JavaScript objects in it
    Demo,
    /// Load JavaScript files in a second process and call a function of theirs
    Js(Js),
    /// Measure two processes beside the one-line ping-pong taken in the same run
    #[command(after_long_help = crate::bench::WHAT_THE_COLUMNS_MEAN)]
    Bench(Bench),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Js {
    /// Files to load, in this order, each as a script in the global scope
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Function to call then, its properties separated by dots; its result is printed
    #[arg(long, value_name = "NAME")]
    pub(crate) call: Option<String>,
    /// Give the function the standard input, as text, as its argument
    #[arg(long, requires = "call")]
    pub(crate) stdin: bool,
    /// How long one operation of a script may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) time_limit: Duration,
    /// How much memory the scripts may use
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) memory_limit: u32,
    /// Print at the end what both processes have counted, to the standard error stream
    #[arg(long)]
    pub(crate) counters: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Bench {
    /// What to measure
    #[arg(long, value_enum)]
    pub(crate) case: Case,
    /// Measure for less long: under 20 seconds in all
    #[arg(long)]
    pub(crate) quick: bool,
    /// How to print the rows
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Payloads in bytes, 1 to 1048576, instead of those of the case
    #[arg(
        long,
        value_name = "BYTES",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=1 << 20),
    )]
    pub(crate) payload: Option<Vec<u32>>,
}

/// What can be measured; each case is a file of its name in `bench`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Case {
    /// A message there and back
    Roundtrip,
    /// A stream of messages between two threads, beside the crate rtrb
    Oneway,
    /// A message there and back between two processes that sleep, beside a bare futex
    Cold,
    /// What a link costs that nobody uses
    Idle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    Table,
    /// One object a line, one line a row
    Json,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(limit) if (MIN_LIMIT..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(format!("not from {} to {}", MIN_LIMIT.as_secs_f64(), MAX_LIMIT.as_secs())),
    }
}

const MIN_LIMIT: Duration = Duration::from_millis(1);
const MAX_LIMIT: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_time_limit_is_a_number_of_seconds_in_range() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["", "x", "-1", "0", "NaN", "inf", "1e300"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
