//! The ring against a naive queue, at positions that wrap, and over memory that lies.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::error::Poison;
use crate::futex::{Bell, Scope, Wake};
use crate::shared::{Liar, OwnU64, PeerU64, bytes, word_u32, word_u64};
use crate::sync::{Relaxed, Release};

/// A ring over heap memory with both its ends and a bell for each.
struct Ring {
    producer: Producer,
    consumer: Consumer,
    to_consumer: Bell,
    to_producer: Bell,
}

fn bell() -> Bell {
    let ((_, parked), (notify, _)) = (word_u64(), word_u32());
    Bell::new(parked, notify, Scope::Process)
}

fn word_at(position: u64) -> (OwnU64, PeerU64) {
    let (own, peer) = word_u64();
    own.store(position, Relaxed);
    (own, peer)
}

fn ring_at(position: u64, capacity: usize) -> Ring {
    let ((tail, peer_tail), (head, peer_head)) = (word_at(position), word_at(position));
    let (own, peer) = bytes(capacity);
    Ring {
        producer: Producer::starting_at(position, tail, peer_head, own),
        consumer: Consumer::starting_at(position, head, peer_tail, peer),
        to_consumer: bell(),
        to_producer: bell(),
    }
}

impl Ring {
    fn push(&mut self, payload: &[u8], small: bool) -> Result<(), ClaimError> {
        let mut claim = self.producer.claim(payload.len(), small)?;
        claim.bytes_mut()[..payload.len()].copy_from_slice(payload);
        assert_eq!(claim.commit(payload.len(), &mut self.to_consumer), Wake::No);
        Ok(())
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let record = self.consumer.next().expect("an honest ring")?;
        let payload = record.bytes().to_vec();
        assert_eq!(record.release(&mut self.to_producer), Wake::No);
        Some(payload)
    }
}

/// Where positions start: the front, and just before each width at which they could wrap.
fn starts() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        (0u64..64).prop_map(|k| (1 << 32) - 8 * k),
        (0u64..64).prop_map(|k| 0u64.wrapping_sub(8 * k)),
        (0u64..1 << 20).prop_map(|k| 8 * k),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Push { len: usize, small: bool },
    Grow { first: usize, then: usize, align: bool },
    Abandon { len: usize },
    Batch(Vec<usize>),
    Pop,
    DropRecord,
}

fn steps(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    let len = 0..longest;
    let step = prop_oneof![
        3 => (len.clone(), any::<bool>()).prop_map(|(len, small)| Step::Push { len, small }),
        2 => (len.clone(), len.clone(), any::<bool>())
            .prop_map(|(first, then, align)| Step::Grow { first, then, align }),
        1 => len.clone().prop_map(|len| Step::Abandon { len }),
        1 => prop::collection::vec(0usize..200, 0..20).prop_map(Step::Batch),
        5 => Just(Step::Pop),
        1 => Just(Step::DropRecord),
    ];
    prop::collection::vec(step, 1..200)
}

fn pattern(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| (seed * 7 + i * 13) as u8).collect()
}

/// Encodes as a frame encoder does: some bytes, then more than was asked for, then aligned.
fn push_grown(
    ring: &mut Ring,
    seed: usize,
    first: usize,
    then: usize,
    align: bool,
) -> Result<Vec<u8>, ClaimError> {
    let all = pattern(seed, first + then);
    let mut claim = ring.producer.claim(first, false)?;
    claim.bytes_mut()[..first].copy_from_slice(&all[..first]);
    if align {
        claim.align(first)?;
    }
    claim.grow(first, first + then)?;
    let room = claim.bytes_mut();
    if align {
        assert_eq!(room.as_ptr() as usize % 64, 0);
    }
    assert_eq!(room[..first], all[..first], "what was written moves along");
    room[first..first + then].copy_from_slice(&all[first..]);
    let _ = claim.commit(first + then, &mut ring.to_consumer);
    Ok(all)
}

/// Takes a step on the ring and on the model; what did not fit is not in the model.
fn take(ring: &mut Ring, model: &mut VecDeque<Vec<u8>>, seed: usize, step: &Step) {
    match *step {
        Step::Push { len, small } => {
            let payload = pattern(seed, len);
            match ring.push(&payload, small) {
                Ok(()) => model.push_back(payload),
                Err(ClaimError::Full) => assert!(!model.is_empty(), "an empty ring is not full"),
                Err(error) => panic!("{error}"),
            }
        }
        Step::Grow { first, then, align } => match push_grown(ring, seed, first, then, align) {
            Ok(payload) => model.push_back(payload),
            Err(ClaimError::Full | ClaimError::TooLong { .. }) => {}
            Err(error) => panic!("{error}"),
        },
        Step::Abandon { len } => {
            if let Ok(mut claim) = ring.producer.claim(len, true) {
                claim.bytes_mut().fill(0xff);
            }
        }
        Step::Batch(ref lens) => {
            let mut batch = ring.producer.batch();
            for len in lens {
                if let Ok(mut claim) = batch.claim(*len, true) {
                    claim.bytes_mut()[..*len].copy_from_slice(&pattern(seed, *len));
                    let _ = claim.commit(*len, &mut ring.to_consumer);
                    model.push_back(pattern(seed, *len));
                }
            }
        }
        Step::Pop => assert_eq!(ring.pop(), model.pop_front()),
        Step::DropRecord => {
            let record = ring.consumer.next().expect("an honest ring");
            assert_eq!(record.is_some(), model.pop_front().is_some());
            drop(record);
            let _ = ring.consumer.settle(&mut ring.to_producer);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn behaves_like_a_queue(start in starts(), exponent in 9u32..13, steps in steps(200)) {
        let mut ring = ring_at(start, 1 << exponent);
        let mut model = VecDeque::new();
        for (seed, step) in steps.iter().enumerate() {
            take(&mut ring, &mut model, seed, step);
        }
        while let Some(payload) = ring.pop() {
            prop_assert_eq!(Some(payload), model.pop_front());
        }
        prop_assert!(model.is_empty());
    }

    #[test]
    fn behaves_like_a_queue_where_it_restarts(start in starts(), steps in steps(30_000)) {
        let mut ring = ring_at(start, 256 << 10);
        let mut model = VecDeque::new();
        for (seed, step) in steps.iter().enumerate() {
            take(&mut ring, &mut model, seed, step);
        }
    }
}

#[test]
fn small_records_go_back_to_the_front_of_an_empty_ring() {
    let mut ring = ring_at(0, 1 << 20);
    let mut lowest_after_first_block = u64::MAX;
    for i in 0..10_000u32 {
        ring.push(&i.to_le_bytes(), true).expect("empty");
        assert_eq!(ring.pop().expect("just pushed"), i.to_le_bytes());
        let offset = ring.producer.offset_of_next();
        assert!(offset <= 66 << 10, "small records walked to {offset}");
        if i > 6000 {
            lowest_after_first_block = lowest_after_first_block.min(offset);
        }
    }
    assert!(lowest_after_first_block < 64 << 10);
}

#[test]
fn large_records_walk() {
    let mut ring = ring_at(0, 1 << 20);
    for i in 0..64u64 {
        ring.push(&[0; 16 << 10], false).expect("empty");
        assert_eq!(ring.producer.offset_of_next(), ((i + 1) * ((16 << 10) + 8)) % (1 << 20));
        ring.pop().expect("just pushed");
        if ring.producer.offset_of_next() > (1 << 20) - (17 << 10) {
            break;
        }
    }
}

#[test]
fn half_the_ring_is_the_longest_record() {
    let mut ring = ring_at(0, 4096);
    let max = ring.producer.max_payload();
    assert_eq!(max, 2040);
    assert_eq!(ring.push(&vec![0; max + 1], false), Err(ClaimError::TooLong { len: max + 1, max }));
    for _ in 0..100 {
        ring.push(&vec![7; max], false).expect("empty");
        ring.push(&[8; 100], false).expect("there is room for more");
        assert_eq!(ring.pop().map(|p| p.len()), Some(max));
        assert_eq!(ring.pop().map(|p| p.len()), Some(100));
    }
}

#[test]
fn a_batch_is_seen_by_bunches_and_whole_when_its_guard_drops() {
    let mut ring = ring_at(0, 1 << 16);
    let mut batch = ring.producer.batch();
    for i in 0..10 {
        let claim = batch.claim(100, true).expect("room");
        let _ = claim.commit(100, &mut ring.to_consumer);
        assert!(!ring.consumer.has_next(), "record {i} is held back");
    }
    for _ in 10..20 {
        let claim = batch.claim(100, true).expect("room");
        let _ = claim.commit(100, &mut ring.to_consumer);
    }
    assert!(ring.consumer.has_next(), "2 KiB were reached");
    drop(batch);
    let mut seen = 0;
    while ring.pop().is_some() {
        seen += 1;
    }
    assert_eq!(seen, 20);
}

/// A consumer over what a hostile producer could have written.
fn hostile(
    write: impl FnOnce(&mut crate::shared::OwnBytes) -> u64,
) -> Result<Option<usize>, Poison> {
    let ((tail, peer_tail), (head, _)) = (word_u64(), word_u64());
    let (mut own, peer) = bytes(4096);
    tail.store(write(&mut own), Release);
    let mut consumer = Consumer::new(head, peer_tail, peer);
    consumer.next().map(|record| record.map(|record| record.bytes().len()))
}

#[test]
fn what_is_no_ring_is_refused() {
    const PAD: u64 = 2 << 32;
    const SKIP: u64 = 3 << 32;
    const FRAME: u64 = 1 << 32;
    assert!(matches!(hostile(|_| 4104), Err(Poison::Position { .. })), "beyond the capacity");
    assert!(matches!(hostile(|_| 12), Err(Poison::Position { .. })), "off the grid");
    assert!(matches!(hostile(|_| 0u64.wrapping_sub(8)), Err(Poison::Position { .. })), "backwards");
    assert!(matches!(hostile(|_| 64), Err(Poison::Record { header: 0, .. })), "no header");
    let headers = [
        (FRAME | 57, 64, "longer than published"),
        (FRAME | 0xffff_ffff, 4096, "longer than the ring"),
        (FRAME | 2041, 4096, "longer than half the ring"),
        (9 << 32, 64, "unknown kind"),
        (FRAME | 1 << 60, 64, "bits beyond the kind"),
        (PAD | 56, 64, "pad that does not reach the end"),
        (PAD | 4088, 4096, "pad that nothing follows"),
        (SKIP | 48, 56, "skip that nothing follows"),
        (SKIP | 56, 128, "skip that is too long"),
    ];
    for (header, tail, what) in headers {
        let got = hostile(|own| {
            own.store_u64(0, header);
            tail
        });
        assert!(got.is_err(), "{what}: {got:?}");
    }
    let two_skips = hostile(|own| {
        own.store_u64(0, SKIP);
        own.store_u64(8, SKIP);
        own.store_u64(16, FRAME);
        24
    });
    assert!(matches!(two_skips, Err(Poison::Padding { .. })));
    assert_eq!(
        hostile(|own| {
            own.store_u64(0, SKIP);
            own.store_u64(8, FRAME | 3);
            24
        }),
        Ok(Some(3))
    );
}

#[test]
fn a_head_that_cannot_be_is_refused() {
    for head_says in [8u64, 4, 0u64.wrapping_sub(8), 1 << 40] {
        let ((tail, _), (head, peer_head)) = (word_u64(), word_u64());
        let (own, _) = bytes(128);
        let mut producer = Producer::new(tail, peer_head, own);
        head.store(head_says, Release);
        // Room is left by its own account, so it does not even look.
        let mut bell = bell();
        let _ = producer.claim(56, false).expect("empty").commit(56, &mut bell);
        let _ = producer.claim(56, false).map(|claim| claim.commit(56, &mut bell));
        let refused = producer.claim(56, false).map(|_| ());
        if head_says == 8 {
            assert_eq!(refused, Err(ClaimError::Full));
        } else {
            assert!(
                matches!(refused, Err(ClaimError::Corrupt(Poison::Position { .. }))),
                "{head_says}"
            );
        }
    }
}

/// Lies that stay near the truth find more than noise does.
fn liar(seed: u64) -> Liar {
    let state = std::sync::atomic::AtomicU64::new(seed | 1);
    Liar::new(move |truth| {
        let mut x = state.load(Relaxed);
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.store(x, Relaxed);
        match x >> 61 {
            0..=2 => truth,
            3 => truth.wrapping_add(((x >> 8) % 4096) & !7),
            4 => truth ^ 1 << (x & 63),
            5 => ((1 + (x >> 20) % 3) << 32) | ((x >> 30) % 4200),
            6 => (x % 5000) & !7,
            _ => x,
        }
    })
}

/// One million pairs of calls on ends whose every load of a peer word is answered by an adversary.
#[test]
fn lying_memory_never_breaks_an_end() {
    const RUNS: u64 = 2_000;
    const CALLS: u64 = 500;
    let (mut records, mut poisons, mut claims) = (0u64, 0u64, 0u64);
    for seed in 1..=RUNS {
        let ((tail, peer_tail), (head, peer_head)) = (word_u64(), word_u64());
        let (own, peer) = bytes(4096);
        let lies = liar(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut consumer =
            Consumer::new(head, peer_tail.lying(lies.clone()), peer.lying(lies.clone()));
        let mut producer = Producer::new(tail, peer_head.lying(lies), own);
        let mut bell = bell();
        let mut scratch = [0; 4096];
        for call in 0..CALLS {
            match consumer.next() {
                Ok(Some(record)) => {
                    let len = record.bytes().len();
                    record.bytes().copy_to(0, &mut scratch[..len]);
                    records += 1;
                    let _ = record.release(&mut bell);
                }
                Ok(None) => {}
                Err(_) => poisons += 1,
            }
            let len = (call * 37 % 2040) as usize;
            if let Ok(mut claim) = producer.claim(len, call % 2 == 0) {
                claim.bytes_mut()[..len].fill(call as u8);
                if claim.grow(len, len + 100).is_ok() && claim.align(len).is_ok() {
                    claims += 1;
                }
                let _ = claim.commit(len, &mut bell);
            }
        }
    }
    println!("{} calls: {records} records, {poisons} poisons, {claims} claims", 2 * RUNS * CALLS);
    assert!(records > 1000 && poisons > 1000 && claims > 1000, "the adversary reaches every state");
}

#[test]
fn a_head_beyond_what_is_published_is_refused() {
    let ((tail, _), (head, peer_head)) = (word_u64(), word_u64());
    let (own, _) = bytes(128);
    let mut producer = Producer::new(tail, peer_head, own);
    let mut batch = producer.batch();
    for _ in 0..2 {
        let _ = batch.claim(56, false).expect("empty").commit(56, &mut bell());
    }
    // The records of the batch are written, but nobody can have read them.
    head.store(64, Release);
    let refused = batch.claim(56, false).map(|_| ());
    assert!(matches!(refused, Err(ClaimError::Corrupt(Poison::Position { .. }))), "{refused:?}");
}

#[test]
fn a_sleeper_is_woken_for_a_batch_that_was_dropped() {
    let ((parked, peer_parked), (notify, _)) = (word_u64(), word_u32());
    let mut bell = Bell::new(peer_parked, notify, Scope::Process);
    let mut ring = ring_at(0, 4096);
    parked.store(1 << 8 | crate::futex::reason::DATA, Relaxed);
    let _ = ring.producer.batch().claim(8, true).expect("empty").commit(8, &mut bell);
    assert_eq!(ring.producer.publish(&mut bell), Wake::Yes);
    assert_eq!(ring.producer.publish(&mut bell), Wake::No);
}
