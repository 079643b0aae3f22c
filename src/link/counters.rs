//! [`Counters`]: what a lane has done. Each side counts in its own segment, so that an inspector
//! can read along; a count is a plain store, because one thread at a time uses a lane.

use crate::layout::LANE_COUNTERS;
use crate::segment::OwnSegment;
use crate::shared::OwnU64;
use crate::sync::Relaxed;
use crate::wire::Trap;

/// The words of a lane's counters, in the order of the layout.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub(crate) enum Count {
    RecordsSent = 0,
    BytesSent = 1,
    RecordsReceived = 2,
    BytesReceived = 3,
    Parks = 4,
    Rings = 5,
    FullWaits = 6,
    RefusedUnrefs = 7,
    LateReplies = 8,
}

/// Words before the traps served, which stand at this index plus their number.
const TRAPS: usize = 9;
const WORDS: usize = 32;

/// The counters of one lane, as its holder writes them.
#[derive(Debug)]
pub(crate) struct LaneCounters(Box<[OwnU64; WORDS]>);

impl LaneCounters {
    pub(crate) fn new(segment: &OwnSegment, lane: usize) -> Self {
        let word = |index| segment.lane_u64(lane, LANE_COUNTERS + index * size_of::<u64>());
        Self(Box::new(std::array::from_fn(word)))
    }

    #[inline]
    pub(crate) fn bump(&self, count: Count, by: u64) {
        self.0[count as usize].bump(by);
    }

    /// Counts a trap that was served.
    #[inline]
    pub(crate) fn bump_trap(&self, op: u8) {
        if let Some(word) = self.0.get(TRAPS + usize::from(op)) {
            word.bump(1);
        }
    }

    pub(crate) fn add_to(&self, sum: &mut Counters) {
        let get = |count: Count| self.0[count as usize].load(Relaxed);
        sum.records_sent += get(Count::RecordsSent);
        sum.bytes_sent += get(Count::BytesSent);
        sum.records_received += get(Count::RecordsReceived);
        sum.bytes_received += get(Count::BytesReceived);
        sum.parks += get(Count::Parks);
        sum.rings += get(Count::Rings);
        sum.full_waits += get(Count::FullWaits);
        sum.refused_unrefs += get(Count::RefusedUnrefs);
        sum.late_replies += get(Count::LateReplies);
        for (total, word) in sum.traps.iter_mut().zip(&self.0[TRAPS..]) {
            *total += word.load(Relaxed);
        }
    }
}

/// What this end of a link has done so far, over all its lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames published.
    pub records_sent: u64,
    /// Bytes of those frames.
    pub bytes_sent: u64,
    /// Frames taken.
    pub records_received: u64,
    /// Bytes of those frames.
    pub bytes_received: u64,
    /// Times this end slept in the kernel.
    pub parks: u64,
    /// Times this end woke the other through the kernel.
    pub rings: u64,
    /// Times a frame had to wait for room.
    pub full_waits: u64,
    /// Entries of unref lists that named no pointer in use, or more than was sent.
    pub refused_unrefs: u64,
    /// Replies that came after their call had given up.
    pub late_replies: u64,
    traps: [u64; WORDS - TRAPS],
}

impl Counters {
    /// Requests of one kind that this end has served.
    pub fn served(&self, trap: Trap) -> u64 {
        self.traps.get(trap as usize).copied().unwrap_or(0)
    }
}
