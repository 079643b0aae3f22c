//! [`Liveness`]: who the peer is, and how its death comes to be known.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::error::SystemError;
use crate::futex::{OwnWake, Scope};
use crate::sentinel::Watch;

/// What tells that the peer is gone.
#[derive(Debug)]
pub(in crate::link) enum Liveness {
    /// A thread of this process: it closes its end in any case.
    Thread,
    /// Another process, whose death word the kernel marks. The sentinel watches its socket and
    /// its process besides, and holds our own death word, until this is dropped.
    Process(Watch),
}

impl Liveness {
    pub(in crate::link) fn thread() -> Self {
        Self::Thread
    }

    /// `watch` holds our own word already.
    pub(super) fn process(
        mut watch: Watch,
        socket: OwnedFd,
        pid: Option<Pid>,
        own: Arc<OwnWake>,
    ) -> Result<Self, SystemError> {
        // In another pid namespace, or without the system call, word and hang-up decide alone.
        let process = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        watch.peer(socket, process, own)?;
        Ok(Self::Process(watch))
    }

    pub(in crate::link) fn scope(&self) -> Scope {
        match self {
            Self::Thread => Scope::Process,
            Self::Process(_) => Scope::Shared,
        }
    }

    /// Whether this is the process that opened the link, not a child that was forked off.
    pub(in crate::link) fn is_ours(&self) -> bool {
        match self {
            Self::Thread => true,
            Self::Process(watch) => watch.is_ours(),
        }
    }
}
