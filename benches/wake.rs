//! Round trips between two ends that sleep while it is not their turn: frames of a lane with
//! `Park` between two threads and between two processes, and the bare futex in the same places.
//!
//! Read the frames as ratios to the bare futex beside them. The command `trapline bench --case
//! cold` takes both in one pair of processes, placed apart, and counts system calls; this is for
//! comparing two versions of the code.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use trapline::line::Bare;
use trapline::{Lane, Link, LinkConfig, LinkError, PeerError, WaitPolicy, second};

const ROLE: &str = "cold";
/// Tells the other end to answer the bare futex; no payload is like it.
const ANSWER_BARE: &[u8] = b"\0answer the bare futex";
const PAYLOAD: &[u8] = b"8 bytes.";

fn main() {
    if second::role().is_some() {
        let served = Link::inherited_with(&config()).and_then(|link| answer(&link));
        return served.expect("the first process closes the link in order");
    }
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    threads(&mut criterion);
    processes(&mut criterion);
    criterion.final_summary();
}

fn config() -> LinkConfig {
    LinkConfig { wait: WaitPolicy::Park, ..LinkConfig::driven_by_passive(1) }
}

/// The other end: answers until the link is closed.
fn answer(link: &Link) -> Result<(), LinkError> {
    let (mut lane, mut bare, mut message) = (link.lane(0)?, Bare::new(link)?, Vec::new());
    loop {
        match lane.receive(&mut message) {
            Err(LinkError::Peer(PeerError::Closed)) => return Ok(()),
            received => received?,
        }
        if message == ANSWER_BARE { bare.answer()? } else { lane.send(&message)? }
    }
}

fn threads(criterion: &mut Criterion) {
    let (passive, active) = Link::pair(&config()).expect("a pair");
    std::thread::scope(|threads| {
        threads.spawn(|| answer(&active).expect("the first thread closes the link in order"));
        trips(&mut criterion.benchmark_group("wake/threads"), &passive);
        passive.close();
    });
}

fn processes(criterion: &mut Criterion) {
    let command = second::command(ROLE).expect("this program can be started again");
    let (link, mut child) = Link::spawn(command, &config()).expect("the second process starts");
    trips(&mut criterion.benchmark_group("wake/processes"), &link);
    drop(link);
    assert!(child.wait().expect("it was started here").success());
}

/// The bare futex before the frames and after them, because the machine moves.
fn trips(group: &mut BenchmarkGroup<'_, WallTime>, link: &Link) {
    let mut lane = link.lane(0).expect("the link has a lane");
    bare(group, "bare futex before", link, &mut lane);
    let mut back = Vec::new();
    group.bench_function("frame 8 B", |bencher| {
        bencher.iter(|| {
            lane.send(black_box(PAYLOAD)).expect("the other end is there");
            lane.receive(&mut back).expect("the other end answers");
        });
    });
    bare(group, "bare futex after", link, &mut lane);
}

fn bare(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, link: &Link, lane: &mut Lane<'_>) {
    let mut bare = Bare::new(link).expect("a link with segments");
    lane.send(ANSWER_BARE).expect("the other end is there");
    group.bench_function(name, |bencher| {
        bencher.iter(|| bare.trip().expect("the other end answers"));
    });
    bare.stop().expect("the other end answers");
}
