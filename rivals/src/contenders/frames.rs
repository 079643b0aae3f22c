//! `trapline frames`: messages on a lane, as any bridge would send them.

use std::process::{Child, Command};

use trapline::Lane;

use crate::error::Error;
use crate::exchange::{Answers, Asks, number, read};
use crate::watch::Watch;

#[derive(Debug)]
pub(super) struct Asking {
    reply: Vec<u8>,
}

impl Asks for Asking {
    type Prepared = ();

    fn prepare(_: &mut Command) -> Result<(), Error> {
        Ok(())
    }

    fn connect((): (), _: &mut Child, _: &Watch) -> Result<Self, Error> {
        Ok(Self { reply: Vec::new() })
    }

    #[inline]
    fn ask(&mut self, lane: &mut Lane<'_>, request: &[u8]) -> Result<(), Error> {
        Ok(lane.send(request)?)
    }

    #[inline]
    fn hear(&mut self, lane: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        lane.receive(&mut self.reply)?;
        read(&self.reply, len)
    }
}

#[derive(Debug)]
pub(super) struct Answering {
    request: Vec<u8>,
}

impl Answers for Answering {
    fn connect() -> Result<Self, Error> {
        Ok(Self { request: Vec::new() })
    }

    #[inline]
    fn take(&mut self, lane: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        lane.receive(&mut self.request)?;
        number(&self.request, len)
    }

    #[inline]
    fn give(&mut self, lane: &mut Lane<'_>, reply: &[u8]) -> Result<(), Error> {
        Ok(lane.send(reply)?)
    }
}
