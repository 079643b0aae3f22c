//! The ring alone, over heap memory: what a record costs in one thread, and how fast records go
//! one way between two. Read the figures as ratios within one run: the two processors of a
//! machine may be near or far from one minute to the next.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use trapline::futex::{Bell, Scope, Wake};
use trapline::ring::{Consumer, Producer};
use trapline::shared::{bytes, word_u32, word_u64};

const CAPACITY: usize = 256 << 10;
/// Records of one batch; the batch publishes by itself every 2 KiB.
const BATCH: usize = 64;

/// A bell whose peer never sleeps: the check for a sleeper is paid for, a wake is not.
fn bell() -> Bell {
    let ((_, parked), (notify, _)) = (word_u64(), word_u32());
    Bell::new(parked, notify, Scope::Process)
}

fn ring() -> (Producer, Consumer) {
    let ((tail, peer_tail), (head, peer_head)) = (word_u64(), word_u64());
    let (own, peer) = bytes(CAPACITY);
    (Producer::new(tail, peer_head, own), Consumer::new(head, peer_tail, peer))
}

/// `false` where the ring is full.
fn push(producer: &mut Producer, payload: &[u8], bell: &mut Bell) -> bool {
    let Ok(mut claim) = producer.claim(payload.len(), true) else { return false };
    claim.bytes_mut()[..payload.len()].copy_from_slice(payload);
    assert_eq!(claim.commit(payload.len(), bell), Wake::No);
    true
}

/// `false` where the ring is empty.
fn pop(consumer: &mut Consumer, into: &mut [u8], bell: &mut Bell) -> bool {
    let Some(record) = consumer.next().expect("an honest ring") else { return false };
    record.bytes().copy_to(0, into);
    assert_eq!(record.release(bell), Wake::No);
    black_box(into);
    true
}

fn one_thread(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring/one thread");
    for len in [8, 64, 1024] {
        let payload = vec![7; len];
        let mut into = vec![0; len];
        let (mut producer, mut consumer) = ring();
        let (mut to_consumer, mut to_producer) = (bell(), bell());
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("push and pop", len), |b| {
            b.iter(|| {
                assert!(push(&mut producer, black_box(&payload), &mut to_consumer));
                assert!(pop(&mut consumer, &mut into, &mut to_producer));
            });
        });
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(BenchmarkId::new("batch of 64", len), |b| {
            b.iter(|| {
                let mut batch = producer.batch();
                for _ in 0..BATCH {
                    let mut claim = batch.claim(len, true).expect("the ring holds a batch");
                    claim.bytes_mut()[..len].copy_from_slice(black_box(&payload));
                    assert_eq!(claim.commit(len, &mut to_consumer), Wake::No);
                }
                assert_eq!(batch.flush(&mut to_consumer), Wake::No);
                drop(batch);
                for _ in 0..BATCH {
                    assert!(pop(&mut consumer, &mut into, &mut to_producer));
                }
            });
        });
    }
    group.finish();
}

/// The time that `records` records take from the first push to the last pop.
fn send(records: u64, len: usize) -> Duration {
    let (mut producer, mut consumer) = ring();
    let start = Barrier::new(2);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let (payload, mut bell) = (vec![7; len], bell());
            start.wait();
            for _ in 0..records {
                while !push(&mut producer, &payload, &mut bell) {
                    std::hint::spin_loop();
                }
            }
        });
        let (mut into, mut bell) = (vec![0; len], bell());
        start.wait();
        let began = Instant::now();
        for _ in 0..records {
            while !pop(&mut consumer, &mut into, &mut bell) {
                std::hint::spin_loop();
            }
        }
        began.elapsed()
    })
}

fn two_threads(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring/two threads");
    group.throughput(Throughput::Elements(1));
    for len in [8, 64] {
        group.bench_function(BenchmarkId::new("one way", len), |b| {
            b.iter_custom(|records| send(records, len));
        });
    }
    group.finish();
}

criterion_group!(benches, one_thread, two_threads);
criterion_main!(benches);
