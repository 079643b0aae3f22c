//! [`CallError`]: why a trap has no value.

use std::fmt;

use super::Proxy;
use crate::error::{LinkError, Misuse, PeerError, SystemError};
use crate::wire::{Failure, Thrown};

/// Why a trap has no value: the three families of [`LinkError`], what the other side threw, or
/// why the other side could not execute or answer it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CallError {
    /// This program asked for something that cannot work.
    Misuse(Misuse),
    /// The other end died, closed, lied or took too long.
    Peer(PeerError),
    /// The operating system refused an operation.
    System(SystemError),
    /// The handler threw.
    Thrown(Box<Thrown<Proxy>>),
    /// The other end could not execute or answer the trap; the link works on.
    Failed {
        /// Why.
        failure: Failure,
        /// More about it, for people.
        message: String,
    },
}

impl CallError {
    /// What was thrown, if that is the reason.
    pub fn as_thrown(&self) -> Option<&Thrown<Proxy>> {
        if let Self::Thrown(thrown) = self { Some(thrown) } else { None }
    }
}

impl From<LinkError> for CallError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Misuse(e) => Self::Misuse(e),
            LinkError::Peer(e) => Self::Peer(e),
            LinkError::System(e) => Self::System(e),
        }
    }
}

impl From<Misuse> for CallError {
    fn from(error: Misuse) -> Self {
        Self::Misuse(error)
    }
}

impl From<Thrown<Proxy>> for CallError {
    fn from(thrown: Thrown<Proxy>) -> Self {
        Self::Thrown(Box::new(thrown))
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(e) => e.fmt(f),
            Self::Peer(e) => e.fmt(f),
            Self::System(e) => e.fmt(f),
            Self::Thrown(e) => e.fmt(f),
            Self::Failed { failure, message } if message.is_empty() => failure.fmt(f),
            Self::Failed { failure, message } => write!(f, "{failure}: {message}"),
        }
    }
}

impl std::error::Error for CallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Misuse(e) => Some(e),
            Self::Peer(e) => Some(e),
            Self::System(e) => Some(e),
            Self::Thrown(e) => Some(e),
            Self::Failed { .. } => None,
        }
    }
}
