//! What this program does as the second process, by the role it was started in.
//!
//! It says nothing: the first process sees how it ended and tells that, in one line.

use std::process::ExitCode;

use crate::{bench, echo, js, second};

/// Runs in `role` until the first process closes the link.
pub(crate) fn run(role: &str) -> ExitCode {
    second::end_with_parent();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let policy = echo::policy(args.first().map(String::as_str));
    let done = match role {
        echo::ROLE => echo::answer(policy).map_err(Into::into),
        bench::get::ROLE => bench::get::serve(policy).map_err(Into::into),
        js::local::ROLE => js::local::serve(&args),
        _ => Err("unknown role".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Why a role ended: of use to the types only.
pub(crate) type RoleError = Box<dyn std::error::Error>;
