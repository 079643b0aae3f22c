//! How the death of the other end comes to be known: each way to go, and the ways that are none;
//! frames in flight; how long it takes; what a waiting thread costs; what links leave behind.
#![cfg(target_os = "linux")]

mod support;

use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::death::{self as other, Count};
use support::hand;
use support::random::Random;
use support::watch::{SOON, conclude_alone, trial, within};
use trapline::segment::sealed_with_node;
use trapline::sentinel::Watch;
use trapline::{Lane, Link, LinkConfig, LinkError, PeerError, Side, WaitPolicy, Waker, second};

const RELEASE: bool = !cfg!(debug_assertions);

fn main() {
    if let Some(role) = second::role() {
        let words: Vec<&str> = role.split(' ').collect();
        return match words[..] {
            ["refuse"] => as_refused(),
            ["middle", path] => as_middle(path),
            ["survive", path] => as_survivor(path),
            _ => other::run(&words),
        };
    }
    let mut trials = Vec::new();
    for wait in [WaitPolicy::Spin, WaitPolicy::Park, WaitPolicy::Adaptive] {
        for way in ["exit", "abort", "kill", "exec", "signal"] {
            trials.push(trial(format!("{way}, {wait:?}"), move || dies(way, wait)));
        }
        trials.push(trial(format!("a grandchild holds it, {wait:?}"), move || grandchild(wait)));
    }
    let cases: &[(&str, fn())] = &[
        ("a thread that ends is no death", || lives("thread")),
        ("a stopped process is no death", stopped),
        ("a child that was forked off is no death", || lives("fork")),
        ("several lanes wait", several_lanes),
        ("the one that was started is killed in flight", killed_in_flight),
        ("the one that started the other is killed in flight", parent_killed_in_flight),
        ("how long it takes", detection),
        ("how long it takes where futex_waitv is refused", without_waitv),
        ("close wakes own waiters", close_wakes_own_waiters),
        ("an interrupt", interrupt),
        ("an idle link costs nothing", idle),
        ("links come and go", come_and_go),
        ("more links than one sentinel holds", many_at_once),
    ];
    trials.extend(cases.iter().map(|(name, case)| trial((*name).to_owned(), *case)));
    conclude_alone(trials)
}

fn config(wait: WaitPolicy) -> LinkConfig {
    let lanes = LinkConfig::driven_by_passive(1).lanes;
    LinkConfig { wait, lanes, ring_bytes: 1 << 16, events_bytes: 1 << 12, ..LinkConfig::default() }
}

fn spawn(role: &str, wait: WaitPolicy) -> (Link, Child) {
    let command = second::command(role).expect("this program");
    Link::spawn(command, &config(wait)).expect("a child")
}

/// Waits for the end of the link, and takes what comes before it.
fn until_end(lane: &mut Lane<'_>) -> (Vec<Vec<u8>>, LinkError) {
    let (mut all, mut message) = (Vec::new(), Vec::new());
    loop {
        match lane.receive_timeout(&mut message, SOON * 10) {
            Ok(()) => all.push(message.clone()),
            Err(error) => return (all, error),
        }
    }
}

fn reap(mut child: Child) {
    let _ = child.kill();
    child.wait().expect("a child");
}

fn kill(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id() as i32).expect("a number");
    kill_process(pid, signal).expect("a child of ours");
}

/// The child sends three frames and goes in one of the ways, while this end waits.
fn dies(way: &str, wait: WaitPolicy) {
    let (link, child) = spawn(&format!("go {way}"), wait);
    let mut lane = link.lane(0).expect("a lane");
    for _ in 0..3 {
        lane.receive(&mut Vec::new()).expect("sent before it went");
    }
    let (after, error) = within(SOON, || {
        if way == "signal" {
            kill(&child, Signal::KILL);
        }
        until_end(&mut lane)
    });
    assert!(after.is_empty() && other::is_death(&error), "{way}: {after:?} {error:?}");
    assert!(other::is_death(&within(SOON, || until_end(&mut lane)).1), "and it stays so");
    reap(child);
}

/// The child's own child keeps its end of the socket, and the child is killed.
fn grandchild(wait: WaitPolicy) {
    let (link, child) = spawn("fork", wait);
    let mut lane = link.lane(0).expect("a lane");
    let mut message = Vec::new();
    lane.receive(&mut message).expect("the grandchild's number");
    let number = i32::from_le_bytes(message[..4].try_into().expect("4 bytes"));
    kill(&child, Signal::KILL);
    assert!(other::is_death(&within(SOON, || until_end(&mut lane)).1));
    let grandchild = Pid::from_raw(number).expect("a number");
    kill_process(grandchild, Signal::KILL).expect("it still runs");
    reap(child);
}

/// Whatever the child does to itself, it echoes on.
fn lives(how: &str) {
    let (link, child) = spawn(&format!("live {how}"), WaitPolicy::Adaptive);
    let mut lane = link.lane(0).expect("a lane");
    for _ in 0..20 {
        echoed(&mut lane);
        thread::sleep(Duration::from_millis(5));
    }
    reap(child);
}

fn echoed(lane: &mut Lane<'_>) {
    let mut message = Vec::new();
    lane.send(b"echo").expect("alive");
    lane.receive_timeout(&mut message, SOON * 5).expect("alive");
    assert_eq!(message, b"echo");
}

fn stopped() {
    let (link, child) = spawn("live plain", WaitPolicy::Park);
    let mut lane = link.lane(0).expect("a lane");
    echoed(&mut lane);
    kill(&child, Signal::STOP);
    let silence = lane.receive_timeout(&mut Vec::new(), Duration::from_millis(300));
    assert_eq!(silence, Err(PeerError::Timeout.into()));
    kill(&child, Signal::CONT);
    echoed(&mut lane);
    reap(child);
}

/// The kernel wakes one of them.
fn several_lanes() {
    let lanes = LinkConfig::driven_by_passive(8).lanes;
    let config = LinkConfig { lanes, ..config(WaitPolicy::Park) };
    let command = second::command("go signal").expect("this program");
    let (link, child) = Link::spawn(command, &config).expect("a child");
    for _ in 0..3 {
        link.lane(0).expect("a lane").receive(&mut Vec::new()).expect("alive");
    }
    thread::scope(|threads| {
        for lane in 0..8 {
            let link = &link;
            threads.spawn(move || {
                let mut lane = link.lane(lane).expect("a lane");
                assert!(other::is_death(&until_end(&mut lane).1));
            });
        }
        thread::sleep(Duration::from_millis(50));
        kill(&child, Signal::KILL);
    });
    reap(child);
}

/// The child sends numbered frames as fast as it can and is killed at some time: what has come is
/// whole and in order, and all that it had committed.
fn killed_in_flight() {
    let rounds = if RELEASE { 2000 } else { 200 };
    let (mut random, count) = (Random::new(7), Count::create());
    let role = format!("flood {}", count.path.display());
    let (mut slowest, mut frames) = (Duration::ZERO, 0);
    for round in 0..rounds {
        count.value().store(0, Relaxed);
        let (link, child) = spawn(&role, [WaitPolicy::Adaptive, WaitPolicy::Park][round % 2]);
        let mut lane = link.lane(0).expect("a lane");
        let (mut next, mut message) = (0, Vec::new());
        let alive = Instant::now() + Duration::from_micros(random.below(2000) as u64);
        while Instant::now() < alive {
            match lane.receive_timeout(&mut message, Duration::from_micros(200)) {
                Ok(()) => next = other::check_frame(&message, next),
                Err(error) => assert_eq!(error, PeerError::Timeout.into()),
            }
        }
        kill(&child, Signal::KILL);
        let begin = Instant::now();
        let (next, error) = other::drain(&mut lane, next);
        slowest = slowest.max(begin.elapsed());
        assert!(other::is_death(&error), "{error:?}");
        all_came(&count, next);
        frames += next;
        drop(lane);
        reap(child);
    }
    println!("{rounds} kills, {frames} frames, slowest end {slowest:?}");
    assert!(slowest < SOON, "{slowest:?}");
    std::fs::remove_file(&count.path).expect("its own file");
}

/// It counts after each commit, so a kill may come between the two.
fn all_came(count: &Count, came: u64) {
    let committed = count.value().load(Acquire);
    assert!(committed <= came && came <= committed + 1, "{committed} committed, {came} came");
}

/// This process starts one that starts another, floods it, and is killed.
fn parent_killed_in_flight() {
    let rounds = if RELEASE { 500 } else { 50 };
    let (mut random, count) = (Random::new(8), Count::create());
    for _ in 0..rounds {
        count.value().store(0, Relaxed);
        let role = format!("middle {}", count.path.display());
        let mut command = second::command(&role).expect("this program");
        let mut middle = command.stdout(Stdio::piped()).spawn().expect("a child");
        let mut out = middle.stdout.take().expect("a pipe");
        while count.value().load(Relaxed) == 0 {
            thread::yield_now();
        }
        thread::sleep(Duration::from_micros(random.below(2000) as u64));
        let text = within(SOON, || {
            middle.kill().expect("a child of ours");
            // Ends when the survivor, who holds the pipe too, has ended.
            std::io::read_to_string(&mut out).expect("text")
        });
        assert!(text.contains("all came"), "{text}");
        middle.wait().expect("a child");
    }
    std::fs::remove_file(&count.path).expect("its own file");
}

fn as_middle(path: &str) {
    let (link, _child) = spawn(&format!("survive {path}"), WaitPolicy::Park);
    other::flood(&link, path);
}

fn as_survivor(path: &str) {
    let link = other::inherited();
    let (came, error) = other::drain(&mut link.lane(0).expect("a lane"), 0);
    assert!(other::is_death(&error), "{error:?}");
    all_came(&Count::open(path.into()), came);
    println!("all came: {came}");
}

/// From the kill to the error, for a parked thread.
fn detect(role: &str, rounds: usize) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let (link, child) = spawn(role, WaitPolicy::Park);
            let mut lane = link.lane(0).expect("a lane");
            lane.receive(&mut Vec::new()).expect("it is ready");
            let waiting = thread::scope(|threads| {
                let killer = threads.spawn(|| {
                    thread::sleep(Duration::from_millis(5));
                    let begin = Instant::now();
                    kill(&child, Signal::KILL);
                    begin
                });
                assert!(other::is_death(&until_end(&mut lane).1));
                let end = Instant::now();
                end.duration_since(killer.join().expect("kills"))
            });
            reap(child);
            waiting
        })
        .collect();
    times.sort_unstable();
    times
}

fn report(what: &str, times: &[Duration]) {
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    println!("{what}: p50 {:?}, p99 {:?} of {}", at(50), at(99), times.len());
    assert!(at(99) < Duration::from_millis(100), "{times:?}");
}

fn detection() {
    report("death of a small process", &detect("touch 0", if RELEASE { 200 } else { 50 }));
    if RELEASE {
        report("death of a process of 2 GiB", &detect("touch 2048", 20));
    }
}

/// A process of its own, since what is refused once is refused for good.
fn without_waitv() {
    let out = second::command("refuse").expect("this program").output().expect("a child");
    let text = String::from_utf8_lossy(&out.stdout);
    print!("{text}");
    assert!(out.status.success(), "{out:?}");
}

fn as_refused() {
    other::refuse_futex_waitv();
    report("death without futex_waitv", &detect("touch 0", 20));
    close_wakes_own_waiters();
}

fn close_wakes_own_waiters() {
    let (link, child) = spawn("live plain", WaitPolicy::Park);
    let (pair, _other) = Link::pair(&config(WaitPolicy::Park)).expect("a pair");
    for link in [link, pair] {
        thread::scope(|threads| {
            let waiter = threads.spawn(|| {
                let ended = link.lane(0).expect("a lane").receive(&mut Vec::new());
                (ended, Instant::now())
            });
            thread::sleep(Duration::from_millis(30));
            let begin = Instant::now();
            link.close();
            let (ended, end) = waiter.join().expect("waits");
            assert_eq!(ended, Err(PeerError::Closed.into()));
            assert!(end.duration_since(begin) < Duration::from_millis(100));
        });
    }
    reap(child);
}

fn interrupt() {
    let (link, child) = spawn("live plain", WaitPolicy::Park);
    let interrupted = Err(PeerError::Interrupted.into());
    let mut lane = link.lane(0).expect("a lane");
    let waker = link.waker();
    let ways: [fn(&Waker); 2] = [Waker::wake, other::wake_in_a_signal_handler];
    for wake in ways {
        let waker = waker.clone();
        let waking = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            wake(&waker);
        });
        assert_eq!(within(SOON, || lane.receive(&mut Vec::new())), interrupted);
        waking.join().expect("wakes");
    }
    waker.wake();
    waker.wake();
    assert_eq!(lane.receive(&mut Vec::new()), interrupted, "a wake before the wait");
    let soon = Duration::from_millis(10);
    let silence = lane.receive_timeout(&mut Vec::new(), soon);
    assert_eq!(silence, Err(PeerError::Timeout.into()), "two wakes were one");
    waker.wake();
    lane.send(b"echo").expect("alive");
    let mut message = Vec::new();
    while lane.receive(&mut message) == interrupted {}
    assert_eq!(message, b"echo", "the link works on");
    reap(child);
}

/// Context switches of all threads of a process but the one that counts.
fn switches(process: u32) -> u64 {
    let me = rustix::thread::gettid().as_raw_nonzero().to_string();
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("a process");
    let of = |thread: std::fs::DirEntry| {
        let status = std::fs::read_to_string(thread.path().join("status")).expect("a thread");
        let counts = status.lines().filter(|line| line.contains("ctxt_switches"));
        let count = |line: &str| line.split_whitespace().last()?.parse::<u64>().ok();
        counts.filter_map(count).sum::<u64>()
    };
    let others = threads.map(|thread| thread.expect("a thread"));
    others.filter(|thread| thread.file_name().to_string_lossy() != me).map(of).sum()
}

/// A thread waits at each end, and nothing happens.
fn idle() {
    let (link, child) = spawn("live plain", WaitPolicy::Adaptive);
    let (pair, _other) = Link::pair(&config(WaitPolicy::Adaptive)).expect("a pair");
    thread::scope(|threads| {
        for link in [&link, &pair] {
            threads.spawn(|| link.lane(0).expect("a lane").receive(&mut Vec::new()));
        }
        thread::sleep(Duration::from_millis(200));
        let both = || (switches(std::process::id()), switches(child.id()));
        let before = both();
        thread::sleep(Duration::from_secs(2));
        let after = both();
        // The watchdog and the thread that runs all tests sleep through it as well.
        assert_eq!(before, after, "switches here and there");
        link.close();
        pair.close();
    });
    reap(child);
}

/// Descriptors, mappings and threads of this process.
fn held() -> (usize, usize, usize) {
    let count = |path: &str| std::fs::read_dir(path).expect("own process").count();
    let maps = std::fs::read_to_string("/proc/self/maps").expect("own maps");
    (count("/proc/self/fd"), maps.lines().count(), count("/proc/self/task"))
}

/// A link whose other end is left alone.
struct Opened(Link, Option<Child>);

impl Opened {
    fn new() -> Self {
        let (link, child) = spawn("leave", WaitPolicy::Park);
        Self(link, Some(child))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        assert_eq!(self.0.lanes(), 1);
        reap(self.1.take().expect("reaped once"));
    }
}

fn come_and_go() {
    let links = if RELEASE { 10_000 } else { 1000 };
    drop(Opened::new());
    let before = held();
    (0..links / 2).for_each(|_| drop(Opened::new()));
    let (mut random, mut open) = (Random::new(11), Vec::new());
    for _ in 0..links / 2 {
        open.push(Opened::new());
        if open.len() > 50 {
            drop(open.swap_remove(random.below(open.len())));
        }
    }
    drop(open);
    let after = held();
    println!("{links} links: descriptors, mappings, threads {before:?} then {after:?}");
    // A watchdog of an earlier test may have ended since, and the allocator may keep a few mappings.
    let flat = after.0 == before.0 && after.1 <= before.1 + 8 && after.2 <= before.2;
    assert!(flat, "{before:?} {after:?}");
}

fn many_at_once() {
    let open = |count: usize| -> Vec<Watch> {
        let segment = |_| {
            let plan = hand::plan(Side::Active, Side::Active);
            let (_, node, _file): (_, _, OwnedFd) = sealed_with_node(&plan).expect("memory");
            Watch::new(node).expect("a sentinel")
        };
        (0..count).map(segment).collect()
    };
    let few = open(10);
    let before = held().2;
    let many = open(2100);
    assert_eq!(held().2, before + 1, "a second sentinel");
    drop((few, many));
    let again = open(2100);
    assert_eq!(held().2, before + 1, "which stays");
    drop(again);
}
