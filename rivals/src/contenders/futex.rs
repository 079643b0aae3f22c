//! `futex ping-pong`: two words in shared memory and the system calls, bare: a wake and a wait
//! each way, whether anybody sleeps or not, and no spinning.

use std::process::{Child, Command};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags, Timespec};
use trapline::Lane;

use crate::error::Error;
use crate::exchange::{Answers, Asks, LONGEST_REPLY, LONGEST_REQUEST, number, read};
use crate::shared::Shared;
use crate::watch::Watch;

/// The first process looks this often whether its time is over.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

#[derive(Debug)]
pub(super) struct Asking {
    shared: Shared,
    asked: u32,
    reply: Vec<u8>,
    watch: Watch,
}

impl Asks for Asking {
    type Prepared = Shared;

    fn prepare(command: &mut Command) -> Result<Shared, Error> {
        Shared::prepare(command)
    }

    fn connect(shared: Shared, _: &mut Child, watch: &Watch) -> Result<Self, Error> {
        Ok(Self { shared, asked: 0, reply: vec![0; LONGEST_REPLY], watch: watch.clone() })
    }

    #[inline]
    fn ask(&mut self, _: &mut Lane<'_>, request: &[u8]) -> Result<(), Error> {
        self.shared.write_request(request)?;
        self.asked = self.asked.wrapping_add(1);
        pass(self.shared.request_word(), self.asked)
    }

    #[inline]
    fn hear(&mut self, _: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        wait(self.shared.reply_word(), self.asked, &self.watch)?;
        let reply = &mut self.reply[..len];
        self.shared.read_reply(reply)?;
        read(reply, len)
    }
}

#[derive(Debug)]
pub(super) struct Answering {
    shared: Shared,
    taken: u32,
    request: [u8; LONGEST_REQUEST],
    /// Never over: this process ends with the first one.
    watch: Watch,
}

impl Answers for Answering {
    fn connect() -> Result<Self, Error> {
        let (shared, watch) = (Shared::inherited()?, Watch::default());
        Ok(Self { shared, taken: 0, request: [0; LONGEST_REQUEST], watch })
    }

    #[inline]
    fn take(&mut self, _: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        // A stop has no reply, but a number of its own.
        self.taken = self.taken.wrapping_add(1);
        wait(self.shared.request_word(), self.taken, &self.watch)?;
        let request = &mut self.request[..len];
        self.shared.read_request(request)?;
        number(request, len)
    }

    #[inline]
    fn give(&mut self, _: &mut Lane<'_>, reply: &[u8]) -> Result<(), Error> {
        self.shared.write_reply(reply)?;
        pass(self.shared.reply_word(), self.taken)
    }
}

#[inline]
fn pass(word: &AtomicU32, turn: u32) -> Result<(), Error> {
    word.store(turn, Release);
    futex::wake(word, Flags::empty(), 1)?;
    Ok(())
}

#[inline]
fn wait(word: &AtomicU32, turn: u32, watch: &Watch) -> Result<(), Error> {
    loop {
        let now = word.load(Acquire);
        if now == turn {
            return Ok(());
        }
        match futex::wait(word, Flags::empty(), now, Some(&LOOK)) {
            Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::TIMEDOUT) if !watch.is_over() => {}
            Err(Errno::TIMEDOUT) => return Err(Error::Hung),
            Err(errno) => return Err(errno.into()),
        }
    }
}
