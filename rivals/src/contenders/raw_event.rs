//! `raw_sync event`: an event each way in shared memory, made of a process-shared mutex and
//! condition.
//!
//! The crate belongs here only, and never under the library: its waits return early, and `set`
//! hangs for good once the other process was killed while it held the mutex. Here the words of the
//! exchange say whether it is really our turn, each wait has an end, and a thread that hangs in
//! `set` is left behind by the time limit of the visit.
#![allow(unsafe_code, reason = "raw_sync has no safe way to place an event in memory")]

use std::process::{Child, Command};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use raw_sync::Timeout;
use raw_sync::events::{Event, EventImpl, EventInit, EventState};
use trapline::Lane;

use crate::error::Error;
use crate::exchange::{Answers, Asks, LONGEST_REPLY, LONGEST_REQUEST, number, read};
use crate::shared::Shared;
use crate::watch::Watch;

/// The longest single wait: whole seconds, because the crate adds a fraction to the clock's
/// nanoseconds without a carry, and a wait whose end is no valid time returns at once.
const LOOK: Duration = Duration::from_secs(1);

// Fields are dropped in their order: the events before their memory.
pub(super) struct Asking {
    requests: Box<dyn EventImpl>,
    replies: Box<dyn EventImpl>,
    shared: Shared,
    asked: u32,
    reply: Vec<u8>,
    watch: Watch,
}

impl Asks for Asking {
    type Prepared = (Box<dyn EventImpl>, Box<dyn EventImpl>, Shared);

    fn prepare(command: &mut Command) -> Result<Self::Prepared, Error> {
        let shared = Shared::prepare(command)?;
        // SAFETY: the memory is mapped, writable and aligned, has 1 KiB where the event takes some
        // 100 bytes, and outlives the event; nobody else looks at it yet.
        let requests = unsafe { Event::new(shared.request_event(), true) }.map_err(Error::rival)?;
        // SAFETY: as above.
        let replies = unsafe { Event::new(shared.reply_event(), true) }.map_err(Error::rival)?;
        Ok((requests.0, replies.0, shared))
    }

    fn connect(prepared: Self::Prepared, _: &mut Child, watch: &Watch) -> Result<Self, Error> {
        let (requests, replies, shared) = prepared;
        let reply = vec![0; LONGEST_REPLY];
        Ok(Self { requests, replies, shared, asked: 0, reply, watch: watch.clone() })
    }

    #[inline]
    fn ask(&mut self, _: &mut Lane<'_>, request: &[u8]) -> Result<(), Error> {
        self.shared.write_request(request)?;
        self.asked = self.asked.wrapping_add(1);
        pass(self.shared.request_word(), &*self.requests, self.asked)
    }

    #[inline]
    fn hear(&mut self, _: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        wait(self.shared.reply_word(), &*self.replies, self.asked, &self.watch)?;
        let reply = &mut self.reply[..len];
        self.shared.read_reply(reply)?;
        read(reply, len)
    }
}

// As above.
pub(super) struct Answering {
    requests: Box<dyn EventImpl>,
    replies: Box<dyn EventImpl>,
    shared: Shared,
    taken: u32,
    request: [u8; LONGEST_REQUEST],
    /// Never over: this process ends with the first one.
    watch: Watch,
}

impl Answers for Answering {
    fn connect() -> Result<Self, Error> {
        let (shared, watch) = (Shared::inherited()?, Watch::default());
        // SAFETY: the first process has made an event there before it started this one; the memory
        // is mapped and outlives the event.
        let requests = unsafe { Event::from_existing(shared.request_event()) };
        // SAFETY: as above.
        let replies = unsafe { Event::from_existing(shared.reply_event()) };
        let (requests, replies) =
            (requests.map_err(Error::rival)?.0, replies.map_err(Error::rival)?.0);
        Ok(Self { requests, replies, shared, taken: 0, request: [0; LONGEST_REQUEST], watch })
    }

    #[inline]
    fn take(&mut self, _: &mut Lane<'_>, len: usize) -> Result<u64, Error> {
        self.taken = self.taken.wrapping_add(1);
        wait(self.shared.request_word(), &*self.requests, self.taken, &self.watch)?;
        let request = &mut self.request[..len];
        self.shared.read_request(request)?;
        number(request, len)
    }

    #[inline]
    fn give(&mut self, _: &mut Lane<'_>, reply: &[u8]) -> Result<(), Error> {
        self.shared.write_reply(reply)?;
        pass(self.shared.reply_word(), &*self.replies, self.taken)
    }
}

#[inline]
fn pass(word: &AtomicU32, event: &dyn EventImpl, turn: u32) -> Result<(), Error> {
    word.store(turn, Release);
    event.set(EventState::Signaled).map_err(Error::rival)
}

#[inline]
fn wait(word: &AtomicU32, event: &dyn EventImpl, turn: u32, watch: &Watch) -> Result<(), Error> {
    loop {
        // An error is the end of the wait, or one of its early returns: the word tells.
        let waited = event.wait(Timeout::Val(LOOK));
        if word.load(Acquire) == turn {
            return Ok(());
        }
        if waited.is_err() && watch.is_over() {
            return Err(Error::Hung);
        }
    }
}
