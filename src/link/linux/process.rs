//! Starting a child with a link, and being that child.
//!
//! The child inherits its end of the control socket under the descriptor number that the variable
//! `TRAPLINE_LINK` names; nothing else is handed over.

use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use rustix::process::Pid;

use super::handshake;
use crate::error::{LinkError, Misuse, SystemError};
use crate::link::{Link, LinkConfig};
use crate::segment::{inherited_descriptor, pass_descriptor};

/// Names the descriptor that the child inherits.
const VARIABLE: &str = "TRAPLINE_LINK";
/// The number under which it does.
const NUMBER: i32 = 3;

pub(in crate::link) fn spawn(
    mut command: Command,
    config: &LinkConfig,
) -> Result<(Link, Child), LinkError> {
    // A configuration that cannot work should not start a process.
    config.plan(crate::wire::Side::Passive, config.lanes)?;
    let flags = SocketFlags::CLOEXEC;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
        .map_err(|e| SystemError::new("socketpair", e))?;
    for socket in [&ours, &theirs] {
        sockopt::set_socket_passcred(socket, true).map_err(|e| SystemError::new("passcred", e))?;
    }
    pass_descriptor(&mut command, theirs, NUMBER);
    command.env(VARIABLE, NUMBER.to_string());
    let started = command.spawn().map_err(|e| SystemError::new("spawn", e));
    // It holds the child's end of the socket, which must hang up when the child dies.
    drop(command);
    let mut child = started?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    match handshake::passive(ours, config, pid) {
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
    let missing = |problem: String| Misuse::Inheritance { problem };
    let number = std::env::var(VARIABLE).map_err(|e| missing(format!("{VARIABLE}: {e}")))?;
    let number = number
        .parse()
        .map_err(|e| missing(format!("{VARIABLE}={number:?} is no descriptor number: {e}")))?;
    if TAKEN.swap(true, Relaxed) {
        return Err(missing("it was taken before".into()).into());
    }
    handshake::active(inherited_descriptor(number)?, config)
}
