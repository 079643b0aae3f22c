//! Both ends of a ring against a peer that writes what the input says: to its words and bytes
//! between our calls, and, through lies, between two loads of one call.
//!
//! ```text
//!  hostile producer ── tail, bytes ──► Consumer          Producer ◄── head ── hostile consumer
//!                                                           └─ tail, bytes ──► honest Consumer
//! ```
//!
//! What must hold whatever the peer does: no panic; a record lies within what was published and
//! within the ring; an error leaves the end where it was, so that the link may keep it for good;
//! and what our producer writes is whole and readable by an honest consumer.

#![no_main]

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use libfuzzer_sys::fuzz_target;
use trapline::futex::{Bell, Scope};
use trapline::ring::{ClaimError, Consumer, Producer, RECORD_HEADER};
use trapline::shared::{Liar, OwnBytes, OwnU64, PeerU64, bytes, word_u32, word_u64};

/// The input, read from front to back by the steps and by the lies alike; zeros behind its end.
struct Tape {
    bytes: Vec<u8>,
    at: AtomicU64,
}

impl Tape {
    fn is_at_end(&self) -> bool {
        self.at.load(Relaxed) >= self.bytes.len() as u64
    }

    fn u8(&self) -> u8 {
        self.bytes.get(self.at.fetch_add(1, Relaxed) as usize).copied().unwrap_or(0)
    }

    fn u16(&self) -> u64 {
        u64::from(u16::from_le_bytes([self.u8(), self.u8()]))
    }

    fn u64(&self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.u8()))
    }

    /// A position or header near `truth`, or anything.
    fn twist(&self, truth: u64) -> u64 {
        match self.u8() % 8 {
            0 => self.u64(),
            1 => truth.wrapping_sub(self.u16() & !7),
            2 => truth ^ (1 << (self.u8() & 63)),
            3 => truth.wrapping_add(1 << (self.u8() & 63)),
            4 => (1 + u64::from(self.u8() % 3)) << 32 | self.u16() & 0x1fff,
            _ => truth.wrapping_add(self.u16() & 0x1ff8),
        }
    }

    fn position(&self) -> u64 {
        let near = self.u16() & !7;
        match self.u8() % 4 {
            0 => 0,
            1 => near,
            2 => (1 << 32) - near,
            _ => 0u64.wrapping_sub(near),
        }
    }
}

/// What the last load of a word answered.
type Answer = Arc<AtomicU64>;

/// A memory that mostly tells the truth, and notes what it told.
fn liar(tape: &Arc<Tape>) -> (Liar, Answer) {
    let (tape, answer) = (tape.clone(), Answer::default());
    let told = answer.clone();
    let liar = Liar::new(move |truth| {
        let lie = if tape.u8() < 224 { truth } else { tape.twist(truth) };
        told.store(lie, Relaxed);
        lie
    });
    (liar, answer)
}

/// Lies about headers. Payload bytes come one by one, would eat up the tape, and decide nothing.
fn header_liar(tape: &Arc<Tape>) -> Liar {
    let tape = tape.clone();
    Liar::new(move |truth| if truth < 256 || tape.u8() < 224 { truth } else { tape.twist(truth) })
}

fn word_at(position: u64) -> (OwnU64, PeerU64) {
    let (own, peer) = word_u64();
    own.store(position, Relaxed);
    (own, peer)
}

/// A memory that tells the truth, and notes what it told.
fn witness() -> (Liar, Answer) {
    let answer = Answer::default();
    let told = answer.clone();
    let liar = Liar::new(move |truth| {
        told.store(truth, Relaxed);
        truth
    });
    (liar, answer)
}

fn bell(tape: &Arc<Tape>) -> Bell {
    let ((_, parked), (notify, _)) = (word_u64(), word_u32());
    Bell::new(parked.lying(liar(tape).0), notify, Scope::Process)
}

/// Our consumer, and the peer that writes its ring.
struct Reading {
    tape: Arc<Tape>,
    capacity: u64,
    consumer: Consumer,
    bell: Bell,
    /// What the consumer was last told of `tail`.
    told: Answer,
    /// What the consumer announced, as its peer sees it.
    head: PeerU64,
    tail: OwnU64,
    written: OwnBytes,
    /// Whether all that was taken is announced.
    settled: bool,
}

impl Reading {
    fn new(tape: &Arc<Tape>, capacity: usize) -> Self {
        let position = tape.position();
        let ((tail, peer_tail), (head, peer_head)) = (word_at(position), word_at(position));
        let (written, peer) = bytes(capacity);
        let (tail_liar, told) = liar(tape);
        told.store(position, Relaxed);
        let peer = peer.lying(header_liar(tape));
        let consumer = Consumer::starting_at(position, head, peer_tail.lying(tail_liar), peer);
        let (tape, bell) = (tape.clone(), bell(tape));
        let capacity = capacity as u64;
        Self { tape, capacity, consumer, bell, told, head: peer_head, tail, written, settled: true }
    }

    /// The peer moves its tail, mostly to where it may.
    fn publish(&self) {
        let truth = self.tail.load(Relaxed);
        let tail = if self.tape.u8() < 192 {
            truth.wrapping_add(8 * u64::from(self.tape.u8()))
        } else {
            self.tape.twist(truth)
        };
        self.tail.store(tail, Release);
    }

    /// The peer writes a header: at the consumer's position or anywhere.
    fn write_header(&mut self) {
        let anywhere = if self.tape.u8() < 192 { 0 } else { self.tape.u16() };
        let at = self.head.load(Relaxed).wrapping_add(anywhere) & (self.capacity - 8);
        let kind = u64::from(self.tape.u8() % 5);
        let len = match self.tape.u8() % 4 {
            0 => self.capacity - at - RECORD_HEADER,
            1 => self.tape.u64() & 0xffff_ffff,
            _ => self.tape.u16() % self.capacity,
        };
        self.written.scribble(at as usize, kind << 32 | len);
    }

    /// Looks without taking; the answer it gets is not one that `next` has to honour.
    fn look(&self) {
        let told = self.told.load(Relaxed);
        black_box(self.consumer.has_next());
        self.told.store(told, Relaxed);
    }

    fn take(&mut self) {
        let before = self.head.load(Acquire);
        let (way, settle) = (self.tape.u8() % 3, self.tape.u8() % 4 != 0);
        let mut least = 0;
        match self.consumer.next() {
            Ok(Some(record)) => {
                let len = record.bytes().len() as u64;
                least = RECORD_HEADER + len;
                assert!(least <= self.capacity / 2, "record of {len} bytes");
                black_box(record.bytes().to_vec());
                match way {
                    0 => drop(record),
                    1 => record.release_later(&mut self.bell),
                    _ => _ = black_box(record.release(&mut self.bell)),
                }
            }
            Ok(None) => assert_eq!(self.head.load(Acquire), before),
            Err(poison) => {
                black_box(poison.to_string());
                assert_eq!(self.head.load(Acquire), before, "an error releases nothing");
            }
        }
        let was_settled = self.settled;
        self.settled = settle;
        if settle {
            let _ = black_box(self.consumer.settle(&mut self.bell));
        }
        let released = self.head.load(Acquire).wrapping_sub(before);
        if least == 0 {
            return assert!(!was_settled || released == 0, "{released} released for no record");
        }
        let published = self.told.load(Relaxed).wrapping_sub(before);
        assert!(released <= published && released % 8 == 0, "{released} of {published}");
        // Only then did `before` say where the consumer stood.
        if was_settled {
            assert!(published <= self.capacity, "believed {published} bytes published");
            assert!(!settle || released >= least, "{released} released for {least}");
        }
    }
}

/// What the honest consumer reads; that our own producer is honest is never in doubt.
fn read(honest: &mut Consumer) -> Option<Vec<u8>> {
    honest.next().expect("our own producer is honest").map(|record| record.bytes().to_vec())
}

/// Our producer, the peer that answers it, and an honest consumer that checks what it writes.
struct Writing {
    tape: Arc<Tape>,
    capacity: u64,
    producer: Producer,
    bell: Bell,
    /// What the peer announces.
    head: OwnU64,
    honest: Consumer,
    /// What the honest consumer was last told of `tail`: where an honest head would be, since it
    /// reads everything at once.
    tail: Answer,
    /// Where the ring lies in memory.
    area: std::ops::Range<usize>,
    seed: u8,
}

impl Writing {
    fn new(tape: &Arc<Tape>, capacity: usize) -> Self {
        let position = tape.position();
        let ((head, peer_head), (honest_head, _)) = (word_at(position), word_at(position));
        let ((tail, honest_tail), (witness, told)) = (word_at(position), witness());
        told.store(position, Relaxed);
        let (own, peer) = bytes(capacity);
        let area = own.address_range();
        let head_liar = liar(tape).0;
        Self {
            tape: tape.clone(),
            capacity: capacity as u64,
            producer: Producer::starting_at(position, tail, peer_head.lying(head_liar), own),
            bell: bell(tape),
            head,
            honest: Consumer::starting_at(position, honest_head, honest_tail.lying(witness), peer),
            tail: told,
            area,
            seed: 0,
        }
    }

    /// The peer moves its head, mostly to where it may.
    fn announce(&self) {
        let (tail, head) = (self.tail.load(Relaxed), self.head.load(Relaxed));
        let to = match self.tape.u8() {
            0..160 => tail,
            160..208 => head.wrapping_add((tail.wrapping_sub(head) / 2) & !7),
            _ => self.tape.twist(tail),
        };
        self.head.store(to, Release);
    }

    fn payload(&mut self, len: usize) -> Vec<u8> {
        self.seed = self.seed.wrapping_add(1);
        (0..len).map(|i| self.seed.wrapping_mul(29).wrapping_add(i as u8)).collect()
    }

    /// A little more than the longest record, so that `TooLong` comes up.
    fn len(&self) -> usize {
        (self.tape.u16() % (self.capacity / 2 + 16)) as usize
    }

    fn read(&mut self) -> Option<Vec<u8>> {
        read(&mut self.honest)
    }

    /// One record as an encoder writes it: a first part, perhaps aligned, then the rest.
    fn write(&mut self) {
        let (first, then) = (self.len(), self.len());
        let (small, align, abandon) =
            (self.tape.u8() % 2 == 0, self.tape.u8() % 2 == 0, self.tape.u8() % 8 == 7);
        let all = self.payload(first + then);
        let longest = (self.capacity / 2 - RECORD_HEADER) as usize;
        let mut claim = match self.producer.claim(first, small) {
            Ok(claim) => claim,
            Err(error) => {
                assert_eq!(first > longest, matches!(error, ClaimError::TooLong { .. }));
                black_box(error.to_string());
                return assert_eq!(self.read(), None, "a refusal publishes nothing");
            }
        };
        let room = claim.bytes_mut();
        assert!(first <= room.len() && room.len() <= longest, "room for {}", room.len());
        room.fill(0xee);
        room[..first].copy_from_slice(&all[..first]);
        let aligned = align && claim.align(first).is_ok();
        let grown = claim.grow(first, first + then).is_ok();
        let len = if grown { first + then } else { first };
        let room = claim.bytes_mut();
        let at = room.as_ptr() as usize;
        assert!(self.area.start <= at && at + room.len() <= self.area.end, "beyond the ring");
        assert!(!aligned || at % 64 == 0, "not aligned");
        assert_eq!(room[..first], all[..first], "what was written moves along");
        room[first..len].copy_from_slice(&all[first..len]);
        if abandon {
            return assert_eq!(self.read(), None, "an abandoned claim publishes nothing");
        }
        let _ = black_box(claim.commit(len, &mut self.bell));
        assert_eq!(self.read().as_deref(), Some(&all[..len]));
        assert_eq!(self.read(), None, "one commit is one record");
    }

    /// A few records of which the peer may see some before all are written.
    fn batch(&mut self) {
        let payloads: Vec<_> = (0..self.tape.u8() % 8)
            .map(|_| {
                let len = self.len();
                self.payload(len)
            })
            .collect();
        let mut written = VecDeque::new();
        let mut batch = self.producer.batch();
        for payload in payloads {
            let Ok(mut claim) = batch.claim(payload.len(), true) else { continue };
            claim.bytes_mut()[..payload.len()].copy_from_slice(&payload);
            let _ = black_box(claim.commit(payload.len(), &mut self.bell));
            written.push_back(payload);
            // What is published the peer may release at once, so it is read at once.
            while let Some(payload) = read(&mut self.honest) {
                assert_eq!(Some(payload), written.pop_front(), "a record of a batch");
            }
        }
        drop(batch);
        for payload in written {
            assert_eq!(self.read(), Some(payload), "held back until the batch ended");
        }
        assert_eq!(self.read(), None);
    }
}

fuzz_target!(|data: &[u8]| {
    let tape = Arc::new(Tape { bytes: data.to_vec(), at: AtomicU64::new(0) });
    // Up to 256 KiB: from 64 KiB on, small records start over at the front.
    let capacity = [128, 256, 512, 1024, 4096, 8192, 64 << 10, 256 << 10];
    let capacity = capacity[usize::from(tape.u8() % 8)];
    let mut reading = Reading::new(&tape, capacity);
    let mut writing = Writing::new(&tape, capacity);
    while !tape.is_at_end() {
        match tape.u8() % 8 {
            0 => reading.publish(),
            1 => reading.write_header(),
            2 => reading.look(),
            3 => reading.take(),
            4 => writing.announce(),
            5 | 6 => writing.write(),
            _ => writing.batch(),
        }
    }
});
