//! Platforms without processes to link to.

use std::process::{Child, Command};

use super::{Link, LinkConfig};
use crate::error::{LinkError, Misuse};
use crate::futex::Scope;

/// The peer is a thread of this process.
#[derive(Debug)]
pub(super) struct Liveness;

impl Liveness {
    pub(super) fn thread() -> Self {
        Self
    }

    pub(super) fn scope(&self) -> Scope {
        Scope::Process
    }

    pub(super) fn is_ours(&self) -> bool {
        true
    }
}

pub(super) fn spawn(_: Command, _: &LinkConfig) -> Result<(Link, Child), LinkError> {
    Err(Misuse::Unsupported { what: "a link to another process" }.into())
}

pub(super) fn inherited(_: &LinkConfig) -> Result<Link, LinkError> {
    Err(Misuse::Unsupported { what: "a link to another process" }.into())
}
