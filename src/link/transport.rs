//! [`Transport`]: one lane, seen from one end. What carries frames implements it, and nothing
//! above knows which of them it has.

use std::fmt;

use super::counters::{Count, LaneCounters};
use crate::error::LinkError;
use crate::futex::{Bell, Deadline, Wake};
use crate::layout::RingName;
use crate::ring::{Claim, ClaimError, Record};
use crate::shared::SharedBytes;
use crate::wire::{BufferArea, NoRoom, Room};

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// A frame on that ring.
    Data(RingName),
    /// Room for `min` bytes on that ring.
    Space {
        /// The ring.
        ring: RingName,
        /// Bytes of payload.
        min: usize,
    },
    /// Room for `min` bytes on `ring`, or a frame on `data`, whichever comes first.
    SpaceOrData {
        /// The ring to write to.
        ring: RingName,
        /// Bytes of payload.
        min: usize,
        /// The ring to read from.
        data: RingName,
    },
}

/// One end of one lane. One thread at a time uses it.
///
/// Between [`claim`](Self::claim) and [`OutFrame::commit`] no code of a host runs, and the same
/// holds between [`next`](Self::next) and [`InFrame::release`].
pub trait Transport: fmt::Debug + Send {
    /// All contiguous room for a frame on `ring`, at least `min` bytes. `small` says that it is a
    /// control part of at most 4 KiB. [`OutFrame::commit`] publishes it and
    /// [`OutFrame::commit_later`] may hold it back; dropping it publishes nothing.
    ///
    /// # Errors
    /// [`ClaimError`].
    fn claim(
        &mut self,
        ring: RingName,
        min: usize,
        small: bool,
    ) -> Result<OutFrame<'_>, ClaimError>;

    /// The oldest frame on `ring`, `None` where there is none; [`InFrame::release`] gives its room
    /// back.
    ///
    /// # Errors
    /// The peer broke the protocol, now or before.
    fn next(&mut self, ring: RingName) -> Result<Option<InFrame<'_>>, LinkError>;

    /// Publishes what is held back, and wakes a peer that waits for room given back.
    fn flush(&mut self);

    /// Waits until there is what `interest` asks for. Flushes first.
    ///
    /// # Errors
    /// The deadline passed, or the peer died, closed, stopped serving or broke the protocol and
    /// nothing is left to read.
    fn wait(&mut self, interest: Interest, deadline: &mut Deadline) -> Result<(), LinkError>;

    /// Wakes the peer, whatever it waits for, so that it looks at the state of the link.
    fn wake(&mut self);

    /// The peer broke the protocol in a way that only the reader of frames can see: remembers it
    /// and returns the error that all further operations return.
    fn poison(&mut self, reason: crate::Poison) -> LinkError;

    /// Says to the peer that this end has left.
    fn close(&mut self);
}

/// Room for one frame; see [`Transport::claim`].
#[derive(Debug)]
pub struct OutFrame<'a> {
    claim: Claim<'a>,
    bell: &'a mut Bell,
    counters: Option<&'a LaneCounters>,
}

impl<'a> OutFrame<'a> {
    /// A claimed record, and the bell that tells the peer of it.
    pub fn new(claim: Claim<'a>, bell: &'a mut Bell) -> Self {
        Self { claim, bell, counters: None }
    }

    #[inline]
    pub(super) fn counted(claim: Claim<'a>, bell: &'a mut Bell, by: &'a LaneCounters) -> Self {
        Self { claim, bell, counters: Some(by) }
    }

    /// Publishes the first `len` bytes as a frame, and wakes the peer if it sleeps.
    ///
    /// # Panics
    /// Where `len` is more than the room.
    // Always: as a call it would take the claim through memory, which stalls (docs/decisions.md).
    #[inline(always)]
    pub fn commit(self, len: usize) {
        self.count(len);
        if self.claim.commit(len, self.bell) == Wake::Yes {
            if let Some(counters) = self.counters {
                counters.bump(Count::Rings, 1);
            }
            self.bell.ring();
        }
    }

    /// As [`commit`](Self::commit), but holds the frame back until 2 KiB of the ring wait, or until
    /// the next commit, wait or flush.
    ///
    /// # Panics
    /// Where `len` is more than the room.
    #[inline]
    pub fn commit_later(self, len: usize) {
        self.count(len);
        if self.claim.commit_later(len, self.bell) == Wake::Yes {
            if let Some(counters) = self.counters {
                counters.bump(Count::Rings, 1);
            }
            self.bell.ring();
        }
    }

    #[inline]
    fn count(&self, len: usize) {
        if let Some(counters) = self.counters {
            counters.bump(Count::RecordsSent, 1);
            counters.bump(Count::BytesSent, len as u64);
        }
    }
}

impl Room for OutFrame<'_> {
    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.claim.bytes_mut()
    }

    fn grow(&mut self, written: usize, min: usize) -> Result<(), NoRoom> {
        self.claim.grow(written, min).map_err(no_room)
    }

    fn align(&mut self, written: usize) -> Result<(), NoRoom> {
        self.claim.align(written).map_err(no_room)
    }
}

/// A corrupt position shows again at the next claim, which poisons the link.
fn no_room(error: ClaimError) -> NoRoom {
    match error {
        ClaimError::TooLong { len, max } => NoRoom::TooLong { len, max },
        ClaimError::Full | ClaimError::Corrupt(_) => NoRoom::Full,
    }
}

/// A received frame, where it lies; see [`Transport::next`].
#[derive(Debug)]
pub struct InFrame<'a> {
    record: Record<'a>,
    bell: &'a mut Bell,
    counters: Option<&'a LaneCounters>,
}

impl<'a> InFrame<'a> {
    /// A record, and the bell that tells the peer of its room.
    pub fn new(record: Record<'a>, bell: &'a mut Bell) -> Self {
        Self { record, bell, counters: None }
    }

    #[inline]
    pub(super) fn counted(record: Record<'a>, bell: &'a mut Bell, by: &'a LaneCounters) -> Self {
        Self { record, bell, counters: Some(by) }
    }

    /// The bytes, which the peer may still change.
    #[inline]
    pub fn bytes(&self) -> SharedBytes<'_> {
        self.record.bytes()
    }

    /// Gives the room back. A peer that waits for it is woken by the next commit, wait or flush.
    #[inline]
    pub fn release(self) {
        if let Some(counters) = self.counters {
            counters.bump(Count::RecordsReceived, 1);
            counters.bump(Count::BytesReceived, self.record.bytes().len() as u64);
        }
        self.record.release_later(self.bell);
    }
}

impl BufferArea for SharedBytes<'_> {
    fn len(&self) -> usize {
        SharedBytes::len(self)
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        self.copy_to(offset, into);
    }
}
