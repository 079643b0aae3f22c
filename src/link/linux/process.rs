//! Starting a child with a link, and being that child.
//!
//! The child inherits its end of the control socket under the descriptor number that the variable
//! `TRAPLINE_LINK` names; nothing else is handed over.

use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::process::Pid;

use super::control::Control;
use super::handshake;
use crate::error::{LinkError, Misuse, SystemError};
use crate::futex::Deadline;
use crate::link::{Link, LinkConfig};
use crate::segment::inherited_descriptor;

/// Names the descriptor that the child inherits.
pub(super) const VARIABLE: &str = "TRAPLINE_LINK";

pub(in crate::link) fn spawn(
    mut command: Command,
    config: &LinkConfig,
) -> Result<(Link, Child), LinkError> {
    let mut offer = Link::offer(config)?;
    offer.pass_to(&mut command)?;
    let started = command.spawn().map_err(|e| SystemError::new("spawn", e));
    // It holds the child's end of the socket, which must hang up when the child dies.
    drop(command);
    let mut child = started?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    match offer.accept_from(pid) {
        Ok(link) => Ok((link, child)),
        Err(error) => {
            // It may have ended by itself; in both cases it is waited for.
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

pub(in crate::link) fn inherited(config: &LinkConfig) -> Result<Link, LinkError> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    handshake::check_active(config)?;
    let missing = |problem: String| Misuse::Inheritance { problem };
    let number = std::env::var(VARIABLE).map_err(|e| missing(format!("{VARIABLE}: {e}")))?;
    let number = number
        .parse()
        .map_err(|e| missing(format!("{VARIABLE}={number:?} is no descriptor number: {e}")))?;
    if TAKEN.swap(true, Relaxed) {
        return Err(missing("it was taken before".into()).into());
    }
    let control = Control::new(inherited_descriptor(number)?)?;
    handshake::active(control, config, Deadline::In(config.handshake_timeout))
}
