//! Signals that interrupt waits.
#![allow(unsafe_code, reason = "the standard library has no way to handle a signal")]

use std::os::unix::thread::RawPthread;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

static HANDLED: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    fn siginterrupt(number: i32, interrupts: i32) -> i32;
    fn pthread_self() -> RawPthread;
    fn pthread_kill(thread: RawPthread, number: i32) -> i32;
}

extern "C" fn count(_: i32) {
    HANDLED.fetch_add(1, Relaxed);
}

/// Handles SIGALRM from now on; system calls that it interrupts are not started again.
pub(crate) fn handle() {
    let number = Signal::ALARM.as_raw();
    // SAFETY: the handler does nothing but add to an atomic, which may happen at any point.
    unsafe { signal(number, count) };
    // SAFETY: changes one flag of the handler that was just set.
    unsafe { siginterrupt(number, 1) };
}

/// How many signals this process has handled.
pub(crate) fn handled() -> u32 {
    HANDLED.load(Relaxed)
}

/// Sends a signal every other millisecond until it is dropped.
#[derive(Debug)]
pub(crate) struct Storm {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Storm {
    /// At the calling thread, and at the process `other`, which must [`handle`] signals.
    pub(crate) fn new(other: Option<u32>) -> Self {
        handle();
        let over = Arc::new(AtomicBool::new(false));
        let until = over.clone();
        // SAFETY: asks for nothing but the number of this thread.
        let target = unsafe { pthread_self() };
        let other = other.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let thread = std::thread::spawn(move || {
            while !until.load(Relaxed) {
                // SAFETY: the target waits for this thread before it ends, see `drop`.
                unsafe { pthread_kill(target, Signal::ALARM.as_raw()) };
                if let Some(pid) = other {
                    // It may have ended meanwhile; it is waited for later, so the number is its.
                    let _ = kill_process(pid, Signal::ALARM);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
