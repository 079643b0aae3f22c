//! [`Users`]: who may be at the other end, by what the kernel says.

use std::os::fd::AsFd;

use rustix::net::sockopt;
use rustix::process::geteuid;

use crate::error::{LinkError, Refusal, SystemError};

/// Which users may be at the other end of a socket with a path. The kernel names the user who
/// connected, or who listens; a peer cannot lie about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Users {
    /// The user that this process acts as.
    #[default]
    Same,
    /// That one and these, by number.
    Also(Vec<u32>),
    /// Anyone.
    Any,
}

impl Users {
    /// Checks who is at the other end of a connected socket.
    pub(super) fn check(&self, socket: impl AsFd) -> Result<(), LinkError> {
        let peer = sockopt::socket_peercred(socket)
            .map_err(|e| SystemError::new("getsockopt", e))?
            .uid
            .as_raw();
        let also = match self {
            Self::Same => false,
            Self::Also(users) => users.contains(&peer),
            Self::Any => true,
        };
        if also || peer == geteuid().as_raw() {
            return Ok(());
        }
        Err(Refusal::User { uid: peer }.into())
    }
}
