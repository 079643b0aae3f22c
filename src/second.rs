//! A second process from the same program: how examples, tests, benches and the command start
//! the other end of a link without shipping another binary.
//!
//! The program starts itself again with a *role* in its environment, and asks for it first thing.
//!
//! ```no_run
//! use trapline::{Link, LinkConfig, second};
//!
//! fn main() -> Result<(), trapline::LinkError> {
//!     if second::role().as_deref() == Some("echo") {
//!         let link = Link::inherited()?;
//!         // …
//!         return Ok(());
//!     }
//!     let (link, child) = Link::spawn(second::command("echo")?, &LinkConfig::default())?;
//!     // …
//!     Ok(())
//! }
//! ```

use std::process::Command;

use crate::error::{LinkError, SystemError};

const VARIABLE: &str = "TRAPLINE_ROLE";

/// The role under which this process was started, `None` for the first one. Anything that the
/// variable holds is a role: who asks decides whether it knows it.
pub fn role() -> Option<String> {
    std::env::var_os(VARIABLE).map(|role| role.to_string_lossy().into_owned())
}

/// This program again, as `role`, without arguments.
///
/// # Errors
/// Where the operating system does not say which file this program was started from.
pub fn command(role: &str) -> Result<Command, LinkError> {
    let program = std::env::current_exe().map_err(|e| SystemError::new("current_exe", e))?;
    let mut command = Command::new(program);
    command.env(VARIABLE, role);
    Ok(command)
}
