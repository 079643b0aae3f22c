//! Sockets that were handed in.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use trapline::{Link, LinkError, Misuse, Refusal, Side};

use super::support::hand::{self, ACCEPT, HandSegment, MESSAGE, OFFER, READY, REFUSE, SEALS};
use super::support::watch::{SOON, within};
use super::{leaves_nothing, short, talk};

type Linked = JoinHandle<Result<Link, LinkError>>;

fn link(stream: UnixStream, side: Side) -> Linked {
    thread::spawn(move || Link::from_stream(stream, side, &short()))
}

fn outcome(linked: Linked) -> Result<(), LinkError> {
    linked.join().expect("no panic").map(|_| ())
}

/// The segment and the first message of the end that is not `side`.
fn first_message(side: Side) -> (HandSegment, Vec<u8>) {
    let segment = HandSegment::new(&hand::plan(side.other(), Side::Active), SEALS);
    let kind = if side == Side::Active { OFFER } else { ACCEPT };
    let message = hand::message(kind, segment.len() as u64, 1, 1);
    (segment, message)
}

/// What the end of `side` says before it listens.
fn skip_offer(stream: &mut UnixStream, side: Side) {
    if side == Side::Passive {
        stream.read_exact(&mut [0; MESSAGE]).expect("an OFFER");
    }
}

pub(crate) fn honest() {
    for non_blocking in [false, true] {
        leaves_nothing(|| {
            let (here, there) = UnixStream::pair().expect("sockets");
            here.set_nonblocking(non_blocking).expect("a socket");
            let passive = link(there, Side::Passive);
            let active = Link::from_stream(here, Side::Active, &short()).expect("a link");
            let passive = passive.join().expect("no panic").expect("a link");
            assert_eq!((active.side(), passive.side()), (Side::Active, Side::Passive));
            talk(&active, &passive);
        });
    }
    // Two of the same side.
    for side in [Side::Active, Side::Passive] {
        let (here, there) = UnixStream::pair().expect("sockets");
        let ends = [link(here, side), link(there, side)];
        assert!(ends.into_iter().map(outcome).all(|outcome| outcome.is_err()));
    }
}

pub(crate) fn byte_by_byte() {
    for side in [Side::Active, Side::Passive] {
        leaves_nothing(|| {
            let (mut here, there) = UnixStream::pair().expect("sockets");
            let other = link(there, side);
            skip_offer(&mut here, side);
            let (segment, message) = first_message(side);
            let socket: OwnedFd = here.into();
            hand::send(&socket, &message[..1], &[segment.file.as_fd()]);
            let mut here = UnixStream::from(socket);
            for byte in &message[1..] {
                here.write_all(&[*byte]).expect("sent");
            }
            let mut answer = [0; MESSAGE];
            here.read_exact(&mut answer).expect("an answer");
            if side == Side::Active {
                assert_eq!(answer[12], ACCEPT as u8);
                // What follows READY on a stream is not touched.
                let ready = hand::message(READY, 0, 0, 0);
                here.write_all(&[&ready[..], b"more"].concat()).expect("sent");
            } else {
                assert_eq!(answer[12], READY as u8);
            }
            assert_eq!(outcome(other), Ok(()));
        });
    }
}

pub(crate) fn cut() {
    for side in [Side::Active, Side::Passive] {
        for len in 0..MESSAGE {
            let refused = leaves_nothing(|| {
                let (mut here, there) = UnixStream::pair().expect("sockets");
                let other = link(there, side);
                skip_offer(&mut here, side);
                let (segment, message) = first_message(side);
                let socket: OwnedFd = here.into();
                if len > 0 {
                    hand::send(&socket, &message[..len], &[segment.file.as_fd()]);
                }
                drop(socket);
                within(SOON, || outcome(other))
            });
            assert_eq!(refused, Err(Refusal::HungUp.into()), "{side:?}, {len} bytes");
        }
    }
}

pub(crate) fn files() {
    for side in [Side::Active, Side::Passive] {
        for (count, len) in [(0, MESSAGE), (2, MESSAGE), (16, MESSAGE), (2, 5), (16, 63)] {
            let refused = leaves_nothing(|| {
                let (mut here, there) = UnixStream::pair().expect("sockets");
                let other = link(there, side);
                skip_offer(&mut here, side);
                let (segment, message) = first_message(side);
                let beside: Vec<BorrowedFd<'_>> =
                    (0..count).map(|_| segment.file.as_fd()).collect();
                let socket: OwnedFd = here.into();
                hand::send(&socket, &message[..len], &beside);
                let outcome = within(SOON, || outcome(other));
                let (said, _) = hand::receive(&socket);
                assert_eq!((said[12], said[32]), (REFUSE as u8, 3), "{side:?}");
                outcome
            });
            assert_eq!(refused, Err(Refusal::Descriptors { count }.into()), "{side:?}");
        }
    }
}

/// Bytes that come now and then do not move the deadline.
pub(crate) fn trickle() {
    for side in [Side::Active, Side::Passive] {
        leaves_nothing(|| {
            let (mut here, there) = UnixStream::pair().expect("sockets");
            let begin = Instant::now();
            let other = link(there, side);
            skip_offer(&mut here, side);
            let (_segment, message) = first_message(side);
            for byte in &message {
                if here.write_all(&[*byte]).is_err() {
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
            assert_eq!(outcome(other), Err(Refusal::Timeout.into()));
            let took = begin.elapsed();
            assert!(took >= short().handshake_timeout && took < SOON * 2, "{took:?}");
        });
    }
}

pub(crate) fn ready_with_a_file() {
    let refused = leaves_nothing(|| {
        let (here, there) = hand::sockets();
        let other = link(UnixStream::from(there), Side::Active);
        let (segment, message) = first_message(Side::Active);
        hand::send(&here, &message, &[segment.file.as_fd()]);
        assert_eq!(hand::receive(&here).0[12], ACCEPT as u8);
        hand::send(&here, &hand::message(READY, 0, 0, 0), &[segment.file.as_fd()]);
        outcome(other)
    });
    assert_eq!(refused, Err(Refusal::Descriptors { count: 1 }.into()));
}

pub(crate) fn other_kinds() {
    let (datagram, _other) = UnixDatagram::pair().expect("sockets");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let tcp = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
    for socket in [OwnedFd::from(datagram), OwnedFd::from(tcp)] {
        let refused = Link::from_stream(UnixStream::from(socket), Side::Passive, &short());
        let Err(LinkError::Misuse(Misuse::Config { option: "socket", .. })) = refused else {
            panic!("{refused:?}");
        };
    }
}
