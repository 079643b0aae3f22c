//! Plain messages over a lane: order, sizes, full rings, closing, death, and a long run.
#![cfg(target_os = "linux")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::random::{Random, checksum};
use support::session::{Combination, Places};
use support::watch::{SOON, conclude_alone, trial, within};
use trapline::{Link, LinkConfig, LinkError, Misuse, PeerError, WaitPolicy, second};

/// Bytes of the rings.
const RING: u64 = 1 << 14;
/// The longest message: half the ring, less the two headers.
const LONGEST: usize = RING as usize / 2 - 32;

/// A case and its name.
type Case<T> = (&'static str, fn(T));

fn main() {
    if let Some(role) = second::role() {
        let words: Vec<&str> = role.split(' ').collect();
        let policy = words.get(1).map_or(WaitPolicy::Adaptive, |name| policy(name));
        let link = Link::inherited_with(&config(policy)).expect("a parent");
        let argument = words.get(2).map_or(0, |word| word.parse().expect("a number"));
        match words[0] {
            "echo" => echo(&link),
            "send" => send_then_sleep(&link, argument),
            "send_and_close" => send_frames(&link, argument),
            "sleep" => say_ready_and_sleep(),
            "soak" => soak_sender(&link, argument),
            "check" => {
                soak_receiver(&link, argument);
                let mut lane = link.lane(0).expect("a lane");
                lane.send(&SOAK.to_le_bytes()).expect("the other end waits for the count");
            }
            _ => panic!("no role {role}"),
        }
        return;
    }
    let mut trials = Vec::new();
    let cases: &[Case<Combination>] = &[
        ("order and sizes", order_and_sizes),
        ("too long", too_long),
        ("a full ring and its timeouts", full),
        ("a slow reader", slow_reader),
        ("closed while it waits", closed_while_waiting),
        ("sent before the close", sent_before_close),
        ("counters", counters),
    ];
    let ways = || Combination::all().filter(|how| how.places != Places::Stepped);
    for (name, case) in cases {
        for how in ways() {
            trials.push(trial(format!("{name} {how}"), move || case(how)));
        }
    }
    let processes: &[Case<WaitPolicy>] = &[
        ("killed while it reads nothing", killed_reader),
        ("killed while we receive", killed_sender),
        ("sent before the kill", sent_before_kill),
        ("a long run towards us", soak_in),
        ("a long run away from us", soak_out),
    ];
    for (name, case) in processes {
        for how in ways().filter(|how| how.places == Places::Process) {
            trials.push(trial(format!("{name} {how}"), move || case(how.wait)));
        }
    }
    trials.push(trial("stepped: a wait that cannot end".into(), stepped));
    conclude_alone(trials)
}

fn policy(name: &str) -> WaitPolicy {
    match name {
        "Spin" => WaitPolicy::Spin,
        "Park" => WaitPolicy::Park,
        _ => WaitPolicy::Adaptive,
    }
}

fn config(wait: WaitPolicy) -> LinkConfig {
    LinkConfig { wait, ring_bytes: RING, ..LinkConfig::default() }
}

/// This program as `role`, with what it prints.
fn child(role: &str, wait: WaitPolicy, argument: u64) -> (Link, Child, BufReader<ChildStdout>) {
    let mut command = second::command(&format!("{role} {wait:?} {argument}")).expect("this file");
    command.stdout(Stdio::piped());
    let (link, mut child) = Link::spawn(command, &config(wait)).expect("a child");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    (link, child, output)
}

fn line(output: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    output.read_line(&mut line).expect("text");
    line
}

fn say(text: &str) {
    println!("{text}");
    std::io::stdout().flush().expect("a parent");
}

/// A message that says which one it is.
fn message(index: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Random::new(index).fill(&mut bytes);
    bytes
}

/// A link whose other end sends back what it gets, and what to do at the end.
fn with_echo(how: Combination, run: impl FnOnce(&Link)) {
    if how.places == Places::Process {
        let (link, mut child, _output) = child("echo", how.wait, 0);
        run(&link);
        link.close();
        assert!(child.wait().expect("a child").success());
    } else {
        let (ours, theirs) = Link::pair(&config(how.wait)).expect("a pair");
        let other = thread::spawn(move || echo(&theirs));
        run(&ours);
        ours.close();
        other.join().expect("no panic");
    }
}

fn echo(link: &Link) {
    let mut lane = link.lane(0).expect("a lane");
    let mut bytes = Vec::new();
    loop {
        let done = lane.receive(&mut bytes).and_then(|()| lane.send(&bytes));
        match done {
            Ok(()) => {}
            Err(LinkError::Peer(PeerError::Closed)) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

fn order_and_sizes(how: Combination) {
    with_echo(how, |link| {
        let mut lane = link.lane(0).expect("a lane");
        let sizes = [0, 1, 7, 8, 9, 63, 64, 65, 511, 512, 513, 4071, 4072, 4096, 4097];
        let mut got = Vec::new();
        for len in sizes.into_iter().chain([LONGEST - 8, LONGEST - 1, LONGEST]).chain(0..200) {
            let sent = message(len as u64, len);
            lane.send(&sent).expect("sent");
            lane.receive(&mut got).expect("received");
            assert!(got == sent, "{len} bytes came back as {}", got.len());
        }
        // Several on their way.
        for round in 0..50 {
            for index in 0..8 {
                lane.send(&message(round * 8 + index, 300)).expect("sent");
            }
            for index in 0..8 {
                lane.receive(&mut got).expect("received");
                assert!(got == message(round * 8 + index, 300), "{round}, {index}");
            }
        }
        assert_eq!(lane.try_receive(&mut got), Ok(false));
    });
}

fn too_long(how: Combination) {
    with_echo(how, |link| {
        let mut lane = link.lane(0).expect("a lane");
        for len in [LONGEST + 1, LONGEST + 8, RING as usize, 1 << 20] {
            for done in [lane.send(&vec![0; len]), lane.try_send(&vec![0; len])] {
                let Err(LinkError::Misuse(Misuse::TooLong { len: needed, max })) = done else {
                    panic!("{len}: {done:?}");
                };
                assert!(needed > max && needed - max == len - LONGEST, "{needed} of {max}");
            }
        }
        let (sent, mut got) = (message(1, LONGEST), Vec::new());
        lane.send(&sent).expect("the longest");
        lane.receive(&mut got).expect("works on");
        assert!(got == sent);
    });
}

/// A link whose other end does nothing for the moment: ours, and what is kept of theirs.
fn silent(how: Combination) -> (Link, Option<Link>, Option<Child>) {
    if how.places == Places::Process {
        let (link, child, mut output) = child("sleep", how.wait, 0);
        assert_eq!(line(&mut output), "ready\n");
        (link, None, Some(child))
    } else {
        let (ours, theirs) = Link::pair(&config(how.wait)).expect("a pair");
        (ours, Some(theirs), None)
    }
}

fn say_ready_and_sleep() {
    say("ready");
    thread::sleep(Duration::from_secs(100));
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        child.kill().expect("alive");
        child.wait().expect("a child");
    }
}

fn full(how: Combination) {
    let (ours, theirs, child) = silent(how);
    let mut lane = ours.lane(0).expect("a lane");
    let mut sent = 0;
    let outcome = loop {
        match lane.try_send(&message(sent, 1000)) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(outcome, PeerError::Full.into());
    assert!((8..=RING / 1000).contains(&sent), "{sent} messages");
    let patience = Duration::from_millis(30);
    for _ in 0..3 {
        let begin = Instant::now();
        let late = lane.send_timeout(&message(sent, 1000), patience);
        let took = begin.elapsed();
        assert_eq!(late, Err(PeerError::Timeout.into()));
        assert!(took >= patience && took < patience + SOON, "{took:?}");
        let late = lane.receive_timeout(&mut Vec::new(), patience);
        assert_eq!(late, Err(PeerError::Timeout.into()));
    }
    assert_eq!(lane.try_receive(&mut Vec::new()), Ok(false));
    // Where the other end is here, it reads now.
    if let Some(theirs) = &theirs {
        let mut their_lane = theirs.lane(0).expect("a lane");
        let mut got = Vec::new();
        for index in 0..sent {
            assert_eq!(their_lane.try_receive(&mut got), Ok(true));
            assert!(got == message(index, 1000));
        }
        assert_eq!(their_lane.try_receive(&mut got), Ok(false));
        lane.send(&message(sent, 1000)).expect("room again");
        their_lane.receive(&mut got).expect("received");
        assert!(got == message(sent, 1000));
    }
    end(child);
}

fn slow_reader(how: Combination) {
    with_echo(how, |link| {
        // The echo cannot send more than the ring holds, so this end reads late on purpose.
        let mut lane = link.lane(0).expect("a lane");
        let (mut got, mut sent, mut back) = (Vec::new(), 0, 0);
        while back < 60 {
            while sent < 60 && sent - back < 6 {
                lane.send(&message(sent, 4000)).expect("sent");
                sent += 1;
            }
            thread::sleep(Duration::from_millis(1));
            lane.receive(&mut got).expect("received");
            assert!(got == message(back, 4000));
            back += 1;
        }
    });
    if how.places == Places::Process {
        return;
    }
    let (ours, theirs) = Link::pair(&config(how.wait)).expect("a pair");
    let reader = thread::spawn(move || {
        let (mut lane, mut got) = (theirs.lane(0).expect("a lane"), Vec::new());
        for index in 0..100 {
            lane.receive(&mut got).expect("received");
            assert!(got == message(index, 4000));
            thread::sleep(Duration::from_micros(500));
        }
    });
    let mut lane = ours.lane(0).expect("a lane");
    (0..100).for_each(|index| lane.send(&message(index, 4000)).expect("waits for room"));
    reader.join().expect("no panic");
    drop(lane);
    assert!(ours.counters().full_waits > 0);
}

/// How a wait ends when the other end leaves it after a moment.
fn leaves(how: Combination, wait: impl FnOnce(&Link) -> LinkError) -> (LinkError, Duration) {
    let delay = Duration::from_millis(40);
    let (ours, theirs, child) = silent(how);
    let leave = thread::spawn(move || {
        thread::sleep(delay);
        match theirs {
            Some(theirs) => theirs.close(),
            None => end(child),
        }
        Instant::now()
    });
    let error = wait(&ours);
    let noticed = Instant::now();
    let left = leave.join().expect("no panic");
    (error, noticed.saturating_duration_since(left))
}

fn closed_while_waiting(how: Combination) {
    let gone = |error: &LinkError| match how.places {
        Places::Process => matches!(error, LinkError::Peer(PeerError::PeerDied { .. })),
        _ => *error == PeerError::Closed.into(),
    };
    let (error, took) = leaves(how, |link| {
        link.lane(0).expect("a lane").receive(&mut Vec::new()).expect_err("it leaves")
    });
    assert!(gone(&error) && took < SOON, "receive: {error:?} after {took:?}");
    let (error, took) = leaves(how, |link| {
        let mut lane = link.lane(0).expect("a lane");
        loop {
            if let Err(error) = lane.send(&[1; 1000]) {
                return error;
            }
        }
    });
    assert!(gone(&error) && took < SOON, "send: {error:?} after {took:?}");
    // Our own end is closed by another thread, and says so for ever.
    let (ours, theirs, child) = silent(how);
    let handle = ours.clone();
    let close = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        handle.close();
    });
    let mut lane = ours.lane(0).expect("a lane");
    let closed = Err(PeerError::Closed.into());
    assert_eq!(within(SOON, || lane.receive_timeout(&mut Vec::new(), SOON * 10)), closed);
    close.join().expect("no panic");
    for _ in 0..3 {
        assert_eq!(lane.receive(&mut Vec::new()), closed);
        assert_eq!(lane.send(b"too late"), closed);
        assert_eq!(lane.try_send(b"too late"), closed);
    }
    drop(theirs);
    end(child);
}

/// Sends frames that [`all_arrive`] expects.
fn send_frames(link: &Link, count: u64) {
    let mut lane = link.lane(0).expect("a lane");
    (0..count).for_each(|index| lane.send(&message(index, 100)).expect("room"));
}

fn send_then_sleep(link: &Link, count: u64) {
    send_frames(link, count);
    say_ready_and_sleep();
}

/// Receives what was sent before the other end left, and returns why there is no more.
fn all_arrive(link: &Link, count: u64) -> LinkError {
    let (mut lane, mut got) = (link.lane(0).expect("a lane"), Vec::new());
    for index in 0..count {
        lane.receive(&mut got).unwrap_or_else(|e| panic!("{index} of {count}: {e}"));
        assert!(got == message(index, 100), "{index}");
    }
    let error = within(SOON, || lane.receive(&mut got)).expect_err("it left");
    assert_eq!(lane.receive(&mut got), Err(error.clone()), "and stays away");
    error
}

fn sent_before_close(how: Combination) {
    for count in [0, 1, 5, 100] {
        if how.places == Places::Process {
            let (link, mut child, _output) = child("send_and_close", how.wait, count);
            assert!(child.wait().expect("a child").success());
            assert_eq!(all_arrive(&link, count), PeerError::Closed.into());
        } else {
            let (ours, theirs) = Link::pair(&config(how.wait)).expect("a pair");
            send_frames(&theirs, count);
            drop(theirs);
            assert_eq!(all_arrive(&ours, count), PeerError::Closed.into());
        }
    }
}

fn sent_before_kill(wait: WaitPolicy) {
    for count in [0, 1, 7, 100] {
        let (link, mut child, mut output) = child("send", wait, count);
        assert_eq!(line(&mut output), "ready\n");
        child.kill().expect("alive");
        child.wait().expect("a child");
        let error = all_arrive(&link, count);
        assert!(matches!(error, LinkError::Peer(PeerError::PeerDied { .. })), "{error:?}");
    }
}

fn killed_reader(wait: WaitPolicy) {
    let how = Combination { places: Places::Process, wait };
    let (error, took) = leaves(how, |link| {
        let mut lane = link.lane(0).expect("a lane");
        loop {
            if let Err(error) = lane.send_timeout(&[2; 3000], Duration::from_secs(60)) {
                return error;
            }
        }
    });
    assert!(matches!(error, LinkError::Peer(PeerError::PeerDied { .. })), "{error:?}");
    assert!(took < SOON, "{took:?}");
    println!("killed while we sent, {wait:?}: noticed {took:?} after it was waited for");
}

/// Killed in the middle of its sending: what arrives is a beginning of what it sent, whole.
fn killed_sender(wait: WaitPolicy) {
    let (link, mut child, _output) = child("soak", wait, 77);
    let killer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(60));
        child.kill().expect("alive");
        child.wait().expect("a child");
        Instant::now()
    });
    let (mut expected, mut count) = (Sequence::new(77), 0);
    let (mut lane, mut got) = (link.lane(0).expect("a lane"), Vec::new());
    let error = loop {
        match lane.receive(&mut got) {
            Ok(()) => expected.check(&got),
            Err(error) => break error,
        }
        count += 1;
    };
    let took = Instant::now().saturating_duration_since(killer.join().expect("no panic"));
    // It may have sent all of its messages before it was killed.
    let all = count == SOAK && error == PeerError::Closed.into();
    let died = matches!(error, LinkError::Peer(PeerError::PeerDied { .. }));
    assert!(died || all, "{error:?} after {count}");
    assert!(took < SOON, "{took:?}");
}

fn counters(how: Combination) {
    with_echo(how, |link| {
        let mut lane = link.lane(0).expect("a lane");
        let mut got = Vec::new();
        let (mut bytes, count) = (0, 300);
        for index in 0..count {
            let sent = message(index, index as usize * 3);
            bytes += 24 + sent.len() as u64;
            lane.send(&sent).expect("sent");
            lane.receive(&mut got).expect("received");
        }
        drop(lane);
        let counters = link.counters();
        assert_eq!((counters.records_sent, counters.bytes_sent), (count, bytes));
        assert_eq!((counters.records_received, counters.bytes_received), (count, bytes));
        assert_eq!((counters.refused_unrefs, counters.late_replies), (0, 0));
        if how.wait == WaitPolicy::Spin {
            assert_eq!(counters.parks, 0);
        }
    });
}

// A long run.

/// Messages of a long run: a million, fewer without optimisation.
const SOAK: u64 = if cfg!(debug_assertions) { 40_000 } else { 1_000_000 };

/// Messages of random sizes with their checksums, the same at both ends.
struct Sequence {
    random: Random,
    index: u64,
    bytes: Vec<u8>,
}

impl Sequence {
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), index: 0, bytes: Vec::new() }
    }

    fn next(&mut self) -> &[u8] {
        let most = if self.random.below(50) == 0 { LONGEST - 16 } else { 600 };
        let len = self.random.below(most + 1);
        self.bytes.resize(16 + len, 0);
        let seed = self.random.next();
        let (head, body) = self.bytes.split_at_mut(16);
        for (at, chunk) in body.chunks_mut(8).enumerate() {
            let word = (seed ^ at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
        head[..8].copy_from_slice(&self.index.to_le_bytes());
        head[8..].copy_from_slice(&checksum(body).to_le_bytes());
        self.index += 1;
        &self.bytes
    }

    fn check(&mut self, got: &[u8]) {
        let index = self.index;
        let sum = u64::from_le_bytes(got[8..16].try_into().expect("8 bytes"));
        assert_eq!(checksum(&got[16..]), sum, "message {index} is damaged");
        assert!(got == self.next(), "message {index} is another one");
    }
}

fn soak_sender(link: &Link, seed: u64) {
    let (mut sequence, mut lane) = (Sequence::new(seed), link.lane(0).expect("a lane"));
    for _ in 0..SOAK {
        lane.send(sequence.next()).expect("sent");
    }
}

/// Receives all messages; memory and descriptors stay as they
/// were after a warm-up.
fn soak_receiver(link: &Link, seed: u64) {
    let (mut sequence, mut lane) = (Sequence::new(seed), link.lane(0).expect("a lane"));
    let (mut got, mut warm) = (Vec::new(), (0, 0));
    for index in 0..SOAK {
        lane.receive(&mut got).expect("received");
        sequence.check(&got);
        if index == SOAK / 10 {
            warm = usage();
        }
    }
    let (memory, files) = usage();
    assert!(memory <= warm.0 + 4096, "{} kB grew to {memory}", warm.0);
    assert_eq!(files, warm.1);
}

/// Resident memory in kB, and open descriptors.
fn usage() -> (usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a number");
    let memory = memory.trim().trim_end_matches(" kB").parse().expect("a number");
    (memory, std::fs::read_dir("/proc/self/fd").expect("proc").count())
}

fn soak_in(wait: WaitPolicy) {
    let begin = Instant::now();
    let (link, mut child, _output) = child("soak", wait, 5);
    soak_receiver(&link, 5);
    assert!(child.wait().expect("a child").success());
    println!("{SOAK} messages in, {wait:?}: {:?}", begin.elapsed());
}

fn soak_out(wait: WaitPolicy) {
    let (link, mut child, _output) = child("check", wait, 6);
    soak_sender(&link, 6);
    let mut got = Vec::new();
    link.lane(0).expect("a lane").receive(&mut got).expect("the count");
    assert_eq!(got, SOAK.to_le_bytes());
    assert!(child.wait().expect("a child").success());
    assert_eq!(link.counters().records_sent, SOAK);
}

/// In one thread, what would wait for ever is an error.
fn stepped() {
    let (passive, active, stepper) = Link::stepped(&config(WaitPolicy::Adaptive)).expect("a pair");
    let (mut got, mut left) = (Vec::new(), 3u8);
    let other = passive.clone();
    stepper.on_wait(move || {
        left = left.saturating_sub(1);
        left > 0 && other.lane(0).expect("a lane").send(&[left]).is_ok()
    });
    let mut lane = active.lane(0).expect("a lane");
    for expected in [2, 1] {
        lane.receive(&mut got).expect("stepped");
        assert_eq!(got, [expected]);
    }
    assert_eq!(lane.receive(&mut got), Err(Misuse::WouldDeadlock.into()));
    let late = lane.receive_timeout(&mut got, Duration::from_secs(100));
    assert_eq!(late, Err(PeerError::Timeout.into()));
    passive.close();
    assert_eq!(lane.receive(&mut got), Err(PeerError::Closed.into()));
}
