//! `Unix stream`: a socket pair, blocking.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use trapline::Lane;

use crate::error::Error;
use crate::exchange::{Answers, Asks, LONGEST_REPLY, LONGEST_REQUEST, number, read};
use crate::watch::Watch;

#[derive(Debug)]
pub(super) struct Asking {
    stream: UnixStream,
    reply: Vec<u8>,
}

impl Asks for Asking {
    type Prepared = UnixStream;

    fn prepare(command: &mut Command) -> Result<UnixStream, Error> {
        let (ours, theirs) = UnixStream::pair()?;
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        Ok(ours)
    }

    fn connect(stream: UnixStream, _: &mut Child, _: &Watch) -> Result<Self, Error> {
        Ok(Self { stream, reply: vec![0; LONGEST_REPLY] })
    }

    #[inline]
    fn ask(&mut self, _: &mut Lane<'_>, request: &[u8]) -> Result<(), Error> {
        Ok(self.stream.write_all(request)?)
    }

    #[inline]
    fn hear(&mut self, _: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        let reply = &mut self.reply[..len];
        self.stream.read_exact(reply)?;
        read(reply, len)
    }
}

#[derive(Debug)]
pub(super) struct Answering {
    stream: UnixStream,
    request: [u8; LONGEST_REQUEST],
}

impl Answers for Answering {
    fn connect() -> Result<Self, Error> {
        let stream = UnixStream::from(rustix::io::dup(rustix::stdio::stdin())?);
        Ok(Self { stream, request: [0; LONGEST_REQUEST] })
    }

    #[inline]
    fn take(&mut self, _: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        let request = &mut self.request[..len];
        self.stream.read_exact(request)?;
        number(request, len)
    }

    #[inline]
    fn give(&mut self, _: &mut Lane<'_>, reply: &[u8]) -> Result<(), Error> {
        Ok(self.stream.write_all(reply)?)
    }
}
