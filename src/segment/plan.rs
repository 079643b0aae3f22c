//! [`Plan`]: which lanes a link has and how large their rings are; from it follow the identity and
//! the lane table at the front of a segment.

use bytemuck::bytes_of;

use crate::layout::{
    Identity, LANE_BLOCK, LANE_BLOCKS, LANE_TABLE, LaneEntry, MAGIC, PAGE, RingArea, RingName,
    VERSION,
};
use crate::shared::OwnRegion;
use crate::wire::Side;

/// Bytes of the rings that one side produces on a lane: powers of two, at least 4,096.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSizes {
    /// The request ring, or the reply ring of a lane that the other side drives.
    pub main: u64,
    /// The events ring.
    pub events: u64,
}

/// The shape of one side's segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whose segment it is.
    pub side: Side,
    /// Lanes of the link.
    pub lanes: u32,
    /// How many of them the active side drives: those with the lowest numbers.
    pub active_lanes: u32,
    /// Rings of lane 0.
    pub first: RingSizes,
    /// Rings of every other lane.
    pub others: RingSizes,
}

impl Plan {
    /// Who drives a lane.
    pub fn driver(&self, lane: usize) -> Side {
        if lane < self.active_lanes as usize { Side::Active } else { Side::Passive }
    }

    /// The lane table, and the length of the segment in bytes.
    pub(super) fn table(&self) -> (Vec<LaneEntry>, u64) {
        let mut end =
            (LANE_BLOCKS + self.lanes as usize * LANE_BLOCK).next_multiple_of(PAGE) as u64;
        let mut area = |capacity: u64| {
            let offset = end;
            end += capacity.next_multiple_of(PAGE as u64);
            RingArea { offset, capacity }
        };
        let table = (0..self.lanes as usize)
            .map(|lane| {
                let sizes = if lane == 0 { self.first } else { self.others };
                let driver = self.driver(lane);
                let mut rings = [RingArea::default(); 3];
                for ring in produced(self.side, driver) {
                    let events = *ring == RingName::Events;
                    rings[*ring as usize] = area(if events { sizes.events } else { sizes.main });
                }
                LaneEntry { driver: driver as u32, reserved: 0, rings, reserved_end: 0 }
            })
            .collect();
        (table, end)
    }

    /// Writes identity and table to the front of a fresh segment.
    pub(super) fn write(&self, table: &[LaneEntry], region: &OwnRegion) {
        let identity = Identity {
            magic: MAGIC,
            major: VERSION.0,
            minor: VERSION.1,
            side: self.side as u32,
            len: region.len() as u64,
            lanes: self.lanes,
            active_lanes: self.active_lanes,
        };
        let put = |offset: usize, bytes: &[u8]| {
            region.bytes(offset, bytes.len()).slice_mut(0, bytes.len()).copy_from_slice(bytes);
        };
        put(0, bytes_of(&identity));
        put(LANE_TABLE, bytemuck::cast_slice(table));
    }
}

/// The rings that `side` produces on a lane driven by `driver`.
pub(super) fn produced(side: Side, driver: Side) -> &'static [RingName] {
    if side == driver { &[RingName::Request] } else { &[RingName::Reply, RingName::Events] }
}
