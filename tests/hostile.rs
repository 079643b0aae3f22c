//! A peer that breaks the protocol: in the handshake, at either end, and later by whatever it
//! writes into its own segment. There is always a typed error in bounded time, nothing of the
//! process is lost, and nothing panics.
#![cfg(target_os = "linux")]

mod support;

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::SealFlags;
use support::hand::{self, ACCEPT, HandDriver, HandSegment, MESSAGE, OFFER, REFUSE, SEALS};
use support::random::Random;
use support::toy;
use support::watch::{SOON, conclude_alone, trial, within};
use trapline::layout::{
    BLOCK, LANE_BLOCKS, LANE_CANCELLED, LANE_NOTIFY, LANE_PARKED, LANE_POSITIONS, LANE_SERVING,
    LANE_TABLE, LINK_COUNTERS, PAGE, RingName, STATE,
};
use trapline::wire::{
    Decoder, Encoder, Flags, FrameHeader, HEADER_LEN, Key, Pointer, Reply, VecRoom,
};
use trapline::{
    CallError, Failure, Kind, Limits, Link, LinkConfig, LinkError, Misuse, PeerError, Poison,
    Refusal, Remote, Side, SystemError, Value, WaitPolicy, second,
};

fn main() {
    if let Some(role) = second::role() {
        let words: Vec<&str> = role.split(' ').collect();
        return match words[..] {
            ["say", lie] => say(lie),
            ["link"] => println!("{:?}", Link::inherited_with(&short()).map(|_| ())),
            ["link", "twice"] => {
                let first = Link::inherited_with(&short());
                println!("{:?} {:?}", first.map(|_| ()), Link::inherited().map(|_| ()));
            }
            ["exit"] => {}
            ["sleep"] => std::thread::sleep(Duration::from_secs(60)),
            ["forge"] => forge(),
            ["publish", lie] => publish(lie),
            ["scribble", mode, driver, seed] => {
                scribble(mode, driver, seed.parse().expect("a seed"));
            }
            _ => panic!("no role {role}"),
        };
    }
    let mut trials = Vec::new();
    for lie in lies() {
        let (name, other) = (lie.clone(), lie.clone());
        trials.push(trial(format!("child says {name}"), move || refused_by_parent(&lie)));
        trials.push(trial(format!("parent says {name}"), move || refused_by_child(&other)));
    }
    let simple: &[(&str, fn())] = &[
        ("lengths of messages", lengths),
        ("inheritance", inheritance),
        ("commands that do not link", commands_that_do_not_link),
        ("forged pointers and unrefs", forged),
        ("positions and records", positions_and_records),
    ];
    for (name, run) in simple {
        trials.push(trial((*name).to_owned(), *run));
    }
    for mode in ["all", "positions", "frames", "words"] {
        for task in ["calls", "serves", "sends"] {
            let run = move || scribbled(mode, task);
            trials.push(trial(format!("scribbles over {mode} while the other end {task}"), run));
        }
    }
    conclude_alone(trials)
}

/// Options of an honest end that is not patient.
fn short() -> LinkConfig {
    LinkConfig {
        handshake_timeout: Duration::from_millis(1500),
        max_segment: 8 << 20,
        ..LinkConfig::default()
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("proc").count()
}

/// Runs `step`, and checks that it leaves no descriptor and no child behind.
#[track_caller]
fn leaves_nothing<T>(step: impl FnOnce() -> T) -> T {
    start_sentinel();
    let before = descriptors();
    let done = step();
    assert_eq!(descriptors(), before, "descriptors");
    let children = rustix::process::wait(rustix::process::WaitOptions::NOHANG);
    assert_eq!(children.err(), Some(rustix::io::Errno::CHILD), "a child was not waited for");
    done
}

/// The first link of a process starts its sentinel, whose two descriptors stay.
fn start_sentinel() {
    static STARTED: std::sync::Once = std::sync::Once::new();
    STARTED.call_once(|| {
        let plan = hand::plan(Side::Active, Side::Active);
        let (_, node, _) = trapline::segment::sealed_with_node(&plan).expect("memory");
        drop(trapline::sentinel::Watch::new(node).expect("a sentinel"));
    });
}

// The handshake.

/// The lies, by name. Both ends can tell them.
fn lies() -> Vec<String> {
    let names = "wrong_magic wrong_version wrong_kind out_of_turn no_file two_files many_files \
        unsealed no_shrink_seal no_grow_seal no_write_seal no_seal_seal regular_file socket \
        announced_less announced_more zero_bytes too_large tiny layout_magic layout_version \
        layout_side layout_len layout_lanes layout_active_lanes layout_driver ring_offset \
        ring_offset_far ring_offset_odd ring_capacity ring_capacity_huge ring_of_the_other \
        hang_up silence refusal empty_message";
    names.split_whitespace().map(str::to_owned).collect()
}

/// What the honest end should make of a lie.
fn is_answer(lie: &str, error: &LinkError) -> bool {
    let LinkError::Peer(PeerError::Refused(refusal)) = error else { return false };
    match (lie, refusal) {
        ("wrong_magic" | "wrong_kind" | "out_of_turn", Refusal::Malformed { .. }) => true,
        ("wrong_version" | "layout_version", Refusal::Version { theirs: (2, 0), .. }) => true,
        ("no_file", Refusal::Descriptors { count: 0 }) => true,
        ("two_files", Refusal::Descriptors { count: 2 }) => true,
        ("many_files", Refusal::Descriptors { count }) => *count > 16,
        ("regular_file" | "socket", Refusal::Unsealed { seals: None }) => true,
        (_, Refusal::Unsealed { seals: Some(_) }) => lie == "unsealed" || lie.ends_with("_seal"),
        ("announced_less" | "announced_more" | "zero_bytes" | "too_large", refusal) => {
            matches!(refusal, Refusal::Size { .. })
        }
        ("hang_up" | "empty_message", Refusal::HungUp) => true,
        ("silence", Refusal::Timeout) => true,
        ("refusal", Refusal::ByPeer { code: 77 }) => true,
        (_, Refusal::Layout { field, .. }) => {
            let about = |name: &str| field.contains(name);
            match lie {
                "tiny" => about("len"),
                "ring_of_the_other" => about("other side"),
                _ => match lie.strip_prefix("layout_") {
                    Some(name) => about(name),
                    None => about("capacity") || about("offset"),
                },
            }
        }
        _ => false,
    }
}

/// What [`tell`] does after its message.
#[derive(PartialEq, Eq)]
enum Then {
    Wait,
    HangUp,
}

/// Sends the first message of one end, with a lie in it.
fn tell(socket: &OwnedFd, kind: u32, lie: &str) -> Then {
    let side = if kind == OFFER { Side::Passive } else { Side::Active };
    let plan = hand::plan(side, Side::Active);
    let lacking = match lie {
        "no_shrink_seal" => SealFlags::SHRINK,
        "no_grow_seal" => SealFlags::GROW,
        "no_write_seal" => SealFlags::FUTURE_WRITE,
        "no_seal_seal" => SealFlags::SEAL,
        "unsealed" => SEALS,
        _ => SealFlags::empty(),
    };
    let segment = HandSegment::new(&plan, SEALS.difference(lacking));
    spoil(&segment, lie, side);
    let len = segment.len() as u64;
    let empty = |len| {
        let file = hand::memory_file(len);
        rustix::fs::fcntl_add_seals(&file, SEALS).expect("sealable");
        file
    };
    let (file, announced): (OwnedFd, u64) = match lie {
        "regular_file" => (std::fs::File::open("/proc/self/exe").expect("readable").into(), len),
        "socket" => (hand::sockets().0, len),
        "announced_less" => (segment.file, len - 1),
        "announced_more" => (segment.file, len + PAGE as u64),
        "zero_bytes" => (empty(0), 0),
        "too_large" => (empty(16 << 20), 16 << 20),
        "tiny" => (empty(8), 8),
        _ => (segment.file, len),
    };
    let mut bytes = hand::message(kind, announced, 1, 1);
    let mut count = 1;
    match lie {
        "wrong_magic" => bytes[0] ^= 1,
        "wrong_version" => bytes[8] = 2,
        "wrong_kind" => bytes[12..16].copy_from_slice(&99u32.to_le_bytes()),
        "out_of_turn" => bytes[12] = hand::READY as u8,
        "no_file" => count = 0,
        "two_files" => count = 2,
        "many_files" => count = 40,
        "refusal" => {
            bytes[12..16].copy_from_slice(&REFUSE.to_le_bytes());
            bytes[32..36].copy_from_slice(&77u32.to_le_bytes());
            count = 0;
        }
        "empty_message" => bytes.clear(),
        "hang_up" => return Then::HangUp,
        "silence" => return Then::Wait,
        _ => {}
    }
    let files: Vec<BorrowedFd<'_>> = (0..count).map(|_| file.as_fd()).collect();
    hand::send(socket, &bytes, &files);
    Then::Wait
}

/// Lies in the first bytes of the segment.
fn spoil(segment: &HandSegment, lie: &str, side: Side) {
    // The first ring that this side produces: requests of the driver, else replies.
    let ring = LANE_TABLE + 8 + if side == Side::Active { 0 } else { 16 };
    let other = LANE_TABLE + 8 + if side == Side::Active { 16 } else { 0 };
    match lie {
        "layout_magic" => segment.write(3, b"X"),
        "layout_version" => segment.write(8, &[2]),
        "layout_side" => segment.write(12, &[(side == Side::Active).into()]),
        "layout_len" => segment.store(16, 1),
        "layout_lanes" => segment.write(24, &[2]),
        "layout_active_lanes" => segment.write(28, &[0]),
        "layout_driver" => segment.write(LANE_TABLE, &[1]),
        "ring_offset" => segment.store(ring, 0),
        "ring_offset_far" => segment.store(ring, u64::MAX - 4095),
        "ring_offset_odd" => segment.write(ring, &[8]),
        "ring_capacity" => segment.store(ring + 8, 12_288),
        "ring_capacity_huge" => segment.store(ring + 8, 1 << 40),
        "ring_of_the_other" => segment.store(other, 8192),
        _ => {}
    }
}

/// A child that lies to its parent.
fn say(lie: &str) {
    let socket = hand::inherited_socket();
    if lie == "hang_up" {
        return;
    }
    let (offer, _file) = hand::receive(&socket);
    assert_eq!(offer.len(), MESSAGE);
    match lie.strip_prefix("length_") {
        Some(len) => {
            let mut bytes = hand::message(ACCEPT, 0, 0, 0);
            bytes.resize(len.parse().expect("a length"), 0);
            hand::send(&socket, &bytes, &[]);
        }
        None => drop(tell(&socket, ACCEPT, lie)),
    }
    // Until the parent hangs up.
    while !hand::receive(&socket).0.is_empty() {}
}

fn refused_by_parent(lie: &str) {
    let command = second::command(&format!("say {lie}")).expect("this program");
    let refused =
        leaves_nothing(|| within(SOON * 5, || Link::spawn(command, &short()).map(|_| ())));
    let error = refused.expect_err("a lie");
    assert!(is_answer(lie, &error), "{lie}: {error:?}");
}

/// Starts this program as `role`, with `socket` as what it inherits.
fn child_with(role: &str, socket: OwnedFd) -> Child {
    let mut command = second::command(role).expect("this program");
    let number = trapline::segment::pass_descriptor(&mut command, socket).expect("a descriptor");
    command
        .env("TRAPLINE_LINK", number.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child")
}

/// What the child prints before it ends.
fn last_words(mut child: Child) -> String {
    let mut text = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
    let status = child.wait().expect("a child");
    assert!(status.success(), "{status}: {text}");
    text.trim().to_owned()
}

fn refused_by_child(lie: &str) {
    let text = leaves_nothing(|| {
        within(SOON * 5, || {
            let (ours, theirs) = hand::sockets();
            let child = child_with("link", theirs);
            let ours = (tell(&ours, OFFER, lie) == Then::Wait).then_some(ours);
            let text = last_words(child);
            drop(ours);
            text
        })
    });
    // The child can only print its error: compare it with the words of those that would do.
    let same =
        |error: LinkError| is_answer(lie, &error) && text == format!("{:?}", Err::<(), _>(error));
    let wanted = possible_refusals(&text).into_iter().any(|refusal| same(refusal.into()));
    assert!(wanted, "{lie}: {text}");
}

/// The refusals that may have been printed as `text`, with the numbers that stand in it.
fn possible_refusals(text: &str) -> Vec<Refusal> {
    let numbers: Vec<u64> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let number = |index: usize| numbers.get(index).copied().unwrap_or(0);
    let short = |index: usize| u16::try_from(number(index)).unwrap_or(0);
    let word = u32::try_from(number(0)).unwrap_or(0);
    let (ours, theirs) = ((short(0), short(1)), (short(2), short(3)));
    let mut possible = vec![
        Refusal::Version { ours, theirs },
        Refusal::Descriptors { count: word as usize },
        Refusal::Unsealed { seals: None },
        Refusal::Unsealed { seals: Some(word) },
        Refusal::Size { len: number(0), announced: number(1), max: number(2) },
        Refusal::ByPeer { code: word },
        Refusal::HungUp,
        Refusal::Timeout,
    ];
    let problems = ["wrong magic", "unknown kind", "wrong length", "a message out of turn"];
    possible.extend(problems.map(|problem| Refusal::Malformed { problem }));
    let fields = [
        "magic",
        "side",
        "len",
        "lanes",
        "active_lanes",
        "driver",
        "ring offset",
        "ring capacity",
        "ring of the other side",
    ];
    possible.extend(fields.map(|field| Refusal::Layout { field, value: number(0) }));
    possible
}

/// Messages of every length but the right one.
fn lengths() {
    for len in (1..MESSAGE).chain([MESSAGE + 1, 100, 127, 128, 200, 5000]) {
        let command = second::command(&format!("say length_{len}")).expect("this program");
        let refused =
            leaves_nothing(|| within(SOON * 5, || Link::spawn(command, &short()).map(|_| ())));
        let malformed = LinkError::from(Refusal::Malformed { problem: "wrong length" });
        assert_eq!(refused, Err(malformed), "{len} bytes");
    }
    for len in [1, 8, 24, 63, 65, 128] {
        let (ours, theirs) = hand::sockets();
        let child = child_with("link", theirs);
        let mut bytes = hand::message(OFFER, 0, 1, 1);
        bytes.resize(len, 0);
        hand::send(&ours, &bytes, &[]);
        let text = last_words(child);
        assert!(text.contains("wrong length"), "{len} bytes: {text}");
    }
}

fn inheritance() {
    let words = |command: &mut Command| {
        last_words(command.stdout(Stdio::piped()).spawn().expect("a child"))
    };
    leaves_nothing(|| {
        let command = || {
            let mut command = second::command("link").expect("this program");
            command.env_remove("TRAPLINE_LINK");
            command
        };
        let missing = words(&mut command());
        assert!(missing.contains("Inheritance") && missing.contains("TRAPLINE_LINK"), "{missing}");
        for number in ["", "three", "3x", "-1", "99999999999999", "0", "1", "2", "77"] {
            let text = words(command().env("TRAPLINE_LINK", number));
            assert!(text.contains("Inheritance"), "{number:?}: {text}");
        }
        let file: OwnedFd = std::fs::File::open("/proc/self/exe").expect("readable").into();
        let text = last_words(child_with("link", file));
        assert!(text.contains("Inheritance") && text.contains("no socket"), "{text}");
        let command = second::command("link twice").expect("this program");
        let (link, child) = spawn_piped(command);
        let text = last_words(child);
        drop(link);
        assert!(text.starts_with("Ok(()) Err(Misuse(Inheritance"), "{text}");
    });
}

/// An honest link to a child that prints.
fn spawn_piped(mut command: Command) -> (Link, Child) {
    command.stdout(Stdio::piped());
    Link::spawn(command, &short()).expect("an honest child")
}

fn commands_that_do_not_link() {
    let spawn = |command: Command| {
        leaves_nothing(|| within(SOON * 5, || Link::spawn(command, &short()).map(|_| ())))
    };
    let missing = spawn(Command::new("no/such/program"));
    let Err(LinkError::System(SystemError { operation: "spawn", errno: 2, .. })) = missing else {
        panic!("{missing:?}");
    };
    let exits = spawn(second::command("exit").expect("this program"));
    assert_eq!(exits, Err(Refusal::HungUp.into()));
    let begin = Instant::now();
    let sleeps = spawn(second::command("sleep").expect("this program"));
    assert_eq!(sleeps, Err(Refusal::Timeout.into()));
    assert!(begin.elapsed() >= short().handshake_timeout);
    // A configuration that cannot work starts nothing.
    let config = LinkConfig { ring_bytes: 5000, ..short() };
    let command = second::command("exit").expect("this program");
    let refused = leaves_nothing(|| Link::spawn(command, &config).map(|_| ()));
    assert!(matches!(refused, Err(LinkError::Misuse(Misuse::Config { .. }))), "{refused:?}");
}

// Frames that are well-formed and lie.

/// C6 and C7 byte by byte: a driver that asks for what it was never given, and gives back what it
/// never had.
fn forged() {
    for wait in [WaitPolicy::Spin, WaitPolicy::Park, WaitPolicy::Adaptive] {
        leaves_nothing(|| {
            let config = LinkConfig { wait, ..short() };
            let command = second::command("forge").expect("this program");
            let (link, mut child) = Link::spawn(command, &config).expect("an honest handshake");
            let local = toy::local(link, std::sync::Arc::default()).expect("a lane to serve");
            let served = local.serve();
            let status = child.wait().expect("a child");
            assert!(status.success(), "{status}, {served:?}");
            assert_eq!((served, local.held_objects()), (Ok(()), 0));
        });
    }
}

type Unrefs<'u> = &'u [(Pointer, u32)];

/// Sends a request with unrefs before it and returns its reply.
fn ask(
    driver: &mut HandDriver,
    id: &mut u64,
    unrefs: Unrefs<'_>,
    body: impl FnOnce(&mut Encoder<'_, &mut VecRoom>),
) -> Reply<Pointer> {
    *id += 1;
    let mut room = VecRoom::new(4096, 1 << 13);
    let mut encoder = Encoder::new(&mut room);
    for (pointer, count) in unrefs {
        encoder.unref(*pointer, *count).expect("room");
    }
    body(&mut encoder);
    let len = encoder.finish(Flags::WAITING, 0, *id).expect("room");
    driver.send(room.frame(len));
    let frame = driver.receive();
    let header = FrameHeader::parse(frame[..HEADER_LEN].try_into().expect("a header"), frame.len());
    let header = header.expect("a frame");
    assert_eq!(header.id, *id);
    let mut decoder = Decoder::new(&frame[HEADER_LEN..], [].as_slice(), &Limits::default());
    decoder.reply(header.op, &mut Ok).expect("a reply")
}

fn forge() {
    let (driver, id) = (&mut HandDriver::inherited(), &mut 0);
    let refs = &mut |pointer: &Pointer| Ok(*pointer);
    let pointer_of = |reply: Reply<Pointer>| match reply {
        Reply::Value(Value::Reference(pointer)) => pointer,
        other => panic!("no pointer: {other:?}"),
    };
    let stale = |reply: Reply<Pointer>| {
        assert!(matches!(reply, Reply::Failure { code: Failure::StalePointer, .. }), "{reply:?}");
    };
    let global = pointer_of(ask(driver, id, &[], |e| e.global()));
    let mut get = |driver: &mut HandDriver, unrefs: Unrefs<'_>, target: Pointer, key: &str| {
        ask(driver, id, unrefs, |e| e.get(target, Key::from(key)).expect("room"))
    };
    let refused = pointer_of(get(driver, &[], global, "refused"));
    let fresh = pointer_of(get(driver, &[], global, "fresh"));
    let bits = |bits: u64| Pointer::from_bits(bits).expect("a pointer");
    let forgeries = [
        bits(global.to_bits() ^ 1 << 63),
        bits(global.to_bits() ^ 1 << 32),
        bits(global.to_bits() ^ 1 << 59),
        Pointer::new(1000, 0, Kind::Object, global.owner()),
        Pointer::new(u32::MAX, 7, Kind::Function, global.owner()),
    ];
    for forged in forgeries {
        stale(get(driver, &[], forged, "numbers"));
    }
    // Unrefs for what was never sent, more than was sent, and none at all.
    let bad: Vec<(Pointer, u32)> = forgeries
        .map(|forged| (forged, 1))
        .into_iter()
        .chain([(fresh, 2), (fresh, u32::MAX), (fresh, 0)])
        .collect();
    let nested = pointer_of(get(driver, &bad, global, "nested"));
    let mut call = |driver: &mut HandDriver, unrefs: Unrefs<'_>, target: Pointer| {
        *id += 100;
        ask(driver, id, unrefs, |e| {
            e.apply(target, &Value::Undefined, &[], refs).expect("room");
        })
    };
    assert_eq!(call(driver, &[], refused), Reply::Value(Value::from(bad.len() as u32)));
    // What is freed stays freed, also once its slot is used again.
    let made = pointer_of(call(driver, &[], fresh));
    let other = pointer_of(call(driver, &[(made, 1)], fresh));
    assert_eq!((other.index(), other.generation()), (made.index(), made.generation() + 1));
    stale(call(driver, &[], made));
    let freed_twice = call(driver, &[(made, 1), (made, 1)], refused);
    assert_eq!(freed_twice, Reply::Value(Value::from(bad.len() as u32 + 2)));
    let inner = ask(driver, &mut 10_000, &[], |e| e.get(nested, Key::from("inner")).expect("room"));
    pointer_of(inner);
    // A request that does not decode, or asks for a trap that this version lacks, is answered.
    for op in [1, 6, 20] {
        let mut room = VecRoom::new(4096, 1 << 13);
        let mut encoder = Encoder::new(&mut room);
        encoder.get(nested, Key::from("inner")).expect("room");
        let len = encoder.finish(Flags::WAITING, 0, 30_000 + u64::from(op)).expect("room");
        let mut frame = room.frame(len).to_vec();
        frame[3] = op;
        driver.send(&frame);
        let reply = driver.receive();
        let mut decoder = Decoder::new(&reply[HEADER_LEN..], [].as_slice(), &Limits::default());
        let reply = decoder.reply::<Pointer>(reply[3], &mut Ok).expect("a reply");
        assert!(matches!(reply, Reply::Failure { code: Failure::Malformed, .. }), "{reply:?}");
    }
    driver.close();
}

// What is written into the segment.

fn position(ring: RingName) -> usize {
    LANE_BLOCKS + LANE_POSITIONS + ring as usize * BLOCK
}

/// The header of a DATA frame.
fn data_header(control_len: u32) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[0] = 5;
    header[4..8].copy_from_slice(&control_len.to_le_bytes());
    header
}

/// Offset of the data of the ring that a server of lane 0 replies in.
fn reply_ring(segment: &HandSegment) -> usize {
    segment.len() - (1 << 13) - (1 << 12)
}

/// A child, the server of its lane, that publishes one lie after an honest handshake.
fn publish(lie: &str) {
    let (socket, plan) = (hand::inherited_socket(), hand::plan(Side::Active, Side::Passive));
    let segment = HandSegment::new(&plan, SEALS);
    hand::answer_offer(&socket, &plan, segment.file.as_fd(), segment.len() as u64);
    let (ring, tail) = (reply_ring(&segment), position(RingName::Reply));
    let frame = |header: u64| segment.store(ring, header);
    const FRAME: u64 = 1 << 32;
    match lie {
        "beyond" => segment.store(tail, (1 << 13) + 8),
        "far" => segment.store(tail, u64::MAX - 7),
        "odd" => segment.store(tail, 4),
        "backwards" => {
            // A message without bytes, and then it was never there.
            let mut record = (FRAME | HEADER_LEN as u64).to_le_bytes().to_vec();
            record.extend_from_slice(&data_header(0));
            segment.write(ring, &record);
            segment.store(tail, 32);
            segment.ring();
            std::thread::sleep(Duration::from_millis(50));
            segment.store(tail, 24);
        }
        "length" => {
            frame(FRAME | 8000);
            segment.store(tail, 64);
        }
        "huge" => {
            frame(FRAME | 0xffff_ffff);
            segment.store(tail, 64);
        }
        "kind" => {
            frame(9 << 32 | 8);
            segment.store(tail, 64);
        }
        "pad" => {
            frame(2 << 32 | 8);
            segment.store(tail, 64);
        }
        "skip" => {
            frame(3 << 32 | 8);
            segment.store(ring + 16, 3 << 32 | 8);
            segment.store(tail, 64);
        }
        "short_frame" => {
            frame(FRAME | 8);
            segment.store(tail, 16);
        }
        "no_frame" => {
            frame(FRAME | 56);
            segment.store(tail, 64);
        }
        "state" => segment.store(STATE, 7),
        "head" => segment.store(position(RingName::Request), 1 << 40),
        _ => panic!("no lie {lie}"),
    }
    segment.ring();
    until_hung_up(&socket, || std::thread::sleep(Duration::from_millis(1)));
}

fn until_hung_up(socket: &OwnedFd, mut step: impl FnMut()) {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(60) {
        let mut ask = [PollFd::new(socket, PollFlags::RDHUP)];
        if poll(&mut ask, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) != Ok(0) {
            return;
        }
        step();
    }
}

fn positions_and_records() {
    let is_poison = |lie: &str, poison: &Poison| match poison {
        Poison::Position { .. } => ["beyond", "far", "odd", "backwards", "head"].contains(&lie),
        Poison::Record { .. } => ["length", "huge", "kind"].contains(&lie),
        Poison::Padding { .. } => ["pad", "skip"].contains(&lie),
        Poison::Frame { .. } => ["short_frame", "no_frame"].contains(&lie),
        Poison::Word { name, .. } => lie == "state" && *name == "state",
        _ => false,
    };
    let lies = "beyond far odd backwards length huge kind pad skip short_frame no_frame state head";
    for lie in lies.split(' ') {
        for wait in [WaitPolicy::Spin, WaitPolicy::Park, WaitPolicy::Adaptive] {
            leaves_nothing(|| {
                let lanes = LinkConfig::driven_by_passive(1).lanes;
                let config = LinkConfig { wait, lanes, ring_bytes: 4096, ..short() };
                let command = second::command(&format!("publish {lie}")).expect("this program");
                let (link, mut child) = Link::spawn(command, &config).expect("honest so far");
                let error = within(SOON * 5, || first_error(&link, lie == "head"));
                let LinkError::Peer(PeerError::Poisoned(poison)) = error else {
                    panic!("{lie}: {error:?}");
                };
                assert!(is_poison(lie, &poison), "{lie}: {poison:?}");
                let mut lane = link.lane(0).expect("a lane");
                for _ in 0..3 {
                    let again = lane.receive(&mut Vec::new());
                    assert_eq!(again, Err(poison.into()), "sticky");
                    assert_eq!(lane.send(b"more"), Err(poison.into()), "sticky");
                }
                drop(lane);
                drop(link);
                assert!(child.wait().expect("a child").success());
            });
        }
    }
}

/// Why the lane ends: receives, or sends, until it does.
fn first_error(link: &Link, sends: bool) -> LinkError {
    let mut lane = link.lane(0).expect("a lane");
    loop {
        let done = match sends {
            true => lane.send_timeout(&[0; 500], SOON * 4),
            false => lane.receive_timeout(&mut Vec::new(), SOON * 4),
        };
        if let Err(error) = done {
            return error;
        }
    }
}

/// A child that overwrites parts of its segment with random values until it is left alone.
fn scribble(mode: &str, driver: &str, seed: u64) {
    let driver = if driver == "active" { Side::Active } else { Side::Passive };
    let (socket, plan) = (hand::inherited_socket(), hand::plan(Side::Active, driver));
    let segment = HandSegment::new(&plan, SEALS);
    hand::answer_offer(&socket, &plan, segment.file.as_fd(), segment.len() as u64);
    let mut random = Random::new(seed);
    let rings = HandSegment::len(&segment) - (LANE_BLOCKS + 12 * BLOCK).next_multiple_of(PAGE);
    let ring = segment.len() - rings;
    let (produced, consumed) = match driver {
        Side::Active => (RingName::Request, RingName::Reply),
        Side::Passive => (RingName::Reply, RingName::Request),
    };
    let (mut tail, mut frames) = (0, 0);
    until_hung_up(&socket, || {
        for _ in 0..64 {
            let word = random.next();
            match mode {
                "all" => segment.store(random.below(segment.len() / 8) * 8, word),
                "positions" => {
                    let known = [0, 8, 32, 64, 4096, 8192, u64::MAX, word, word % 16_384];
                    let value = known[random.below(known.len())];
                    segment.store(position([produced, consumed][random.below(2)]), value);
                    segment.store(ring + random.below(1024) * 8, (1 << 32) | (word % 64));
                }
                "frames" => {
                    // Records that are fine, with anything in them.
                    let len = HEADER_LEN as u64 + word % 40 * 8;
                    let at = tail % (1 << 13);
                    // Few enough that their answers have room: this peer reads none.
                    if at + len + 8 > 1 << 13 || frames > 40 {
                        std::thread::sleep(Duration::from_micros(100));
                        segment.store(ring + random.below(1024) * 8, word);
                        continue;
                    }
                    // Half of the peers send what the other end may expect, with anything in it.
                    let honest = if driver == Side::Active { 1 } else { 2 };
                    let kinds = [1u8, 2, 3, 4, 5, 9, honest, honest];
                    let kind = kinds[random.below(kinds.len())];
                    let mut frame = vec![0; len as usize];
                    random.fill(&mut frame[HEADER_LEN..]);
                    let mut header = data_header(len as u32 - HEADER_LEN as u32);
                    header[0] = if seed % 2 == 0 { honest } else { kind };
                    header[3] = 1 + random.below(5) as u8;
                    if driver == Side::Passive {
                        header[3] %= 3;
                    }
                    header[8] = if seed % 2 == 0 { 0 } else { random.below(4) as u8 };
                    header[22] = (random.below(8) == 0 && driver == Side::Active).into();
                    frame[..HEADER_LEN].copy_from_slice(&header);
                    segment.write(ring + at as usize + 8, &frame);
                    segment.store(ring + at as usize, 1 << 32 | len);
                    tail += 8 + len;
                    frames += 1;
                    segment.store(position(produced), tail);
                }
                _ => {
                    let words = [LANE_PARKED, LANE_NOTIFY, LANE_SERVING, LANE_CANCELLED];
                    let offset = LANE_BLOCKS + words[random.below(4)];
                    let value = if offset == LANE_BLOCKS + LANE_SERVING { word % 2 } else { word };
                    segment.store(offset, value);
                    segment.store(LINK_COUNTERS + random.below(32) * 8, word);
                }
            }
        }
    });
}

/// How a link ended.
#[derive(Debug, Default)]
struct Ends {
    poisoned: u32,
    closed: u32,
    died: u32,
    alive: u32,
    steps: u64,
}

fn scribbled(mode: &str, task: &str) {
    let seeds = if cfg!(debug_assertions) { 6 } else { 60 };
    let mut ends = Ends::default();
    for seed in 0..seeds {
        let wait = [WaitPolicy::Adaptive, WaitPolicy::Park, WaitPolicy::Spin][seed as usize % 3];
        leaves_nothing(|| {
            let driver = if task == "serves" { "active" } else { "passive" };
            let lanes = match task {
                "serves" => LinkConfig::default().lanes,
                _ => LinkConfig::driven_by_passive(1).lanes,
            };
            let config = LinkConfig { lanes, wait, ring_bytes: 1 << 13, ..short() };
            let role = format!("scribble {mode} {driver} {seed}");
            let command = second::command(&role).expect("this program");
            let (link, mut child) = Link::spawn(command, &config).expect("honest so far");
            match task {
                "calls" => calls(link, &mut ends),
                "serves" => serves(link, &mut ends),
                _ => sends(&link, &mut ends),
            }
            let _ = child.kill();
            child.wait().expect("a child");
        });
    }
    println!("{mode}, {task}: {ends:?}");
    assert!(mode == "words" || ends.poisoned + ends.closed + ends.died > 0, "{ends:?}");
}

/// Steps until the link ends or the time is over; what ended it must come again.
fn steps(ends: &mut Ends, mut step: impl FnMut(u64) -> Result<(), LinkError>) {
    let end = Instant::now() + Duration::from_millis(120);
    while Instant::now() < end {
        ends.steps += 1;
        let error = match step(ends.steps) {
            Ok(()) | Err(LinkError::Peer(PeerError::Timeout | PeerError::Full)) => continue,
            // The word that says whether anybody serves the lane says no for the moment.
            Err(LinkError::Misuse(Misuse::NotServed)) => continue,
            Err(error) => error,
        };
        match &error {
            LinkError::Peer(PeerError::Poisoned(_)) => {
                ends.poisoned += 1;
                for round in 0..4 {
                    assert_eq!(step(round), Err(error.clone()), "sticky");
                }
            }
            LinkError::Peer(PeerError::Closed) => ends.closed += 1,
            // It may mark its own death word.
            LinkError::Peer(PeerError::PeerDied { .. }) => ends.died += 1,
            _ => panic!("{error:?}"),
        }
        return;
    }
    ends.alive += 1;
}

const NAP: Duration = Duration::from_millis(3);

fn calls(link: Link, ends: &mut Ends) {
    let remote = Remote::new(link).expect("a lane to drive");
    let mut kept = Vec::new();
    steps(ends, |round| {
        let error = match remote.global_timeout(NAP) {
            Ok(proxy) => {
                kept.push(proxy);
                let last = kept.last().expect("just pushed");
                let value = Value::from(vec![1; 100]);
                let done = match round % 3 {
                    0 => last.get_timeout("key", NAP).map(drop),
                    1 => last.apply_timeout(&value, &[], NAP).map(drop),
                    _ => last.set_timeout("key", value, NAP).map(drop),
                };
                let Err(error) = done else { return Ok(()) };
                error
            }
            Err(error) => error,
        };
        match error {
            CallError::Thrown(_) | CallError::Failed { .. } => Ok(()),
            CallError::Misuse(e) => Err(e.into()),
            CallError::Peer(e) => Err(e.into()),
            CallError::System(e) => Err(e.into()),
            other => panic!("{other}"),
        }
    });
}

fn serves(link: Link, ends: &mut Ends) {
    let local = toy::local(link, std::sync::Arc::default()).expect("a lane to serve");
    steps(ends, |_| local.serve_timeout(NAP));
}

fn sends(link: &Link, ends: &mut Ends) {
    let mut lane = link.lane(0).expect("a lane");
    let mut message = Vec::new();
    steps(ends, |round| {
        if round % 2 == 0 {
            lane.send_timeout(&[round as u8; 300], NAP)
        } else {
            lane.receive_timeout(&mut message, NAP)
        }
    });
}
