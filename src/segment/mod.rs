//! Segments: the memory of one side, written by it alone.
//!
//! Each side makes its own segment, seals it, and only then sends its file descriptor; the peer
//! maps it read-only. Sealed against shrinking, growing and any write but through the mapping that
//! its owner already has, it cannot be changed by the peer in any way, nor pulled away from under
//! a reader. The heap variant has the same bytes for two threads of one process.
//!
//! ```text
//!   active side                                    passive side
//!   OwnSegment ──(sealed file descriptor)────────▶ PeerSegment, read-only
//!   PeerSegment ◀────────(sealed file descriptor)── OwnSegment
//! ```

mod check;
mod plan;
#[cfg(target_os = "linux")]
mod reserved;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod platform;

pub use plan::{Plan, RingSizes};
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub use platform::attach_bytes;
#[cfg(not(target_os = "linux"))]
pub use platform::heap;
#[cfg(target_os = "linux")]
pub use platform::{attach, heap, inherited_descriptor, pass_descriptor, sealed, sealed_with_node};
#[cfg(target_os = "linux")]
pub use reserved::DeathNode;
#[cfg(target_os = "linux")]
pub(crate) use reserved::NODE_TO_WORD;

use crate::layout::{LANE_BLOCK, LANE_BLOCKS, LaneEntry, RingArea, RingName};
use crate::shared::{OwnBytes, OwnRegion, OwnU32, OwnU64, PeerBytes, PeerRegion, PeerU32, PeerU64};
use crate::wire::Side;

/// The segment that this side writes.
#[derive(Clone, Debug)]
pub struct OwnSegment {
    region: OwnRegion,
    table: Vec<LaneEntry>,
}

/// The segment that the peer writes, checked once, when it was attached.
#[derive(Clone, Debug)]
pub struct PeerSegment {
    region: PeerRegion,
    table: Vec<LaneEntry>,
}

/// Offset of a word of lane `lane`.
fn lane_offset(lane: usize, word: usize) -> usize {
    LANE_BLOCKS + lane * LANE_BLOCK + word
}

/// Where the data of a ring lies, if the owner of `table` produces it.
fn area(table: &[LaneEntry], lane: usize, ring: RingName) -> Option<RingArea> {
    Some(table[lane].rings[ring as usize]).filter(|area| area.capacity != 0)
}

macro_rules! segment {
    ($name:ident, $bytes:ident, $word32:ident, $word64:ident) => {
        impl $name {
            /// Bytes of the segment.
            pub fn len(&self) -> usize {
                self.region.len()
            }

            /// Whether the segment has no bytes; none is.
            pub fn is_empty(&self) -> bool {
                self.region.is_empty()
            }

            /// Lanes of the link.
            pub fn lanes(&self) -> usize {
                self.table.len()
            }

            /// Who drives a lane.
            pub fn driver(&self, lane: usize) -> Side {
                if self.table[lane].driver == 0 { Side::Active } else { Side::Passive }
            }

            /// A word of 4 bytes that belongs to the link.
            pub fn link_u32(&self, word: usize) -> $word32 {
                self.region.u32(word)
            }

            /// A word of 8 bytes that belongs to the link.
            pub fn link_u64(&self, word: usize) -> $word64 {
                self.region.u64(word)
            }

            /// A word of 4 bytes that belongs to a lane.
            pub fn lane_u32(&self, lane: usize, word: usize) -> $word32 {
                self.region.u32(lane_offset(lane, word))
            }

            /// A word of 8 bytes that belongs to a lane.
            pub fn lane_u64(&self, lane: usize, word: usize) -> $word64 {
                self.region.u64(lane_offset(lane, word))
            }

            /// The data of a ring, where the owner of this segment produces it.
            pub fn ring(&self, lane: usize, ring: RingName) -> Option<$bytes> {
                let area = area(&self.table, lane, ring)?;
                Some(self.region.bytes(area.offset as usize, area.capacity as usize))
            }
        }
    };
}

segment!(OwnSegment, OwnBytes, OwnU32, OwnU64);
segment!(PeerSegment, PeerBytes, PeerU32, PeerU64);
