//! [`ReentrantLock`]: a lock that the thread which holds it may take again.
//!
//! A handler that runs inside a call uses the very lane of that call, so a lane's guard must let
//! its own thread in. It hands out `&T` only; what is inside keeps its own borrow rules.
#![allow(unsafe_code, reason = "shares its content between threads, one at a time")]

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicUsize};

use super::{Deadline, Scope, Woken, wait, wake};
use crate::sync::{Acquire, Relaxed, Release};

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and somebody sleeps until it is not.
const AWAITED: u32 = 2;

/// A lock for one thread at a time, which may take it several times.
pub struct ReentrantLock<T> {
    state: AtomicU32,
    /// Token of the thread that holds it, 0 for none. Only compared with the reader's own token,
    /// which no other thread ever stores, so `Relaxed` is enough.
    owner: AtomicUsize,
    /// How often the owner holds it; touched by the owner only.
    depth: Cell<u32>,
    content: T,
}

// SAFETY: `content` and `depth` are reached only through a guard, and guards of two threads never
// exist at the same time, so `T` is handed from thread to thread but never shared.
unsafe impl<T: Send> Sync for ReentrantLock<T> {}

/// A number that no other living thread has, never 0.
fn token() -> usize {
    thread_local!(static TOKEN: u8 = const { 0 });
    TOKEN.with(|at| std::ptr::from_ref(at) as usize)
}

impl<T> ReentrantLock<T> {
    /// A free lock.
    pub fn new(content: T) -> Self {
        Self {
            state: AtomicU32::new(FREE),
            owner: AtomicUsize::new(0),
            depth: Cell::new(0),
            content,
        }
    }

    /// Takes the lock if it is free or held by this thread.
    #[inline]
    pub fn try_lock(&self) -> Option<ReentrantGuard<'_, T>> {
        let me = token();
        if self.owner.load(Relaxed) != me {
            self.state.compare_exchange(FREE, HELD, Acquire, Relaxed).ok()?;
            self.owner.store(me, Relaxed);
        }
        Some(self.guard())
    }

    /// Takes the lock, waiting until `deadline`; `None` where that passed.
    #[inline]
    pub fn lock(&self, deadline: &mut Deadline) -> Option<ReentrantGuard<'_, T>> {
        self.try_lock().or_else(|| self.lock_slow(deadline))
    }

    #[cold]
    fn lock_slow(&self, deadline: &mut Deadline) -> Option<ReentrantGuard<'_, T>> {
        while self.state.swap(AWAITED, Acquire) != FREE {
            let until = deadline.moment();
            match wait(&self.state, AWAITED, until, Scope::Process) {
                Ok(Woken::Look) => {}
                // The lock may have become free at the last moment; one more look costs nothing.
                Ok(Woken::TimedOut) | Err(_) if self.state.swap(AWAITED, Acquire) != FREE => {
                    return None;
                }
                Ok(Woken::TimedOut) | Err(_) => break,
            }
        }
        self.owner.store(token(), Relaxed);
        Some(self.guard())
    }

    /// Whether this thread holds it.
    pub fn is_mine(&self) -> bool {
        self.owner.load(Relaxed) == token()
    }

    fn guard(&self) -> ReentrantGuard<'_, T> {
        self.depth.set(self.depth.get() + 1);
        ReentrantGuard { lock: self, not_send: PhantomData }
    }

    fn unlock(&self) {
        let depth = self.depth.get() - 1;
        self.depth.set(depth);
        if depth == 0 {
            self.owner.store(0, Relaxed);
            if self.state.swap(FREE, Release) == AWAITED {
                wake(&self.state, Scope::Process);
            }
        }
    }
}

impl<T> fmt::Debug for ReentrantLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReentrantLock").field("state", &self.state).finish_non_exhaustive()
    }
}

/// Holds a [`ReentrantLock`] until it is dropped, on the thread that took it.
pub struct ReentrantGuard<'a, T> {
    lock: &'a ReentrantLock<T>,
    not_send: PhantomData<*const ()>,
}

impl<T> ReentrantGuard<'_, T> {
    /// How often this thread holds the lock: 1 for the outermost guard.
    pub fn depth(&self) -> u32 {
        self.lock.depth.get()
    }
}

impl<T> Deref for ReentrantGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.lock.content
    }
}

impl<T> Drop for ReentrantGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.unlock();
    }
}

impl<T> fmt::Debug for ReentrantGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReentrantGuard").field("depth", &self.depth()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::time::Duration;

    #[test]
    fn its_own_thread_comes_in_again_and_another_does_not() {
        let lock = ReentrantLock::new(RefCell::new(0));
        let outer = lock.try_lock().expect("free");
        let inner = lock.try_lock().expect("mine");
        assert_eq!(inner.depth(), 2);
        drop(inner);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                assert!(lock.try_lock().is_none());
                let mut soon = Deadline::In(Duration::from_millis(2));
                assert!(lock.lock(&mut soon).is_none());
            });
        });
        drop(outer);
        assert!(!lock.is_mine());
    }

    #[test]
    fn threads_take_turns() {
        let lock = ReentrantLock::new(RefCell::new(0));
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for _ in 0..10_000 {
                        let guard = lock.lock(&mut Deadline::Never).expect("waits for ever");
                        let before = *guard.borrow();
                        *guard.borrow_mut() = before + 1;
                    }
                });
            }
        });
        assert_eq!(*lock.try_lock().expect("free").borrow(), 40_000);
    }
}
