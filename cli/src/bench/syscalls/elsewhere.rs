//! No other kernel counts system calls for whoever asks.

use std::io;

#[derive(Debug)]
pub(crate) struct Syscalls;

impl Syscalls {
    pub(crate) fn of(_: &[u32]) -> Option<Self> {
        None
    }

    pub(crate) fn start(&mut self) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn stop(&mut self) -> io::Result<u64> {
        Ok(0)
    }
}
