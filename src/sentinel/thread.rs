//! [`Sentinel`]: the thread itself, and what it shares with those who command it.
#![allow(unsafe_code, reason = "blocks signals while the thread is started")]

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::robust::RobustList;
use crate::error::SystemError;
use crate::futex::OwnWake;
use crate::segment::DeathNode;

/// Its own frames are small; epoll and a few locks need little.
const STACK: usize = 64 << 10;
/// The key of the eventfd; those of peers count from 1.
const COMMANDS: u64 = 0;

/// A change of the list, which the thread alone makes.
#[derive(Debug)]
pub(super) enum Edit {
    Insert(Arc<DeathNode>),
    Remove(Arc<DeathNode>),
}

/// What tells that one peer is gone, and whom to tell.
#[derive(Debug)]
struct Peer {
    files: Vec<OwnedFd>,
    own: Arc<OwnWake>,
}

/// The peers by key. No key is used twice, so an event that comes late meets nobody.
#[derive(Debug, Default)]
struct Peers {
    last: u64,
    by_key: HashMap<u64, Peer>,
}

/// A sentinel, as those who command it see it.
#[derive(Debug)]
pub(super) struct Sentinel {
    process: u32,
    epoll: OwnedFd,
    bell: OwnedFd,
    edits: Mutex<Vec<(Edit, SyncSender<()>)>>,
    peers: Mutex<Peers>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sentinel {
    /// Starts the thread.
    pub(super) fn start() -> Result<Arc<Self>, SystemError> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(failed("epoll_create"))?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let bell = bell.map_err(failed("eventfd"))?;
        epoll::add(&epoll, &bell, EventData::new_u64(COMMANDS), EventFlags::IN)
            .map_err(failed("epoll_ctl"))?;
        let (edits, peers) = (Mutex::default(), Mutex::default());
        let sentinel = Arc::new(Self { process: std::process::id(), epoll, bell, edits, peers });
        let its = sentinel.clone();
        let thread = std::thread::Builder::new().name("trapline-death".into()).stack_size(STACK);
        without_signals(|| thread.spawn(move || its.run()))
            .map_err(|error| SystemError::new("start a thread", error))?;
        Ok(sentinel)
    }

    /// Whether its thread runs in this process.
    pub(super) fn is_ours(&self) -> bool {
        self.process == std::process::id()
    }

    /// Has the list changed, and waits until it is.
    pub(super) fn edit(&self, edit: Edit) -> Result<(), SystemError> {
        let (done, ended) = sync_channel(1);
        lock(&self.edits).push((edit, done));
        rustix::io::write(&self.bell, &1u64.to_ne_bytes()).map_err(failed("eventfd"))?;
        ended.recv().map_err(|_| SystemError { operation: "sentinel", errno: 0 })
    }

    /// Watches `files` until [`Self::unwatch`]; returns the key for that.
    pub(super) fn watch(
        &self,
        files: Vec<(OwnedFd, EventFlags)>,
        own: Arc<OwnWake>,
    ) -> Result<u64, SystemError> {
        let mut peers = lock(&self.peers);
        peers.last += 1;
        let key = peers.last;
        let mut peer = Peer { files: Vec::new(), own };
        for (file, events) in files {
            let added = epoll::add(&self.epoll, &file, EventData::new_u64(key), events);
            peer.files.push(file);
            if let Err(errno) = added {
                self.forget(&peer);
                return Err(SystemError::new("epoll_ctl", errno));
            }
        }
        peers.by_key.insert(key, peer);
        Ok(key)
    }

    /// Lets the files of `key` go.
    pub(super) fn unwatch(&self, key: u64) {
        let peer = lock(&self.peers).by_key.remove(&key);
        if let Some(peer) = peer {
            self.forget(&peer);
        }
    }

    /// Takes the files out of epoll. Closing would not do it: a process that was forked off may
    /// hold them too.
    fn forget(&self, peer: &Peer) {
        for file in &peer.files {
            // They may be out already.
            let _ = epoll::delete(&self.epoll, file);
        }
    }

    /// The thread: never ends, and must not panic, since its end is what marks the words.
    fn run(&self) -> ! {
        let mut list = RobustList::install();
        let mut events = Vec::with_capacity(64);
        loop {
            events.clear();
            // The only error it can have is a signal that cannot be blocked.
            let _: Result<usize, Errno> =
                epoll::wait(&self.epoll, spare_capacity(&mut events), None);
            for event in &events {
                match event.data.u64() {
                    COMMANDS => self.obey(&mut list),
                    key => self.tell(key),
                }
            }
        }
    }

    fn obey(&self, list: &mut RobustList) {
        // What was written is of no use: it only woke us. Read first, so that none is missed.
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        for (edit, done) in std::mem::take(&mut *lock(&self.edits)) {
            match edit {
                Edit::Insert(node) => list.insert(node),
                Edit::Remove(node) => list.remove(&node),
            }
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }

    /// A peer is gone. Its files would say so for ever, so they are not asked again.
    fn tell(&self, key: u64) {
        let peers = lock(&self.peers);
        if let Some(peer) = peers.by_key.get(&key) {
            self.forget(peer);
            peer.own.note_death();
        }
    }
}

fn failed(operation: &'static str) -> impl Fn(Errno) -> SystemError {
    move |errno| SystemError::new(operation, errno)
}

/// Runs `start`, which starts a thread, so that no signal is ever delivered to that one.
fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: fills the set, whose address is valid.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: `all` was filled in the line above, and `before` is valid for writes.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    let started = start();
    // SAFETY: `before` holds what this thread's mask was.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    started
}
