//! [`Consumer`]: reads records.

use super::record::{LINE, MAX_SKIP, RECORD_HEADER, RecordKind, parse, size};
use crate::error::Poison;
use crate::futex::{Bell, Wake, reason};
use crate::shared::{OwnU64, PeerBytes, PeerU64, SharedBytes};
use crate::sync::{Acquire, Relaxed, Release};

/// Most bytes that are asked for before their record is there; what lies behind them the processor
/// fetches by itself.
const PREFETCH: u64 = 4 * LINE;

/// The reading end of a ring. Everything it reads is untrusted.
#[derive(Debug)]
pub struct Consumer {
    head: OwnU64,
    tail: PeerU64,
    bytes: PeerBytes,
    capacity: u64,
    /// Behind the last record released.
    position: u64,
    /// What stands in `head`.
    published: u64,
    /// The producer's position when it was last looked at.
    cached_tail: u64,
    /// Bytes of the last record, and most likely of the next one.
    expected: u64,
}

impl Consumer {
    /// The reading end over `bytes`, whose length is a power of two of at least 128. Both words
    /// hold 0.
    ///
    /// # Panics
    /// Where the length is none.
    pub fn new(head: OwnU64, tail: PeerU64, bytes: PeerBytes) -> Self {
        Self::starting_at(0, head, tail, bytes)
    }

    /// As [`Consumer::new`], with both words at `position`, a multiple of 8.
    ///
    /// # Panics
    /// Where the length is no power of two of at least 128.
    pub fn starting_at(position: u64, head: OwnU64, tail: PeerU64, bytes: PeerBytes) -> Self {
        let capacity = bytes.len() as u64;
        assert!(capacity.is_power_of_two() && capacity >= 128);
        let (published, cached_tail) = (position, position);
        Self { head, tail, bytes, capacity, position, published, cached_tail, expected: 0 }
    }

    /// Whether [`Consumer::next`] has something to say.
    #[inline]
    pub fn has_next(&self) -> bool {
        if self.cached_tail != self.position {
            return true;
        }
        self.prefetch();
        // Nothing is read on the strength of this: `next` loads the word again.
        self.tail.load(Relaxed) != self.position
    }

    /// The oldest record, `None` where there is none.
    ///
    /// # Errors
    /// What the producer published is no ring; it stays so.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "a record borrows the ring, as no item can")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Poison> {
        if self.cached_tail == self.position && !self.refresh()? {
            return Ok(None);
        }
        let mut at = self.position;
        let (mut kind, mut len) = self.header(at)?;
        if kind == RecordKind::Pad {
            (at, kind, len) = self.behind_pad(at, len)?;
        }
        if kind == RecordKind::Skip {
            (at, kind, len) = self.behind_skip(at, len)?;
        }
        if kind != RecordKind::Frame {
            return Err(Poison::Padding { header: kind.header(len) });
        }
        let end = at.wrapping_add(size(len));
        let payload = (self.offset(at) + RECORD_HEADER) as usize;
        self.expected = size(len);
        Ok(Some(Record { consumer: self, payload, len: len as usize, end }))
    }

    /// Gives back the room of records that were dropped, or released for later; says whether the
    /// producer must be woken for it.
    #[inline]
    pub fn settle(&mut self, bell: &mut Bell) -> Wake {
        if self.published == self.position {
            return Wake::No;
        }
        self.publish();
        bell.due(reason::SPACE)
    }

    #[inline]
    fn offset(&self, position: u64) -> u64 {
        position & (self.capacity - 1)
    }

    /// Asks for the lines of the next record while it is being written. Its data then cross
    /// together with `tail` instead of after it: without this a round trip of 8 bytes takes 2.1 to
    /// 2.4 times the line on two far processors, with it 1.4 to 1.7.
    #[inline]
    fn prefetch(&self) {
        let offset = self.offset(self.position);
        let end = (offset + self.expected.clamp(RECORD_HEADER, PREFETCH)).min(self.capacity) - 1;
        for at in (offset..end).step_by(LINE as usize).chain([end]) {
            self.bytes.prefetch(at as usize);
        }
    }

    /// Looks at the producer's position, checks it, and says whether there is a record.
    #[inline]
    fn refresh(&mut self) -> Result<bool, Poison> {
        let tail = self.tail.load(Acquire); // pairs: tail-publish
        if tail.wrapping_sub(self.position) > self.capacity || tail % 8 != 0 {
            return Err(Poison::Position {
                published: tail,
                known: self.position,
                capacity: self.capacity,
            });
        }
        self.cached_tail = tail;
        Ok(tail != self.position)
    }

    /// The header at `at`, loaded once: its record lies within what is published, within the ring,
    /// and takes no more than half of it, unless it is padding.
    #[inline]
    fn header(&self, at: u64) -> Result<(RecordKind, u64), Poison> {
        let available = self.cached_tail.wrapping_sub(at);
        let offset = self.offset(at);
        // Positions are multiples of 8 and so is the capacity: a header never crosses the end.
        let header = if available == 0 { 0 } else { self.bytes.load_u64(offset as usize) };
        match parse(header) {
            Some((kind, len))
                if size(len) <= available
                    && size(len) <= self.capacity - offset
                    && (kind == RecordKind::Pad || size(len) <= self.capacity / 2) =>
            {
                Ok((kind, len))
            }
            _ => Err(Poison::Record { header, available }),
        }
    }

    /// The record behind a pad at `at`, which must reach to the end of the ring.
    #[cold]
    fn behind_pad(&self, at: u64, len: u64) -> Result<(u64, RecordKind, u64), Poison> {
        if size(len) != self.capacity - self.offset(at) || len % 8 != 0 {
            return Err(Poison::Padding { header: RecordKind::Pad.header(len) });
        }
        let at = at.wrapping_add(size(len));
        self.header(at).map(|(kind, len)| (at, kind, len))
    }

    /// The record behind a skip at `at`.
    #[cold]
    fn behind_skip(&self, at: u64, len: u64) -> Result<(u64, RecordKind, u64), Poison> {
        if size(len) > MAX_SKIP || len % 8 != 0 {
            return Err(Poison::Padding { header: RecordKind::Skip.header(len) });
        }
        let at = at.wrapping_add(size(len));
        self.header(at).map(|(kind, len)| (at, kind, len))
    }

    #[inline]
    fn publish(&mut self) {
        self.published = self.position;
        self.head.store(self.position, Release); // pairs: head-publish
    }
}

/// One record. Once it is released or dropped it is gone, and sooner or later its room is the
/// producer's again.
#[derive(Debug)]
pub struct Record<'a> {
    consumer: &'a mut Consumer,
    payload: usize,
    len: usize,
    end: u64,
}

impl Record<'_> {
    /// The payload where it lies. The peer may still change it: copy once, check the copy.
    #[inline]
    pub fn bytes(&self) -> SharedBytes<'_> {
        self.consumer.bytes.view(self.payload, self.len)
    }

    /// Gives the room back now; says whether the producer must be woken for it.
    #[inline]
    pub fn release(self, bell: &mut Bell) -> Wake {
        self.consumer.position = self.end;
        self.consumer.settle(bell)
    }

    /// Gives the room back when that costs nothing: with a quarter of the ring, or by
    /// [`Consumer::settle`], which who waits or stops reading has to call. A store to `head` for
    /// each record would stand before the reply in the store buffer, and hold it up for as long as
    /// the producer's cache takes to let the line go.
    #[inline]
    pub fn release_later(self, bell: &mut Bell) {
        self.consumer.position = self.end;
        if self.end.wrapping_sub(self.consumer.published) >= self.consumer.capacity / 4 {
            self.consumer.publish();
            bell.owe(reason::SPACE);
        }
    }
}

impl Drop for Record<'_> {
    #[inline]
    fn drop(&mut self) {
        self.consumer.position = self.end;
    }
}
