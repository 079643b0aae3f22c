//! What a peer says of its segment, checked on a private copy before anything is believed.

use bytemuck::Zeroable;

use super::plan::produced;
use crate::error::Refusal;
use crate::layout::{
    Identity, LANE_BLOCK, LANE_BLOCKS, LANE_TABLE, LaneEntry, MAGIC, MAX_LANES, MAX_RING, MIN_RING,
    PAGE, RingArea, RingName, VERSION,
};
use crate::shared::PeerRegion;
use crate::wire::Side;

/// What this end knows before it looks at the peer's segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) side: Side,
    pub(super) lanes: u32,
    pub(super) active_lanes: u32,
}

/// Copies the front of a segment once and checks the copy.
pub(super) fn front(region: &PeerRegion, expected: Expected) -> Result<Vec<LaneEntry>, Refusal> {
    let len = region.len() as u64;
    let lanes = expected.lanes as usize;
    let blocks_end = LANE_BLOCKS + lanes * LANE_BLOCK;
    if region.len() < blocks_end {
        return Err(Refusal::Layout { field: "len", value: len });
    }
    let mut identity = Identity::zeroed();
    region.bytes(0, size_of::<Identity>()).copy_to(0, bytemuck::bytes_of_mut(&mut identity));
    self::identity(&identity, len, expected)?;
    let mut table = vec![LaneEntry::zeroed(); lanes];
    let bytes = bytemuck::cast_slice_mut(&mut table);
    region.bytes(LANE_TABLE, bytes.len()).copy_to(0, bytes);
    for (lane, entry) in table.iter().enumerate() {
        self::entry(entry, lane, expected, blocks_end as u64, len)?;
    }
    Ok(table)
}

fn identity(identity: &Identity, len: u64, expected: Expected) -> Result<(), Refusal> {
    let must = |field: &'static str, value: u64, wanted: u64| {
        if value == wanted { Ok(()) } else { Err(Refusal::Layout { field, value }) }
    };
    must("magic", u64::from_le_bytes(identity.magic), u64::from_le_bytes(MAGIC))?;
    if identity.major != VERSION.0 {
        return Err(Refusal::Version { ours: VERSION, theirs: (identity.major, identity.minor) });
    }
    must("side", identity.side.into(), expected.side as u64)?;
    must("len", identity.len, len)?;
    must("lanes", identity.lanes.into(), expected.lanes.into())?;
    must("active_lanes", identity.active_lanes.into(), expected.active_lanes.into())?;
    debug_assert!(expected.lanes as usize <= MAX_LANES);
    Ok(())
}

fn entry(
    entry: &LaneEntry,
    lane: usize,
    expected: Expected,
    blocks_end: u64,
    len: u64,
) -> Result<(), Refusal> {
    let driver = if lane < expected.active_lanes as usize { Side::Active } else { Side::Passive };
    if entry.driver != driver as u32 {
        return Err(Refusal::Layout { field: "driver", value: entry.driver.into() });
    }
    for ring in RingName::ALL {
        let area = entry.rings[ring as usize];
        if produced(expected.side, driver).contains(&ring) {
            self::area(area, blocks_end, len)?;
        } else if area != RingArea::default() {
            return Err(Refusal::Layout { field: "ring of the other side", value: area.offset });
        }
    }
    Ok(())
}

fn area(area: RingArea, blocks_end: u64, len: u64) -> Result<(), Refusal> {
    let RingArea { offset, capacity } = area;
    if !capacity.is_power_of_two() || !(MIN_RING..=MAX_RING).contains(&capacity) {
        return Err(Refusal::Layout { field: "ring capacity", value: capacity });
    }
    let fits = offset.checked_add(capacity).is_some_and(|end| end <= len);
    if !fits || offset < blocks_end || offset % PAGE as u64 != 0 {
        return Err(Refusal::Layout { field: "ring offset", value: offset });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Plan, RingSizes, heap};
    use super::*;

    fn plan() -> Plan {
        let sizes = RingSizes { main: 1 << 16, events: 4096 };
        Plan { side: Side::Active, lanes: 3, active_lanes: 2, first: sizes, others: sizes }
    }

    /// Checks a segment after `spoil` has written `bytes` at `offset` of it.
    fn spoilt(offset: usize, bytes: &[u8]) -> Result<Vec<LaneEntry>, Refusal> {
        let (own, peer) = heap(&plan()).expect("memory");
        let mut window = own.region.bytes(offset & !7, 64);
        window.slice_mut(offset % 8, bytes.len()).copy_from_slice(bytes);
        let expected = Expected { side: Side::Active, lanes: 3, active_lanes: 2 };
        front(&peer.region, expected)
    }

    #[test]
    fn an_honest_segment_is_accepted() {
        let (table, _) = plan().table();
        assert_eq!(spoilt(4000, b""), Ok(table));
    }

    #[test]
    fn each_field_that_lies_is_refused_by_name() {
        let field = |offset, bytes: &[u8]| match spoilt(offset, bytes) {
            Err(Refusal::Layout { field, .. }) => field,
            other => panic!("offset {offset}: {other:?}"),
        };
        assert_eq!(field(0, b"X"), "magic");
        assert!(matches!(spoilt(8, &[9]), Err(Refusal::Version { theirs: (9, 0), .. })));
        assert_eq!(field(12, &[1]), "side");
        assert_eq!(field(16, &[1]), "len");
        assert_eq!(field(24, &[64]), "lanes");
        assert_eq!(field(28, &[0]), "active_lanes");
        assert_eq!(field(LANE_TABLE, &[1]), "driver");
        let first_ring = LANE_TABLE + 8;
        assert_eq!(field(first_ring, &0u64.to_le_bytes()), "ring offset");
        assert_eq!(field(first_ring, &u64::MAX.to_le_bytes()), "ring offset");
        assert_eq!(field(first_ring, &[1]), "ring offset");
        for capacity in [0, 1, 3 << 12, 1 << 40, u64::MAX] {
            assert_eq!(field(first_ring + 8, &u64::to_le_bytes(capacity)), "ring capacity");
        }
        assert_eq!(field(first_ring + 8, &(1u64 << 31).to_le_bytes()), "ring offset");
        assert_eq!(field(first_ring + 16, &[8]), "ring of the other side");
    }
}
