//! [`Shared`]: memory that both processes may write, as rivals use it.
//!
//! ```text
//!     0  word of the requests      128  request
//!    64  word of the replies      4096  reply
//!  1024, 2048  what a rival keeps of its own, for the requests and the replies
//! ```
//!
//! The second process inherits the memory file as its standard input.

use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicU32;

use rustix::fs::MemfdFlags;
use vm_memory::{Bytes, FileOffset, MmapRegion, VolatileMemory};

use crate::error::Error;
use crate::exchange::LONGEST_REPLY;

const REQUEST_WORD: usize = 0;
const REPLY_WORD: usize = 64;
const REQUEST: usize = 128;
const REQUEST_EVENT: usize = 1024;
const REPLY_EVENT: usize = 2048;
const REPLY: usize = 4096;
const LEN: usize = REPLY + LONGEST_REPLY;

/// The mapping.
#[derive(Debug)]
pub(crate) struct Shared {
    map: MmapRegion,
}

impl Shared {
    /// Makes the memory and lets the second process inherit it.
    pub(crate) fn prepare(command: &mut Command) -> Result<Self, Error> {
        let file = File::from(rustix::fs::memfd_create("rivals", MemfdFlags::CLOEXEC)?);
        file.set_len(LEN as u64)?;
        command.stdin(Stdio::from(file.try_clone()?));
        Self::map(file)
    }

    /// Maps what the first process has made.
    pub(crate) fn inherited() -> Result<Self, Error> {
        Self::map(File::from(rustix::io::dup(rustix::stdio::stdin())?))
    }

    fn map(file: File) -> Result<Self, Error> {
        let map = MmapRegion::from_file(FileOffset::new(file, 0), LEN).map_err(Error::rival)?;
        Ok(Self { map })
    }

    pub(crate) fn request_word(&self) -> &AtomicU32 {
        self.word(REQUEST_WORD)
    }

    pub(crate) fn reply_word(&self) -> &AtomicU32 {
        self.word(REPLY_WORD)
    }

    /// The address of 1 KiB that nothing else uses, mapped as long as this lives.
    pub(crate) fn request_event(&self) -> *mut u8 {
        self.map.as_ptr().wrapping_add(REQUEST_EVENT)
    }

    /// As [`Self::request_event`], another one.
    pub(crate) fn reply_event(&self) -> *mut u8 {
        self.map.as_ptr().wrapping_add(REPLY_EVENT)
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        self.map.get_atomic_ref(offset).expect("it lies in the map and is aligned")
    }

    pub(crate) fn write_request(&self, request: &[u8]) -> Result<(), Error> {
        self.map.as_volatile_slice().write_slice(request, REQUEST).map_err(Error::rival)
    }

    pub(crate) fn read_request(&self, request: &mut [u8]) -> Result<(), Error> {
        self.map.as_volatile_slice().read_slice(request, REQUEST).map_err(Error::rival)
    }

    pub(crate) fn write_reply(&self, reply: &[u8]) -> Result<(), Error> {
        self.map.as_volatile_slice().write_slice(reply, REPLY).map_err(Error::rival)
    }

    pub(crate) fn read_reply(&self, reply: &mut [u8]) -> Result<(), Error> {
        self.map.as_volatile_slice().read_slice(reply, REPLY).map_err(Error::rival)
    }
}
