//! [`Producer`]: writes records.

use std::fmt;

use super::record::{LINE, RECORD_HEADER, RecordKind, size};
use crate::error::Poison;
use crate::futex::{Bell, Wake, reason};
use crate::shared::{OwnBytes, OwnU64, PeerU64};
use crate::sync::{Acquire, Release};

/// A small record that would be written behind this offset looks whether it can start over at the
/// front, once per block of this many bytes, so that small traps do not drag through megabytes.
const RESTART_BLOCK: u64 = 64 << 10;
/// A batch publishes whenever this many bytes are waiting.
const BATCH: u64 = 2 << 10;

/// Why there is no room for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimError {
    /// Not now: the consumer has not released enough.
    Full,
    /// Never: a record is at most half the ring.
    TooLong {
        /// Bytes of payload asked for.
        len: usize,
        /// Most bytes of payload that a record of this ring has.
        max: usize,
    },
    /// The consumer published a position that cannot be.
    Corrupt(Poison),
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the ring is full"),
            Self::TooLong { len, max } => write!(f, "record of {len} bytes, at most {max} fit"),
            Self::Corrupt(poison) => poison.fmt(f),
        }
    }
}

impl std::error::Error for ClaimError {}

/// The writing end of a ring.
#[derive(Debug)]
pub struct Producer {
    tail: OwnU64,
    head: PeerU64,
    bytes: OwnBytes,
    capacity: u64,
    /// Behind the last record written.
    position: u64,
    /// What stands in `tail`.
    published: u64,
    /// The consumer's position when it was last looked at.
    cached_head: u64,
    /// Restart block that was last looked at.
    checked: u64,
    batching: bool,
    /// A batch was dropped: published without looking for a sleeper.
    unannounced: bool,
}

impl Producer {
    /// The writing end over `bytes`, whose length is a power of two of at least 128. Both words
    /// hold 0.
    ///
    /// # Panics
    /// Where the length is none.
    pub fn new(tail: OwnU64, head: PeerU64, bytes: OwnBytes) -> Self {
        Self::starting_at(0, tail, head, bytes)
    }

    /// As [`Producer::new`], with both words at `position`, a multiple of 8.
    ///
    /// # Panics
    /// Where the length is no power of two of at least 128.
    pub fn starting_at(position: u64, tail: OwnU64, head: PeerU64, bytes: OwnBytes) -> Self {
        let capacity = bytes.len() as u64;
        assert!(capacity.is_power_of_two() && capacity >= 2 * LINE);
        let (published, cached_head, checked) = (position, position, 0);
        Self {
            tail,
            head,
            bytes,
            capacity,
            position,
            published,
            cached_head,
            checked,
            batching: false,
            unannounced: false,
        }
    }

    /// Most bytes of payload in one record, 56 fewer where it must be aligned.
    pub fn max_payload(&self) -> usize {
        (self.capacity / 2 - RECORD_HEADER) as usize
    }

    /// All contiguous free bytes, at least `min` of payload. `small` says that the record is a
    /// control part of at most 4 KiB, which may start over at the front of an empty ring.
    ///
    /// # Errors
    /// [`ClaimError`]; nothing has changed then.
    #[inline]
    pub fn claim(&mut self, min: usize, small: bool) -> Result<Claim<'_>, ClaimError> {
        self.check_len(min, 0)?;
        let need = size(min as u64);
        let offset = self.offset(self.position);
        let room = self.capacity - offset;
        let pad = if need > room || (small && offset >= RESTART_BLOCK && self.restarts(offset)?) {
            room
        } else {
            0
        };
        let start = self.position.wrapping_add(pad);
        let room = self.contiguous(start, need)?;
        Ok(Claim { start, room, aligned: false, producer: self })
    }

    /// Makes everything written visible, and says whether the consumer must be woken for it.
    #[inline]
    pub fn publish(&mut self, bell: &mut Bell) -> Wake {
        if self.published == self.position && !self.unannounced {
            return Wake::No;
        }
        self.unannounced = false;
        self.store_tail();
        bell.due(reason::DATA)
    }

    /// As [`Producer::publish`], where enough waits to be worth it.
    #[inline]
    fn publish_bunch(&mut self, bell: &mut Bell) -> Wake {
        let waiting = self.position.wrapping_sub(self.published);
        if waiting < BATCH { Wake::No } else { self.publish(bell) }
    }

    /// Until the guard is dropped, records become visible in bunches of 2 KiB.
    pub fn batch(&mut self) -> Batch<'_> {
        self.batching = true;
        Batch { producer: self }
    }

    /// Whether at least `min` bytes of payload could be claimed now, or `claim` would fail for
    /// another reason than a full ring: that is, whether waiting for room is over.
    pub fn has_room(&mut self, min: usize) -> bool {
        !matches!(self.claim(min, false), Err(ClaimError::Full))
    }

    #[inline]
    fn store_tail(&mut self) {
        self.published = self.position;
        self.tail.store(self.position, Release); // pairs: tail-publish
    }

    #[inline]
    fn offset(&self, position: u64) -> u64 {
        position & (self.capacity - 1)
    }

    #[inline]
    fn check_len(&self, len: usize, skip: u64) -> Result<(), ClaimError> {
        let max = self.max_payload() - skip as usize;
        if len > max { Err(ClaimError::TooLong { len, max }) } else { Ok(()) }
    }

    /// Whether a small record at `offset` should go to the front: the ring is empty, looked at
    /// once per block.
    #[inline]
    fn restarts(&mut self, offset: u64) -> Result<bool, ClaimError> {
        let block = offset / RESTART_BLOCK;
        if block == self.checked {
            return Ok(false);
        }
        self.checked = block;
        self.refresh()?;
        Ok(self.cached_head == self.position)
    }

    /// Payload bytes that are free and contiguous behind `start`, where a record of `need` bytes
    /// must fit.
    #[inline]
    fn contiguous(&mut self, start: u64, need: u64) -> Result<u64, ClaimError> {
        if self.free(start) < need as i64 {
            self.refresh()?;
            if self.free(start) < need as i64 {
                return Err(ClaimError::Full);
            }
        }
        let room = (self.free(start) as u64).min(self.capacity - self.offset(start));
        Ok(room.min(self.capacity / 2) - RECORD_HEADER)
    }

    /// Free bytes behind `start`; negative where a pad up to `start` would already be too much.
    #[inline]
    fn free(&self, start: u64) -> i64 {
        (self.capacity as i64).wrapping_sub(start.wrapping_sub(self.cached_head) as i64)
    }

    /// Looks at the consumer's position, and checks it.
    #[cold]
    fn refresh(&mut self) -> Result<(), ClaimError> {
        let head = self.head.load(Acquire); // pairs: head-publish
        // What a batch holds back cannot have been read, so no head lies behind `published`.
        let unread = self.published.wrapping_sub(self.cached_head);
        if head.wrapping_sub(self.cached_head) > unread || head % 8 != 0 {
            return Err(ClaimError::Corrupt(Poison::Position {
                published: head,
                known: self.cached_head,
                capacity: self.capacity,
            }));
        }
        self.cached_head = head;
        Ok(())
    }

    #[inline]
    fn write_header(&mut self, position: u64, kind: RecordKind, len: u64) {
        let offset = self.offset(position) as usize;
        self.bytes.store_u64(offset, kind.header(len));
    }
}

/// Room for one record. Dropping it publishes nothing.
#[derive(Debug)]
pub struct Claim<'a> {
    producer: &'a mut Producer,
    /// Position of the record's header. What lies between the producer's position and this is
    /// covered by a pad, a skip, or both.
    start: u64,
    /// Payload bytes.
    room: u64,
    /// Whether the payload must start at a 64-byte address.
    aligned: bool,
}

impl<'a> Claim<'a> {
    /// The payload bytes, to write.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let payload = self.payload();
        self.producer.bytes.slice_mut(payload, self.room as usize)
    }

    /// Makes the room at least `min` bytes, and keeps the first `written`. They may move, at most
    /// once, to the front of the ring.
    ///
    /// # Errors
    /// [`ClaimError`]; the claim is as it was then.
    ///
    /// # Panics
    /// Where `written` is more than the room.
    pub fn grow(&mut self, written: usize, min: usize) -> Result<(), ClaimError> {
        assert!(written as u64 <= self.room);
        // The gap before an aligned payload counts: else two such records in a row might not fit
        // an empty ring.
        let skip = if self.aligned { LINE - RECORD_HEADER } else { 0 };
        self.producer.check_len(min, skip)?;
        if min as u64 <= self.room {
            return Ok(());
        }
        let need = size(min as u64);
        let offset = self.producer.offset(self.start);
        if need <= self.producer.capacity - offset {
            self.room = self.producer.contiguous(self.start, need)?;
            return Ok(());
        }
        // The front of the ring, behind a pad.
        let producer = &mut *self.producer;
        let pad = producer.capacity - producer.offset(producer.position);
        let start = producer.position.wrapping_add(pad).wrapping_add(skip);
        self.room = producer.contiguous(start, need)?;
        self.relocate(start, written);
        Ok(())
    }

    /// Moves the first `written` bytes so that the payload starts at a 64-byte address (relative
    /// to the ring's data, which is aligned further than that), and keeps it so when it grows.
    ///
    /// # Errors
    /// [`ClaimError`]; the claim is as it was then.
    ///
    /// # Panics
    /// Where `written` is more than the room.
    pub fn align(&mut self, written: usize) -> Result<(), ClaimError> {
        self.aligned = true;
        let grown = self.grow(written, written + self.gap() as usize);
        if let Err(error) = grown {
            self.aligned = false;
            return Err(error);
        }
        // None is left where growing went to the front.
        let gap = self.gap();
        if gap != 0 {
            self.room -= gap;
            self.relocate(self.start.wrapping_add(gap), written);
        }
        Ok(())
    }

    /// Writes the record, of `len` bytes, and publishes it, unless a batch holds it back. Says
    /// whether the consumer must be woken.
    ///
    /// # Panics
    /// Where `len` is more than the room.
    #[inline]
    pub fn commit(self, len: usize, bell: &mut Bell) -> Wake {
        let producer = self.write(len);
        if producer.batching { producer.publish_bunch(bell) } else { producer.publish(bell) }
    }

    /// As [`Claim::commit`] in a batch, for this one record: it becomes visible when 2 KiB wait, or
    /// with whatever publishes next. Who uses it has to call [`Producer::publish`] in the end.
    ///
    /// # Panics
    /// Where `len` is more than the room.
    #[inline]
    pub fn commit_later(self, len: usize, bell: &mut Bell) -> Wake {
        self.write(len).publish_bunch(bell)
    }

    /// Writes the record, of `len` bytes, invisible as yet.
    #[inline]
    fn write(mut self, len: usize) -> &'a mut Producer {
        assert!(len as u64 <= self.room);
        self.cover_gap();
        let producer = self.producer;
        producer.write_header(self.start, RecordKind::Frame, len as u64);
        producer.position = self.start.wrapping_add(size(len as u64));
        producer
    }

    /// Offset of the payload.
    #[inline]
    fn payload(&self) -> usize {
        (self.producer.offset(self.start) + RECORD_HEADER) as usize
    }

    /// Bytes between the payload and the next 64-byte address.
    fn gap(&self) -> u64 {
        let payload = self.payload() as u64;
        payload.next_multiple_of(LINE) - payload
    }

    /// Copies the first `written` bytes to the record that starts at `start`.
    fn relocate(&mut self, start: u64, written: usize) {
        let from = self.payload();
        self.start = start;
        // Not through a slice of both places: unread records may lie between them.
        self.producer.bytes.copy_within(from, self.payload(), written);
    }

    /// Writes the pad and the skip between the producer's position and the record.
    #[inline]
    fn cover_gap(&mut self) {
        if self.start != self.producer.position {
            self.cover_gap_slow();
        }
    }

    #[cold]
    fn cover_gap_slow(&mut self) {
        let producer = &mut *self.producer;
        let mut from = producer.position;
        let to_end = producer.capacity - producer.offset(from);
        if self.start.wrapping_sub(from) >= to_end {
            producer.write_header(from, RecordKind::Pad, to_end - RECORD_HEADER);
            producer.checked = 0;
            from = from.wrapping_add(to_end);
        }
        let skip = self.start.wrapping_sub(from);
        if skip != 0 {
            producer.write_header(from, RecordKind::Skip, skip - RECORD_HEADER);
        }
    }
}

/// Holds records back until 2 KiB wait, and publishes the rest when it is dropped.
#[derive(Debug)]
pub struct Batch<'a> {
    producer: &'a mut Producer,
}

impl Batch<'_> {
    /// As [`Producer::claim`].
    ///
    /// # Errors
    /// [`ClaimError`].
    #[inline]
    pub fn claim(&mut self, min: usize, small: bool) -> Result<Claim<'_>, ClaimError> {
        self.producer.claim(min, small)
    }

    /// Publishes what waits; says whether the consumer must be woken.
    pub fn flush(&mut self, bell: &mut Bell) -> Wake {
        self.producer.publish(bell)
    }
}

impl Drop for Batch<'_> {
    /// Publishes without looking for a sleeper: the next [`Producer::publish`] does that, and who
    /// cannot wait for it calls [`Batch::flush`] first.
    fn drop(&mut self) {
        self.producer.batching = false;
        if self.producer.published != self.producer.position {
            self.producer.store_tail();
            self.producer.unannounced = true;
        }
    }
}

#[cfg(all(test, not(loom)))]
impl Producer {
    pub(super) fn offset_of_next(&self) -> u64 {
        self.offset(self.position)
    }
}
