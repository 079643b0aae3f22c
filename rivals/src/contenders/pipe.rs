//! `pipe`: one each way, blocking, of the size that the system gives.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use trapline::Lane;

use crate::error::Error;
use crate::exchange::{Answers, Asks, LONGEST_REPLY, LONGEST_REQUEST, number, read};
use crate::watch::Watch;

#[derive(Debug)]
pub(super) struct Asking {
    requests: ChildStdin,
    replies: ChildStdout,
    reply: Vec<u8>,
}

impl Asks for Asking {
    type Prepared = ();

    fn prepare(command: &mut Command) -> Result<(), Error> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(())
    }

    fn connect((): (), child: &mut Child, _: &Watch) -> Result<Self, Error> {
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (requests, replies) =
            pipes.ok_or(io::ErrorKind::NotConnected).map_err(io::Error::from)?;
        Ok(Self { requests, replies, reply: vec![0; LONGEST_REPLY] })
    }

    #[inline]
    fn ask(&mut self, _: &mut Lane<'_>, request: &[u8]) -> Result<(), Error> {
        Ok(self.requests.write_all(request)?)
    }

    #[inline]
    fn hear(&mut self, _: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        let reply = &mut self.reply[..len];
        self.replies.read_exact(reply)?;
        read(reply, len)
    }
}

#[derive(Debug)]
pub(super) struct Answering {
    /// Not std's standard streams: those copy into buffers of their own.
    requests: File,
    replies: File,
    request: [u8; LONGEST_REQUEST],
}

impl Answers for Answering {
    fn connect() -> Result<Self, Error> {
        let requests = File::from(rustix::io::dup(rustix::stdio::stdin())?);
        let replies = File::from(rustix::io::dup(rustix::stdio::stdout())?);
        Ok(Self { requests, replies, request: [0; LONGEST_REQUEST] })
    }

    #[inline]
    fn take(&mut self, _: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        let request = &mut self.request[..len];
        self.requests.read_exact(request)?;
        number(request, len)
    }

    #[inline]
    fn give(&mut self, _: &mut Lane<'_>, reply: &[u8]) -> Result<(), Error> {
        Ok(self.replies.write_all(reply)?)
    }
}
