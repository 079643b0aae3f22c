//! Round trips between two processes: frames of a lane, a whole `get` trap, and the line.
//!
//! The figures of one run belong together: read them as ratios to the line of the same group. The
//! command `trapline bench --case roundtrip` takes the line right around each of its rows and
//! counts system calls; this is for comparing two versions of the code.

use std::hint::black_box;
use std::process::Child;
use std::time::Duration;

use criterion::Criterion;
use trapline::line::Line;
use trapline::{
    Caller, Key, Lane, Link, LinkConfig, LinkError, Local, Outcome, PeerError, Reflect, Remote,
    Value, second,
};

const FRAMES: &str = "frames";
const GET: &str = "get";
/// Tells the other end to answer the line; no payload is like it.
const ANSWER_LINE: &[u8] = b"\0answer the line";
const KEY: &str = "sixteen.byte.key";

fn main() {
    let served = match second::role().as_deref() {
        None => {
            let mut criterion = Criterion::default()
                .warm_up_time(Duration::from_millis(500))
                .measurement_time(Duration::from_secs(2))
                .configure_from_args();
            frames(&mut criterion);
            get(&mut criterion);
            criterion.final_summary();
            return;
        }
        Some(FRAMES) => answer_frames(),
        Some(_) => Link::inherited().and_then(|link| Local::new(link, Host)?.serve()),
    };
    served.expect("the first process closes the link in order");
}

fn answer_frames() -> Result<(), LinkError> {
    let link = Link::inherited()?;
    let line = Line::new(&link)?;
    let mut lane = link.lane(0)?;
    let mut message = Vec::new();
    loop {
        match lane.receive(&mut message) {
            Err(LinkError::Peer(PeerError::Closed)) => return Ok(()),
            received => received?,
        }
        if message == ANSWER_LINE {
            line.answer()?;
        } else {
            lane.send(&message)?;
        }
    }
}

/// A host of one object, each property of which is a number.
struct Host;

impl Reflect for Host {
    type Object = ();

    fn global(&self, _: &Caller) -> Outcome<()> {
        Ok(Value::Reference(()).into())
    }

    fn get(&self, _: &Caller, _: &(), _: Key<'_>) -> Outcome<()> {
        Ok(Value::Number(42.5).into())
    }
}

fn start(role: &str) -> (Link, Child) {
    let command = second::command(role).expect("this program can be started again");
    Link::spawn(command, &LinkConfig::driven_by_passive(1)).expect("the second process starts")
}

/// The line and the frames of all sizes, in one pair of processes.
fn frames(criterion: &mut Criterion) {
    let (link, mut child) = start(FRAMES);
    let line = Line::new(&link).expect("a link between processes");
    let mut lane = link.lane(0).expect("the link has a lane");
    let mut group = criterion.benchmark_group("roundtrip");
    for size in [8, 64, 1 << 10, 64 << 10] {
        // The line again before each size, because the machine moves.
        group.bench_function(format!("line before {size} B"), |bencher| {
            bencher.iter_custom(|trips| line_trips(&line, &mut lane, trips));
        });
        let message = vec![0x5a; size];
        let mut back = Vec::new();
        group.bench_function(format!("frame {size} B"), |bencher| {
            bencher.iter(|| {
                lane.send(&message).expect("the other end is there");
                lane.receive(&mut back).expect("the other end answers");
                black_box(back.len())
            });
        });
    }
    group.finish();
    drop(lane);
    // The line holds the link as well.
    drop((line, link));
    assert!(child.wait().expect("it was started here").success());
}

fn line_trips(line: &Line, lane: &mut Lane<'_>, trips: u64) -> Duration {
    lane.send(ANSWER_LINE).expect("the other end is there");
    // The other end may not have begun to answer yet.
    line.sample(1, 64).expect("the other end answers");
    let sampled = u32::try_from(trips).unwrap_or(u32::MAX);
    let each = line.sample(1, sampled).expect("the other end answers")[0];
    line.stop().expect("the other end answers");
    Duration::from_nanos((each * trips as f64) as u64)
}

/// A whole trap: a key of 16 bytes, a number back.
fn get(criterion: &mut Criterion) {
    let (link, mut child) = start(GET);
    let remote = Remote::new(link).expect("this end drives");
    let global = remote.global().expect("the other end has a global object");
    criterion.bench_function("roundtrip/get", |bencher| {
        bencher.iter(|| global.get(black_box(KEY)).expect("the property is there"));
    });
    drop(global);
    drop(remote);
    assert!(child.wait().expect("it was started here").success());
}
