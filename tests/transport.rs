//! A transport of the user's own carries traps and messages like the built-in ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trapline::futex::{Bell, Deadline, Scope};
use trapline::layout::RingName;
use trapline::link::{InFrame, Interest, OutFrame, Transport};
use trapline::ring::{ClaimError, Consumer, Producer};
use trapline::shared::{bytes, word_u32, word_u64};
use trapline::{
    Caller, Key, Link, LinkConfig, LinkError, Local, Outcome, PeerError, Poison, Reflect, Remote,
    Side, Value,
};

/// One end of a lane over two rings of this test, which spins while it waits.
#[derive(Debug)]
struct Mine {
    out: Producer,
    inward: Consumer,
    bell: Bell,
    closed: Arc<AtomicBool>,
    poison: Option<Poison>,
}

fn ring() -> (Producer, Consumer) {
    let ((tail, peer_tail), (head, peer_head)) = (word_u64(), word_u64());
    let (own, peer) = bytes(1 << 16);
    (Producer::new(tail, peer_head, own), Consumer::new(head, peer_tail, peer))
}

fn ends() -> (Mine, Mine) {
    let ((request, requests), (reply, replies)) = (ring(), ring());
    let closed = Arc::new(AtomicBool::new(false));
    let end = |out, inward| {
        // Nobody sleeps, so the bell has nothing to ring for.
        let ((_, parked), (notify, _)) = (word_u64(), word_u32());
        let bell = Bell::new(parked, notify, Scope::Process);
        Mine { out, inward, bell, closed: closed.clone(), poison: None }
    };
    (end(request, replies), end(reply, requests))
}

impl Transport for Mine {
    fn claim(&mut self, _: RingName, min: usize, small: bool) -> Result<OutFrame<'_>, ClaimError> {
        Ok(OutFrame::new(self.out.claim(min, small)?, &mut self.bell))
    }

    fn next(&mut self, _: RingName) -> Result<Option<InFrame<'_>>, LinkError> {
        if let Some(poison) = self.poison {
            return Err(poison.into());
        }
        match self.inward.next() {
            Ok(record) => Ok(record.map(|record| InFrame::new(record, &mut self.bell))),
            Err(reason) => {
                self.poison = Some(reason);
                Err(reason.into())
            }
        }
    }

    fn flush(&mut self) {
        let _ = self.out.publish(&mut self.bell);
        let _ = self.inward.settle(&mut self.bell);
    }

    fn wait(&mut self, interest: Interest, deadline: &mut Deadline) -> Result<(), LinkError> {
        self.flush();
        loop {
            let closed = self.closed.load(Ordering::Acquire);
            let met = match interest {
                Interest::Data(_) => self.inward.has_next(),
                Interest::Space { min, .. } => self.out.has_room(min),
                _ => self.inward.has_next(),
            };
            match () {
                () if met => return Ok(()),
                () if closed => return Err(PeerError::Closed.into()),
                () if deadline.has_passed() => return Err(PeerError::Timeout.into()),
                () => std::thread::yield_now(),
            }
        }
    }

    fn wake(&mut self) {
        self.bell.ring();
    }

    fn poison(&mut self, reason: Poison) -> LinkError {
        (*self.poison.get_or_insert(reason)).into()
    }

    fn close(&mut self) {
        self.closed.store(true, Ordering::Release);
    }
}

fn links() -> (Link, Link) {
    let (driver, server) = ends();
    let over = |side, end| {
        Link::over(side, Side::Active, vec![Box::new(end)], &LinkConfig::default()).expect("a link")
    };
    (over(Side::Active, driver), over(Side::Passive, server))
}

struct Host;

impl Reflect for Host {
    type Object = u32;

    fn global(&self, _: &Caller) -> Outcome<u32> {
        Ok(Value::Reference(0).into())
    }

    fn get(&self, _: &Caller, target: &u32, key: Key<'_>) -> Outcome<u32> {
        Ok(match key {
            Key::Index(index) => Value::Reference(index),
            _ => Value::Number(f64::from(*target)),
        }
        .into())
    }
}

#[test]
fn traps_cross_it() {
    let (active, passive) = links();
    let local = std::thread::spawn(move || Local::new(passive, Host)?.serve());
    let remote = Remote::new(active).expect("drives");
    let global = remote.global().expect("answers");
    for index in 1..2000 {
        let object = global.get(index).expect("answers").into_reference().expect("an object");
        assert_eq!(object.get("number").expect("answers"), Value::Number(f64::from(index)));
    }
    drop((global, remote));
    assert_eq!(local.join().expect("no panic"), Ok(()));
}

#[test]
fn messages_cross_it() {
    let (active, passive) = links();
    let echo = std::thread::spawn(move || -> Result<(), LinkError> {
        let mut lane = passive.lane(0)?;
        let mut message = Vec::new();
        loop {
            lane.receive(&mut message)?;
            lane.send(&message)?;
        }
    });
    let mut lane = active.lane(0).expect("a lane");
    let mut back = Vec::new();
    for len in 0..2000 {
        let message = vec![len as u8; len];
        lane.send(&message).expect("sent");
        lane.receive(&mut back).expect("received");
        assert_eq!(back, message);
    }
    drop(lane);
    active.close();
    assert_eq!(echo.join().expect("no panic"), Err(PeerError::Closed.into()));
}
