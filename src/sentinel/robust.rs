//! [`RobustList`]: the kernel's list of words to mark when a thread ends, for one thread.
//!
//! ```text
//!   head ──▶ nodes[n] ──▶ … ──▶ nodes[0] ──▶ head
//!   pending: the node that is being put in or taken out
//! ```
//!
//! When the thread ends, and a process does not end without all its threads, the kernel walks the
//! list, at most 2,048 nodes, and the pending one. It sets `FUTEX_OWNER_DIED` in each word that
//! holds the thread's number, and wakes one waiter where `FUTEX_WAITERS` is set. So that bit must
//! be set from the start: waiters do not set it.
//!
//! A kill can come between any two stores. The stores below are `Release`, so that the compiler
//! keeps their order: a node is pending from before it is touched until the list is whole again.
#![allow(unsafe_code, reason = "registers the list with the kernel")]

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::segment::{DeathNode, NODE_TO_WORD};
use crate::sync::{Relaxed, Release};

/// Waiters are there: the kernel wakes nobody without it.
const WAITERS: u32 = 0x8000_0000;

/// The head of a list, as the kernel has it.
#[derive(Debug)]
#[repr(C)]
struct Head {
    next: AtomicUsize,
    /// From each node to its word.
    distance: isize,
    pending: AtomicUsize,
}

/// The list of the thread that made it; stays on that thread.
#[derive(Debug)]
pub(super) struct RobustList {
    /// For ever: the kernel reads it when the thread has ended already.
    head: &'static Head,
    /// From the end of the list to its front.
    nodes: Vec<Arc<DeathNode>>,
    /// What the words hold; 0 where the kernel refused the list, so that no word promises a mark.
    owner: u32,
}

impl RobustList {
    /// Registers an empty list for the calling thread, in place of the one it had.
    pub(super) fn install() -> Self {
        let distance = NODE_TO_WORD as isize;
        let (next, pending) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let head: &'static Head = Box::leak(Box::new(Head { next, distance, pending }));
        head.next.store(address(head), Release);
        // SAFETY: `head` has the layout of `struct robust_list_head`, is an empty list, and lives
        // for ever. The list it replaces is that of the C library, for robust mutexes; this thread
        // locks none.
        let done = unsafe {
            libc::syscall(libc::SYS_set_robust_list, std::ptr::from_ref(head), size_of::<Head>())
        };
        let thread = rustix::thread::gettid().as_raw_nonzero().get() as u32;
        let owner = if done == 0 { thread | WAITERS } else { 0 };
        Self { head, nodes: Vec::new(), owner }
    }

    /// Puts a node in and sets its word.
    pub(super) fn insert(&mut self, node: Arc<DeathNode>) {
        node.next().store(self.head.next.load(Relaxed), Release);
        self.head.pending.store(node.address(), Release);
        node.word().store(self.owner, Release);
        self.head.next.store(node.address(), Release);
        self.head.pending.store(0, Release);
        self.nodes.push(node);
    }

    /// Takes a node out and clears its word.
    pub(super) fn remove(&mut self, node: &Arc<DeathNode>) {
        let Some(at) = self.nodes.iter().position(|known| Arc::ptr_eq(known, node)) else { return };
        let before = self.nodes.get(at + 1).map_or(&self.head.next, |before| before.next());
        self.head.pending.store(node.address(), Release);
        before.store(node.next().load(Relaxed), Release);
        node.word().store(0, Release);
        self.head.pending.store(0, Release);
        self.nodes.remove(at);
    }
}

/// The end of a list is its head.
fn address(head: &'static Head) -> usize {
    std::ptr::from_ref(head) as usize
}
