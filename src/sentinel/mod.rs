//! The sentinel: a thread that says to other processes that this one has ended, and to this one
//! that another has.
//!
//! The kernel marks a word of ours when the thread that holds it ends, whichever way the process
//! goes: exit, abort, a signal, the start of another program. A thread of the user's may end
//! before its process does, so the words are held by a thread of our own, which never ends. It
//! sleeps in epoll over what tells that a peer is gone, and on commands.
//!
//! ```text
//!   Watch ── add, remove ──▶ commands ──(eventfd)──▶ ┌──────────┐ ── robust list ─▶ own death words
//!   Watch ── process, socket ───────(epoll)────────▶ │ sentinel │
//!                                                    └────┬─────┘
//!                 peer is dead: OwnWake::note_death ◀─────┘
//! ```
//!
//! Only the sentinel edits its list. It reads no socket. One has 2,048 words at most, as many as
//! the kernel marks; then a second one is started. A child that was forked off has no sentinel of
//! its parent's, and leaves what it inherited alone.

mod robust;
mod thread;

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::epoll::EventFlags;

use crate::error::SystemError;
use crate::futex::OwnWake;
use crate::segment::DeathNode;
use thread::{Edit, Sentinel};

/// Words that the kernel marks for one thread.
const MOST_NODES: usize = 2048;

/// The sentinels of this process, each with the number of its nodes.
static SENTINELS: Mutex<Vec<(Arc<Sentinel>, usize)>> = Mutex::new(Vec::new());

/// A death word in a sentinel's list, and what the sentinel watches for it, until it is dropped.
#[derive(Debug)]
pub struct Watch {
    sentinel: Arc<Sentinel>,
    node: Arc<DeathNode>,
    key: Option<u64>,
}

impl Watch {
    /// Has the kernel mark the word of `node` when this process ends. The peer must not know the
    /// segment before.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn new(node: DeathNode) -> Result<Self, SystemError> {
        let node = Arc::new(node);
        let sentinel = enlist()?;
        let watch = Self { sentinel, node, key: None };
        watch.sentinel.edit(Edit::Insert(watch.node.clone()))?;
        Ok(watch)
    }

    /// Notes the death of the peer at `own` as soon as `process`, a pidfd, can be read or `socket`
    /// hangs up.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn peer(
        &mut self,
        socket: OwnedFd,
        process: Option<OwnedFd>,
        own: Arc<OwnWake>,
    ) -> Result<(), SystemError> {
        let process = process.map(|process| (process, EventFlags::IN));
        let files = [Some((socket, EventFlags::RDHUP)), process].into_iter().flatten().collect();
        self.key = Some(self.sentinel.watch(files, own)?);
        Ok(())
    }

    /// Whether this is the process that made it, not a child that was forked off.
    pub fn is_ours(&self) -> bool {
        self.sentinel.is_ours()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.is_ours() {
            return;
        }
        if let Some(key) = self.key {
            self.sentinel.unwatch(key);
        }
        // The sentinel never ends, so it answers.
        let _ = self.sentinel.edit(Edit::Remove(self.node.clone()));
        let mut sentinels = SENTINELS.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = sentinels.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &self.sentinel));
        if let Some((_, nodes)) = mine {
            *nodes = nodes.saturating_sub(1);
        }
    }
}

/// A sentinel of this process with room for one more node, which is counted.
fn enlist() -> Result<Arc<Sentinel>, SystemError> {
    let mut sentinels = SENTINELS.lock().unwrap_or_else(PoisonError::into_inner);
    // Those of the process that this one was forked from have no thread here.
    sentinels.retain(|(sentinel, _)| sentinel.is_ours());
    if let Some((sentinel, nodes)) = sentinels.iter_mut().find(|(_, nodes)| *nodes < MOST_NODES) {
        *nodes += 1;
        return Ok(sentinel.clone());
    }
    let sentinel = Sentinel::start()?;
    sentinels.push((sentinel.clone(), 1));
    Ok(sentinel)
}
