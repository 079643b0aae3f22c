//! The other ends of the tests about death: each role of the second process.
#![allow(unsafe_code, reason = "forks, handles a signal, refuses a system call, counts in a file")]

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use memmap2::{MmapOptions, MmapRaw};
use trapline::{Lane, Link, LinkConfig, LinkError, PeerError, WaitPolicy, Waker};

/// Bytes of the longest frame of a flood.
const LONGEST: u64 = 3000;

/// Acts as the second process.
pub(crate) fn run(role: &[&str]) {
    match *role {
        ["go", way] => go(way),
        ["live", how] => live(how),
        ["fork"] => fork_and_wait(),
        ["flood", path] => flood(&inherited(), path),
        ["touch", mib] => touch(mib.parse().expect("a number")),
        ["leave"] => drop(inherited()),
        _ => panic!("no role {role:?}"),
    }
}

/// The parent's link; this end parks at once, and its rings are small.
pub(crate) fn inherited() -> Link {
    let config = LinkConfig {
        wait: WaitPolicy::Park,
        ring_bytes: 1 << 16,
        events_bytes: 1 << 12,
        ..LinkConfig::default()
    };
    Link::inherited_with(&config).expect("a parent")
}

fn lane(link: &Link) -> Lane<'_> {
    link.lane(0).expect("a lane")
}

/// Sends three frames and goes.
fn go(way: &str) {
    let link = inherited();
    for _ in 0..3 {
        lane(&link).send(b"last words").expect("a parent");
    }
    match way {
        // SAFETY: ends the process without anything else.
        "exit" => unsafe { libc::_exit(3) },
        "abort" => {
            // SAFETY: changes a limit of this process: no core of it is wanted.
            unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
            std::process::abort()
        }
        "kill" => {
            // SAFETY: a signal to this process.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }
        "exec" => {
            let error = std::os::unix::process::CommandExt::exec(
                std::process::Command::new("sleep").arg("30"),
            );
            panic!("{error}");
        }
        _ => loop {
            thread::sleep(Duration::from_secs(1));
        },
    }
}

/// Echoes, after having done something that is no death.
fn live(how: &str) {
    let link = inherited();
    match how {
        "thread" => {
            // A thread that has used the link ends.
            let other = link.clone();
            let served = thread::spawn(move || echo(&other, 2)).join();
            served.expect("no panic");
        }
        "fork" => {
            // SAFETY: the child only drops the link, which tells nobody, and leaves.
            let child = unsafe { libc::fork() };
            if child == 0 {
                drop(link);
                // SAFETY: ends the process without anything else.
                unsafe { libc::_exit(0) };
            }
        }
        _ => {}
    }
    echo(&link, u64::MAX);
}

fn echo(link: &Link, times: u64) {
    let mut message = Vec::new();
    for _ in 0..times {
        // The parent may end at any time.
        let mut lane = lane(link);
        if lane.receive(&mut message).and_then(|()| lane.send(&message)).is_err() {
            return;
        }
    }
}

/// Has a child that holds all descriptors, says its number, and waits.
fn fork_and_wait() {
    let link = inherited();
    // SAFETY: the child only sleeps.
    let child = unsafe { libc::fork() };
    if child == 0 {
        loop {
            // SAFETY: nothing but a sleep.
            unsafe { libc::sleep(30) };
        }
    }
    lane(&link).send(&child.to_le_bytes()).expect("a parent");
    thread::sleep(Duration::from_secs(30));
}

fn touch(mib: usize) {
    let memory = vec![1u8; mib << 20];
    let link = inherited();
    lane(&link).send(b"ready").expect("a parent");
    thread::sleep(Duration::from_secs(60));
    drop(memory);
}

/// A number in a file that two processes map.
#[derive(Debug)]
pub(crate) struct Count {
    map: MmapRaw,
    pub(crate) path: PathBuf,
}

impl Count {
    pub(crate) fn create() -> Self {
        let path = std::env::temp_dir().join(format!("trapline-death-{}", std::process::id()));
        std::fs::write(&path, [0; 8]).expect("a file");
        Self::open(path)
    }

    pub(crate) fn open(path: PathBuf) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(&path).expect("a file");
        let map = MmapOptions::new().map_raw(&file).expect("memory");
        Self { map, path }
    }

    pub(crate) fn value(&self) -> &AtomicU64 {
        // SAFETY: the file is 8 bytes long and stays so, and a mapping is aligned to a page.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().cast()) }
    }
}

/// Sends numbered frames until it is killed, and counts each once it is committed.
pub(crate) fn flood(link: &Link, path: &str) {
    let count = Count::open(path.into());
    let mut lane = lane(link);
    for number in 0.. {
        let len = 8 + (number * 7919) % LONGEST;
        let mut frame = vec![number as u8; len as usize];
        frame[..8].copy_from_slice(&u64::to_le_bytes(number));
        if lane.send(&frame).is_err() {
            return;
        }
        count.value().store(number + 1, Ordering::Release);
    }
}

/// Checks that a frame of a flood is the one of that number, and whole; returns the next number.
pub(crate) fn check_frame(frame: &[u8], number: u64) -> u64 {
    assert_eq!(frame[..8], number.to_le_bytes(), "a gap");
    assert_eq!(frame.len() as u64, 8 + (number * 7919) % LONGEST, "partial");
    assert!(frame[8..].iter().all(|byte| *byte == number as u8), "partial");
    number + 1
}

/// All that a flood left behind, until its process is seen to be dead.
pub(crate) fn drain(lane: &mut Lane<'_>, mut next: u64) -> (u64, LinkError) {
    let mut message = Vec::new();
    loop {
        match lane.receive_timeout(&mut message, Duration::from_secs(10)) {
            Ok(()) => next = check_frame(&message, next),
            Err(error) => return (next, error),
        }
    }
}

/// Whether the peer was seen to die.
pub(crate) fn is_death(error: &LinkError) -> bool {
    matches!(error, LinkError::Peer(PeerError::PeerDied { .. }))
}

/// Wakes from where little is allowed.
pub(crate) fn wake_in_a_signal_handler(waker: &Waker) {
    static WAKER: OnceLock<Waker> = OnceLock::new();
    extern "C" fn handler(_: i32) {
        WAKER.get().expect("set before the signal").wake();
    }
    WAKER.get_or_init(|| waker.clone());
    let handler: extern "C" fn(i32) = handler;
    // SAFETY: the handler adds to atomics and makes a system call, which may happen anywhere.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    // SAFETY: a signal to this thread, handled by the line above.
    unsafe { libc::raise(libc::SIGUSR1) };
}

/// Makes the kernel answer ENOSYS to `futex_waitv` in this process from now on.
pub(crate) fn refuse_futex_waitv() {
    const fn statement(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
        libc::sock_filter { code: code as u16, jt, jf, k }
    }
    const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let mut filter = [
        // The number of the call is the first word of what the filter sees.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_futex_waitv as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, REFUSE),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    let at = std::ptr::from_ref(&program);
    // SAFETY: `program` and its filter live through the call, which copies them.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, at) }, 0);
}
