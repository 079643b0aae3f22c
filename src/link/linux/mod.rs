//! Links between processes on Linux.

mod handshake;
mod liveness;
mod message;
mod process;

pub(super) use liveness::Liveness;
pub(super) use process::{inherited, spawn};
