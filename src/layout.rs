//! The bytes of a segment: offsets, sizes and the identity at its front.
//!
//! `docs/layout.md` draws the same in full. A segment is written by one side only. Whatever the
//! peer polls stands on a block of its own, so that writing one word never takes the cache line of
//! another.
//!
//! ```text
//! 0x0000 identity          what this segment is; written once, before it is sent
//! 0x0080 death             robust-futex word of the owner
//! 0x0100 state             Open, Closing, Closed
//! 0x0180 parked (link)     what a waiter on the whole link waits for
//! 0x0200 notify (link)     the bell this side rings for such a waiter
//! 0x0280 line (link)       calibration word, see the module `line`; at 0x02c0 that of sleepers
//! 0x0300 counters (link)
//! 0x0400 lane table        64 entries of 64 bytes
//! 0x1400 lane blocks       one of LANE_BLOCK bytes a lane
//!        ring data         page-aligned, one area for each ring that this side produces
//! ```

use bytemuck::{Pod, Zeroable};

/// Unit of placement: two cache lines, because processors prefetch them in pairs.
pub const BLOCK: usize = 128;
/// Ring data starts on multiples of this.
pub const PAGE: usize = 4096;
/// `TRAPLINE`, as it stands in memory.
pub const MAGIC: [u8; 8] = *b"TRAPLINE";
/// Layout and wire version, major and minor. The same major versions talk.
pub const VERSION: (u16, u16) = (1, 0);
/// Most lanes a link can have.
pub const MAX_LANES: usize = 64;
/// Smallest ring, in bytes.
pub const MIN_RING: u64 = 4096;
/// Largest ring, in bytes.
pub const MAX_RING: u64 = 1 << 31;

/// Offset of the owner's death word.
pub const DEATH: usize = BLOCK;
/// Offset of the owner's state word, see [`State`].
pub const STATE: usize = 2 * BLOCK;
/// Offset of the link's `parked` word.
pub const LINK_PARKED: usize = 3 * BLOCK;
/// Offset of the link's `notify` word.
pub const LINK_NOTIFY: usize = 4 * BLOCK;
/// Offset of the calibration word.
pub const LINK_LINE: usize = 5 * BLOCK;
/// Offset of the calibration word of sleepers, on a cache line of its own within that block.
pub const LINK_BARE: usize = LINK_LINE + 64;
/// Offset of the link's counters.
pub const LINK_COUNTERS: usize = 6 * BLOCK;
/// Offset of the lane table.
pub const LANE_TABLE: usize = 8 * BLOCK;
/// Offset of the first lane block.
pub const LANE_BLOCKS: usize = LANE_TABLE + MAX_LANES * size_of::<LaneEntry>();

/// Bytes of a lane block.
pub const LANE_BLOCK: usize = 12 * BLOCK;
/// Within a lane block: the position words of the three rings, one block each, in the order of
/// [`RingName`]. It is the tail where the segment's owner produces, else the head.
pub const LANE_POSITIONS: usize = 0;
/// Within a lane block: the `parked` word.
pub const LANE_PARKED: usize = 3 * BLOCK;
/// Within a lane block: the `notify` word.
pub const LANE_NOTIFY: usize = 4 * BLOCK;
/// Within a lane block: the `serving` word.
pub const LANE_SERVING: usize = 5 * BLOCK;
/// Within a lane block: the counters, 32 words of 8 bytes.
pub const LANE_COUNTERS: usize = 6 * BLOCK;
/// Within a lane block: `cancelled[64]`, words of 8 bytes, by nesting depth.
pub const LANE_CANCELLED: usize = 8 * BLOCK;

const _: () = {
    assert!(size_of::<Identity>() <= BLOCK);
    assert!(size_of::<LaneEntry>() == 64);
    assert!(LANE_BLOCKS == 0x1400 && LANE_BLOCKS % BLOCK == 0);
    assert!(LANE_CANCELLED + 64 * 8 == LANE_BLOCK);
    assert!(LANE_COUNTERS + 32 * 8 == LANE_CANCELLED);
};

/// The three rings of a lane. The *driver* is the remote of the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum RingName {
    /// Driver to server: requests, unrefs, cancels.
    Request = 0,
    /// Server to driver: replies and nested requests.
    Reply = 1,
    /// Server to driver: asynchronous requests.
    Events = 2,
}

impl RingName {
    /// In the order of the layout.
    pub const ALL: [Self; 3] = [Self::Request, Self::Reply, Self::Events];
}

/// What the state word of a segment says about its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// In use.
    Open = 0,
    /// The owner takes no new work and drains.
    Closing = 1,
    /// The owner has left.
    Closed = 2,
}

impl State {
    /// The state that a word stands for.
    pub fn from_word(word: u32) -> Option<Self> {
        match word {
            0 => Some(Self::Open),
            1 => Some(Self::Closing),
            2 => Some(Self::Closed),
            _ => None,
        }
    }
}

/// What the `serving` word of a lane says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Serving {
    /// Nobody serves the lane yet; callers wait.
    NotYet = 0,
    /// The lane is served.
    Yes = 1,
    /// Whoever served the lane has left.
    Stopped = 2,
}

/// The front of a segment. All fields little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Identity {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// Major version.
    pub major: u16,
    /// Minor version.
    pub minor: u16,
    /// 0 where the owner is the active side, 1 where it is the passive one.
    pub side: u32,
    /// Bytes of the whole segment.
    pub len: u64,
    /// Lanes in the table.
    pub lanes: u32,
    /// Lanes that the active side drives: those with the lowest numbers.
    pub active_lanes: u32,
}

/// One row of the lane table: where the rings lie that the owner produces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct LaneEntry {
    /// 0 where the active side drives the lane, 1 where the passive one does.
    pub driver: u32,
    /// Zero.
    pub reserved: u32,
    /// Offset and capacity of each ring's data, zero where the peer produces it.
    pub rings: [RingArea; 3],
    /// Zero.
    pub reserved_end: u64,
}

/// Where the data of a ring lies in its producer's segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RingArea {
    /// Bytes from the front of the segment, a multiple of [`PAGE`].
    pub offset: u64,
    /// Bytes, a power of two.
    pub capacity: u64,
}
