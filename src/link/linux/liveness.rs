//! [`Liveness`]: whether the peer is still there, by its process and its socket.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::futex::Scope;

/// What tells that the peer is gone.
#[derive(Debug)]
pub(in crate::link) enum Liveness {
    /// A thread of this process: it closes its end in any case.
    Thread,
    /// Another process.
    Process {
        /// The control socket; it hangs up when nobody holds its other end.
        socket: OwnedFd,
        /// The process itself; absent where its number means nothing here.
        process: Option<OwnedFd>,
    },
}

impl Liveness {
    pub(in crate::link) fn thread() -> Self {
        Self::Thread
    }

    pub(super) fn process(socket: OwnedFd, pid: Option<Pid>) -> Self {
        // In another pid namespace, or without the system call, the hang-up decides alone.
        let process = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        Self::Process { socket, process }
    }

    pub(in crate::link) fn scope(&self) -> Scope {
        match self {
            Self::Thread => Scope::Process,
            Self::Process { .. } => Scope::Shared,
        }
    }

    /// Asks the kernel, without waiting.
    pub(in crate::link) fn is_alive(&self) -> bool {
        let Self::Process { socket, process } = self else { return true };
        // The socket is asked for nothing: a hang-up is reported anyway, bytes are not.
        let mut ask = vec![PollFd::new(socket, PollFlags::RDHUP)];
        ask.extend(process.as_ref().map(|process| PollFd::new(process, PollFlags::IN)));
        match poll(&mut ask, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            Ok(0) | Err(_) => true,
            Ok(_) => false,
        }
    }
}
