//! The command `trapline`: shows the transport at work, runs JavaScript files in a second process,
//! and measures.
//!
//! ```text
//!   trapline demo          trapline js FILE... --call NAME      trapline bench --case CASE     
//!        │                        │                                    │
//!        └──────────── Second: this program again, in a role ──────────┘
//!              frames (echo, the line) · get (one property) · javascript (an engine)
//! ```
//!
//! Each command is a folder or a file of its name; `roles` is what the second process does.

mod args;
mod bench;
mod demo;
mod echo;
mod error;
mod js;
mod place;
mod progress;
mod roles;
mod second;
mod text;

use std::io::{self, Write};
use std::process::ExitCode;

use args::Command;
use clap::Parser;

fn main() -> ExitCode {
    // The second process is this program too, and knows no arguments of the command.
    if let Some(role) = trapline::second::role() {
        return roles::run(&role);
    }
    let args = args::Args::parse();
    let mut out = io::stdout().lock();
    let done = match &args.command {
        Command::Demo => demo::run(&mut out),
        Command::Js(args) => js::run(args, &mut out),
        Command::Bench(args) => bench::run(args, &mut out),
    };
    match done.and_then(|()| out.flush().map_err(error::Error::Output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stream is no reason to panic: the exit code says it as well.
            let _ = writeln!(io::stderr(), "error: {}", text::one_line(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}
