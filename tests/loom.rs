//! Models of the ring and of park and ring, on the modules that ship, under loom.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release --test loom`. The atomics are loom's, so
//! each load answers with every value that the memory model allows; the bytes of a ring are
//! tracked by the word of 8, so a payload that is read while it is written is found; a lost wake
//! is a deadlock. `tests/weaken.sh` shows that each strong ordering is needed by one of these.
#![cfg(loom)]

use loom::sync::atomic::fence;
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use trapline::futex::{
    self, Bell, End, Ending, Look, OWNER_DIED, OwnWake, Park, Parked, Scope, Wake, reason,
};
use trapline::layout::State;
use trapline::ring::{ClaimError, Consumer, Producer};
use trapline::shared::{OwnU32, OwnU64, PeerU32, PeerU64, bytes, word_u32, word_u64};

/// The smallest ring: two of the longest records fill it.
const CAPACITY: usize = 128;
const LONGEST: usize = 56;

/// Explores every interleaving of `model`.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    loom::model::Builder::new().check(model);
}

/// The same with at most `preemptions`, for models that would take minutes otherwise.
fn explore_bounded(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// One direction of who sleeps and who rings.
fn bell_and_park() -> (Bell, Park) {
    let (own_parked, peer_parked) = word_u64();
    let (own_notify, peer_notify) = word_u32();
    let bell = Bell::new(peer_parked, own_notify, Scope::Process);
    (bell, Park::new(own_parked, peer_notify, Scope::Process))
}

/// The writing end, and its way to sleep until there is room.
struct Writer {
    ring: Producer,
    bell: Bell,
    park: Park,
}

/// The reading end, and its way to sleep until there is a record.
struct Reader {
    ring: Consumer,
    bell: Bell,
    park: Park,
}

/// Both ends of an empty ring whose next record starts at `position`.
fn ring_at(position: u64) -> (Writer, Reader) {
    let ((tail, peer_tail), (head, peer_head)) = (word_u64(), word_u64());
    tail.store(position, Relaxed);
    head.store(position, Relaxed);
    let (own, peer) = bytes(CAPACITY);
    let (to_reader, reader_park) = bell_and_park();
    let (to_writer, writer_park) = bell_and_park();
    let producer = Producer::starting_at(position, tail, peer_head, own);
    let consumer = Consumer::starting_at(position, head, peer_tail, peer);
    (
        Writer { ring: producer, bell: to_reader, park: writer_park },
        Reader { ring: consumer, bell: to_writer, park: reader_park },
    )
}

fn payload(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|i| seed.wrapping_mul(41).wrapping_add(i as u8)).collect()
}

fn ring_if(wake: Wake, bell: &Bell) {
    if wake == Wake::Yes {
        bell.ring();
    }
}

impl Writer {
    fn try_push(&mut self, seed: u8, len: usize) -> Result<(), ClaimError> {
        let mut claim = self.ring.claim(len, false)?;
        claim.bytes_mut()[..len].copy_from_slice(&payload(seed, len));
        ring_if(claim.commit(len, &mut self.bell), &self.bell);
        Ok(())
    }

    /// Pushes as soon as there is room, awake.
    fn push(&mut self, seed: u8, len: usize) {
        while let Err(error) = self.try_push(seed, len) {
            assert_eq!(error, ClaimError::Full);
            thread::yield_now();
        }
    }

    /// Pushes as soon as there is room, asleep until then.
    fn push_parked(&mut self, seed: u8, len: usize) {
        while let Err(error) = self.try_push(seed, len) {
            assert_eq!(error, ClaimError::Full);
            let ring = &mut self.ring;
            self.park.sleep(reason::SPACE, None, || ring.has_room(len)).expect("waits");
        }
    }
}

impl Reader {
    fn try_pop(&mut self) -> Option<Vec<u8>> {
        let record = self.ring.next().expect("an honest ring")?;
        let payload = record.bytes().to_vec();
        ring_if(record.release(&mut self.bell), &self.bell);
        Some(payload)
    }

    /// Pops as soon as there is a record, awake.
    fn pop(&mut self) -> Vec<u8> {
        loop {
            match self.try_pop() {
                Some(payload) => return payload,
                None => thread::yield_now(),
            }
        }
    }

    /// Pops as soon as there is a record, asleep until then.
    fn pop_parked(&mut self) -> Vec<u8> {
        loop {
            if let Some(payload) = self.try_pop() {
                return payload;
            }
            let ring = &self.ring;
            self.park.sleep(reason::DATA, None, || ring.has_next()).expect("waits");
        }
    }
}

#[test]
fn pushed_is_popped_intact() {
    explore(|| {
        let (mut writer, mut reader) = ring_at(0);
        let writing = thread::spawn(move || {
            writer.push(1, 5);
            writer.push(2, 24);
            writer.push(3, 0);
        });
        assert_eq!(reader.pop(), payload(1, 5));
        assert_eq!(reader.pop(), payload(2, 24));
        assert_eq!(reader.pop(), payload(3, 0));
        writing.join().expect("writes");
    });
}

#[test]
fn what_has_next_saw_is_there() {
    explore(|| {
        let (mut writer, mut reader) = ring_at(0);
        let writing = thread::spawn(move || writer.push(1, 24));
        while !reader.ring.has_next() {
            thread::yield_now();
        }
        assert_eq!(reader.try_pop(), Some(payload(1, 24)));
        writing.join().expect("writes");
    });
}

#[test]
fn a_record_behind_a_pad_comes_with_it() {
    explore(|| {
        // 32 bytes are left before the end: the first record fits no more, and a pad covers them.
        let (mut writer, mut reader) = ring_at(96);
        let writing = thread::spawn(move || {
            writer.push(1, 40);
            writer.push(2, 8);
        });
        assert_eq!(reader.pop(), payload(1, 40));
        assert_eq!(reader.pop(), payload(2, 8));
        writing.join().expect("writes");
    });
}

#[test]
fn a_record_that_grows_to_the_front_leaves_unread_ones_alone() {
    explore(|| {
        // Unread at 64..80; the next record starts at 80, outgrows the end and moves to the front.
        let (mut writer, mut reader) = ring_at(64);
        writer.push(1, 8);
        let writing = thread::spawn(move || {
            let mut claim = writer.ring.claim(8, false).expect("48 bytes are left before the end");
            claim.bytes_mut()[..8].copy_from_slice(&payload(2, 48)[..8]);
            claim.grow(8, 48).expect("64 bytes are free at the front");
            claim.bytes_mut()[8..48].copy_from_slice(&payload(2, 48)[8..]);
            ring_if(claim.commit(48, &mut writer.bell), &writer.bell);
        });
        assert_eq!(reader.pop(), payload(1, 8));
        assert_eq!(reader.pop(), payload(2, 48));
        writing.join().expect("writes");
    });
}

#[test]
fn a_full_ring_waits_for_the_head() {
    explore(|| {
        let (mut writer, mut reader) = ring_at(0);
        writer.push(1, LONGEST);
        writer.push(2, LONGEST);
        let writing = thread::spawn(move || writer.push(3, LONGEST));
        for seed in 1..=3 {
            assert_eq!(reader.pop(), payload(seed, LONGEST));
        }
        writing.join().expect("writes");
    });
}

#[test]
fn a_reader_that_parks_is_woken_for_each_record() {
    explore_bounded(5, || {
        let (mut writer, mut reader) = ring_at(0);
        let writing = thread::spawn(move || {
            writer.push(1, 8);
            writer.push(2, 8);
        });
        assert_eq!(reader.pop_parked(), payload(1, 8));
        assert_eq!(reader.pop_parked(), payload(2, 8));
        writing.join().expect("writes");
    });
}

#[test]
fn a_writer_that_parks_is_woken_for_room() {
    explore_bounded(4, || {
        let (mut writer, mut reader) = ring_at(0);
        writer.push(1, LONGEST);
        writer.push(2, LONGEST);
        let writing = thread::spawn(move || {
            writer.push_parked(3, LONGEST);
            writer.push_parked(4, LONGEST);
        });
        for seed in 1..=4 {
            assert_eq!(reader.pop_parked(), payload(seed, LONGEST));
        }
        writing.join().expect("writes");
    });
}

/// The ringer rings once a park, and here its first ring brings too little. Were that ring already
/// in the `notify` that the sleeper loads, the sleeper would go on to sleep, and the second release
/// would not ring again: `parked` must not be visible before `notify` is loaded.
#[test]
fn a_writer_that_needs_two_releases_is_woken_for_the_second() {
    explore(|| {
        let (mut writer, mut reader) = ring_at(0);
        for (seed, len) in [(1, 8), (2, 40), (3, LONGEST)] {
            writer.push(seed, len);
        }
        let writing = thread::spawn(move || writer.push_parked(4, 40));
        assert_eq!(reader.try_pop(), Some(payload(1, 8)));
        assert_eq!(reader.try_pop(), Some(payload(2, 40)));
        writing.join().expect("writes");
    });
}

/// Records that are dropped instead of released: `settle` makes up for them.
#[test]
fn a_writer_that_parks_is_woken_for_dropped_records() {
    explore(|| {
        let (mut writer, mut reader) = ring_at(0);
        writer.push(1, LONGEST);
        writer.push(2, LONGEST);
        let writing = thread::spawn(move || writer.push_parked(3, LONGEST));
        drop(reader.ring.next().expect("an honest ring"));
        drop(reader.ring.next().expect("an honest ring"));
        ring_if(reader.ring.settle(&mut reader.bell), &reader.bell);
        assert_eq!(reader.pop(), payload(3, LONGEST));
        writing.join().expect("writes");
    });
}

/// Less than a quarter of the ring, released for later, is given back when the reader settles.
#[test]
fn a_writer_that_parks_is_woken_for_what_is_settled() {
    explore(|| {
        let (mut writer, mut reader) = ring_at(0);
        for (seed, len) in [(1, 8), (2, 40), (3, LONGEST)] {
            writer.push(seed, len);
        }
        let writing = thread::spawn(move || writer.push_parked(4, 8));
        let record = reader.ring.next().expect("an honest ring").expect("three are there");
        record.release_later(&mut reader.bell);
        ring_if(reader.ring.settle(&mut reader.bell), &reader.bell);
        writing.join().expect("writes");
    });
}

/// A request whose release is left to the check that the reply makes: one fence serves both, for a
/// caller that waits for the room of the one and for the other.
#[test]
fn one_check_serves_release_and_reply() {
    explore(|| {
        let (mut caller, mut served) = ring_at(0);
        let (mut reply_writer, mut reply_reader) = ring_at(0);
        caller.push(1, LONGEST);
        caller.push(2, LONGEST);
        let serving = thread::spawn(move || {
            let record = served.ring.next().expect("an honest ring").expect("two are there");
            record.release_later(&mut served.bell);
            let mut claim = reply_writer.ring.claim(8, false).expect("empty");
            claim.bytes_mut()[..8].copy_from_slice(&payload(7, 8));
            // The one bell of this side: both rings are announced by it.
            ring_if(claim.commit(8, &mut served.bell), &served.bell);
        });
        while let Err(error) = caller.try_push(3, LONGEST) {
            assert_eq!(error, ClaimError::Full);
            let ring = &mut caller.ring;
            caller.park.sleep(reason::SPACE, None, || ring.has_room(LONGEST)).expect("waits");
        }
        loop {
            if let Some(reply) = reply_reader.try_pop() {
                assert_eq!(reply, payload(7, 8));
                break;
            }
            let ring = &reply_reader.ring;
            caller.park.sleep(reason::DATA, None, || ring.has_next()).expect("waits");
        }
        serving.join().expect("serves");
    });
}

#[test]
fn a_batch_is_seen_whole() {
    explore(|| {
        let (mut writer, mut reader) = ring_at(0);
        let writing = thread::spawn(move || {
            let mut batch = writer.ring.batch();
            for seed in 1..=2 {
                let mut claim = batch.claim(24, true).expect("empty");
                claim.bytes_mut()[..24].copy_from_slice(&payload(seed, 24));
                assert_eq!(claim.commit(24, &mut writer.bell), Wake::No, "held back");
            }
            ring_if(batch.flush(&mut writer.bell), &writer.bell);
        });
        assert_eq!(reader.pop_parked(), payload(1, 24));
        assert_eq!(reader.try_pop(), Some(payload(2, 24)), "published by the same store");
        writing.join().expect("writes");
    });
}

#[test]
fn a_batch_that_is_dropped_is_published() {
    explore(|| {
        let (mut writer, mut reader) = ring_at(0);
        let writing = thread::spawn(move || {
            let mut batch = writer.ring.batch();
            let mut claim = batch.claim(24, true).expect("empty");
            claim.bytes_mut()[..24].copy_from_slice(&payload(1, 24));
            assert_eq!(claim.commit(24, &mut writer.bell), Wake::No, "held back");
        });
        assert_eq!(reader.pop(), payload(1, 24));
        writing.join().expect("writes");
    });
}

/// A ring that asks nobody first, as for a change of state: what was stored before it, however
/// weakly, is seen by the waiter that it wakes or that finds `notify` changed.
#[test]
fn what_was_stored_before_a_ring_is_seen() {
    explore(|| {
        let (bell, mut park) = bell_and_park();
        let (state, peer_state) = word_u64();
        let changing = thread::spawn(move || {
            state.store(1, Relaxed);
            bell.ring();
        });
        while peer_state.load(Relaxed) == 0 {
            park.sleep(reason::DATA, None, || peer_state.load(Relaxed) != 0).expect("waits");
        }
        changing.join().expect("changes");
    });
}

/// [`Park::sleep`], except for where it loads `notify`.
fn sleep(parked: &OwnU64, notify: &PeerU32, wrong: bool, work: &PeerU64) {
    let before = notify.load(Acquire);
    parked.store(Parked::new(1, reason::DATA).to_bits(), Relaxed);
    fence(SeqCst);
    if work.load(Relaxed) == 0 {
        // A ring that came after the check is in `notify` already, if it is loaded only now.
        let seen = if wrong { notify.load(Acquire) } else { before };
        futex::wait(notify.atomic(), seen, None, Scope::Process).expect("waits");
    }
    parked.store(0, Relaxed);
}

fn sleep_once(wrong: bool) {
    explore(move || {
        let ((own_parked, peer_parked), (own_notify, peer_notify)) = (word_u64(), word_u32());
        let (work, peer_work) = word_u64();
        let mut bell = Bell::new(peer_parked, own_notify, Scope::Process);
        let working = thread::spawn(move || {
            work.store(1, Relaxed);
            ring_if(bell.due(reason::DATA), &bell);
        });
        sleep(&own_parked, &peer_notify, wrong, &peer_work);
        working.join().expect("works");
    });
}

/// The checker finds the classic lost wake, so that its silence on the others says something.
#[test]
#[should_panic(expected = "deadlock")]
fn planted_lost_wake_is_found() {
    sleep_once(true);
}

/// The same without the fault: what is found above is the fault and nothing else.
#[test]
fn without_the_planted_fault_nothing_is_found() {
    sleep_once(false);
}

/// A reader that looks for the end of its peer, and the words by which that is said.
struct Watched {
    reader: Reader,
    ending: Ending,
    own: Arc<OwnWake>,
}

/// What the peer, or the kernel for it, says at its end.
struct Last {
    state: OwnU32,
    death: OwnU32,
}

/// Both ends of an empty ring, with the words of their ends.
fn ends_at(position: u64) -> (Writer, Last, Watched) {
    let (writer, mut reader) = ring_at(position);
    let ((state, peer_state), (death, peer_death)) = (word_u32(), word_u32());
    let own = Arc::new(OwnWake::default());
    // The word has two watchers, as in a link: the one that sleeps and the one that looks.
    let (seen, slept_on) = peer_death.two();
    reader.park = reader.park.also_woken_by(own.clone(), Some(slept_on));
    let ending = Ending::new(peer_state, Some(seen), own.clone());
    (writer, Last { state, death }, Watched { reader, ending, own })
}

impl Last {
    /// As the kernel does it: marks the word, then wakes who sleeps on it.
    fn die(&self) {
        self.death.store(OWNER_DIED, Release);
        futex::wake(self.death.atomic(), Scope::Shared);
    }

    /// As a link closes: says so, then rings whatever the peer does.
    fn close(&self, bell: &Bell) {
        self.state.store(State::Closed as u32, Release);
        bell.ring();
    }
}

impl Watched {
    /// Takes all that comes, asleep in between, until the peer has gone.
    fn until_end(&mut self) -> (Vec<Vec<u8>>, End) {
        let mut all = Vec::new();
        loop {
            let ring = &self.reader.ring;
            match self.ending.look(|| ring.has_next()) {
                Look::Ready => all.extend(self.reader.try_pop()),
                Look::Ended(end) => return (all, end),
                Look::Nothing => {
                    let (ring, ending) = (&self.reader.ring, &self.ending);
                    let ready = || ring.has_next() || ending.read().is_some();
                    self.reader.park.sleep(reason::DATA, None, ready).expect("waits");
                }
            }
        }
    }
}

#[test]
fn what_was_committed_before_death_is_delivered() {
    explore_bounded(3, || {
        let (mut writer, last, mut watched) = ends_at(0);
        let writing = thread::spawn(move || {
            writer.push(1, 8);
            last.die();
        });
        assert_eq!(watched.until_end(), (vec![payload(1, 8)], End::Died));
        writing.join().expect("dies");
    });
}

#[test]
fn what_was_sent_before_close_is_delivered() {
    explore_bounded(3, || {
        let (mut writer, last, mut watched) = ends_at(0);
        let writing = thread::spawn(move || {
            writer.push(1, 8);
            last.close(&writer.bell);
            last.die();
        });
        // A peer that has closed before it died has closed.
        assert_eq!(watched.until_end(), (vec![payload(1, 8)], End::Closed));
        writing.join().expect("closes");
    });
}

#[test]
fn a_death_that_the_own_process_notes_ends_the_sleep() {
    explore_bounded(3, || {
        let (mut writer, _last, mut watched) = ends_at(0);
        let own = watched.own.clone();
        let writing = thread::spawn(move || {
            writer.push(1, 8);
            own.note_death();
        });
        assert_eq!(watched.until_end(), (vec![payload(1, 8)], End::Died));
        writing.join().expect("notes it");
    });
}

#[test]
fn an_interrupt_ends_the_sleep() {
    explore_bounded(3, || {
        let (_writer, _last, mut watched) = ends_at(0);
        let own = watched.own.clone();
        let waking = thread::spawn(move || own.interrupt());
        while watched.own.interrupts() == 0 {
            let own = &watched.own;
            let ready = || own.interrupts() != 0;
            watched.reader.park.sleep(reason::DATA, None, ready).expect("waits");
        }
        waking.join().expect("wakes");
    });
}

/// The mark wakes one thread; whoever sees it wakes the others before it does anything else.
#[test]
fn a_death_reaches_those_whom_the_kernel_did_not_wake() {
    explore_bounded(2, || {
        let (_writer, last, first) = ends_at(0);
        let (own_parked, _) = word_u64();
        let (_, peer_notify) = word_u32();
        let mut second = Park::new(own_parked, peer_notify, Scope::Process)
            .also_woken_by(first.own.clone(), None);
        let own = first.own.clone();
        let other = thread::spawn(move || {
            while !own.has_died() {
                second.sleep(reason::DATA, None, || own.has_died()).expect("waits");
            }
        });
        let mut first = first;
        let dying = thread::spawn(move || last.die());
        assert_eq!(first.until_end().1, End::Died);
        other.join().expect("woken");
        dying.join().expect("dies");
    });
}

/// The planted fault: drains first and looks afterwards, which loses what came between.
#[test]
#[should_panic(expected = "lost")]
fn looking_after_draining_loses_a_frame() {
    explore_bounded(3, || {
        let (mut writer, last, watched) = ends_at(0);
        let writing = thread::spawn(move || {
            writer.push(1, 8);
            last.die();
        });
        let drained = watched.reader.ring.has_next();
        let end = watched.ending.read();
        assert!(drained || end.is_none(), "lost");
        writing.join().expect("dies");
    });
}
