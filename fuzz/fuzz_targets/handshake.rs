//! Any bytes as what a peer says when two ends meet: a message of the handshake, and the front of
//! its segment. They are refused, or what was accepted can be used as it stands.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trapline::layout::{
    LANE_BLOCK, LANE_BLOCKS, LANE_CANCELLED, LANE_PARKED, LANE_TABLE, LaneEntry, MAX_LANES,
    MAX_RING, PAGE, RingName, STATE,
};
use trapline::link::read_messages;
use trapline::segment::{PeerSegment, Plan, RingSizes, attach_bytes};
use trapline::{Lanes, Side};

/// Bytes before those that are taken as they come: a message.
const MESSAGE: usize = 64;
/// Bytes that say what this end expects, and what of the rest is made honest.
const CHOICE: usize = 4;
/// Room for rings; a peer whose rings lie beyond is refused.
const RINGS: usize = 1 << 16;

/// What is said where a message was accepted.
fn message(bytes: &[u8]) -> Option<Lanes> {
    let [offer, accept] = read_messages(bytes);
    assert!(offer.is_err() || accept.is_err(), "one message of two kinds");
    if offer.is_ok() || accept.is_ok() {
        assert_eq!(bytes.len(), MESSAGE);
    }
    let (lanes, _) = offer.ok()?;
    let sum = lanes.active as usize + lanes.passive as usize;
    assert!((1..=MAX_LANES).contains(&sum), "{sum} lanes");
    Some(lanes)
}

/// Uses everything that the link takes from a segment.
fn use_all(segment: &PeerSegment, plan: &Plan, len: usize) {
    assert_eq!((segment.len(), segment.lanes()), (len, plan.lanes as usize));
    let _ = segment.link_u32(STATE).load(std::sync::atomic::Ordering::Relaxed);
    for lane in 0..segment.lanes() {
        assert_eq!(segment.driver(lane), plan.driver(lane));
        let _ = segment.lane_u64(lane, LANE_PARKED);
        let _ = segment.lane_u64(lane, LANE_CANCELLED + 63 * 8);
        let peer_drives = segment.driver(lane) != plan.side;
        for name in RingName::ALL {
            let produced = peer_drives == (name == RingName::Request);
            let ring = segment.ring(lane, name);
            assert_eq!(ring.is_some(), produced, "lane {lane}, {name:?}");
            if let Some(ring) = ring {
                let mut last = [0];
                ring.copy_to(ring.len() - 1, &mut last);
                assert!(ring.len().is_power_of_two() && ring.len() as u64 <= MAX_RING);
            }
        }
    }
}

/// Writes over an identity what a peer would say who knew what is expected of it, so that the
/// lane table is reached.
fn make_honest(front: &mut [u8], plan: &Plan, len: usize) {
    let Some(identity) = front.get_mut(..32) else { return };
    identity[..8].copy_from_slice(b"TRAPLINE");
    identity[8..12].copy_from_slice(&[1, 0, 0, 0]);
    identity[12..16].copy_from_slice(&(plan.side.other() as u32).to_le_bytes());
    identity[16..24].copy_from_slice(&(len as u64).to_le_bytes());
    identity[24..28].copy_from_slice(&plan.lanes.to_le_bytes());
    identity[28..32].copy_from_slice(&plan.active_lanes.to_le_bytes());
}

/// Turns a lane table into one that is nearly honest: pages as offsets, powers of two as
/// capacities, and nothing but now and then where this end produces.
fn make_plausible(table: &mut [u8], plan: &Plan) {
    for (lane, entry) in table.chunks_exact_mut(size_of::<LaneEntry>()).enumerate() {
        let driver = plan.driver(lane);
        entry[..4].copy_from_slice(&(driver as u32).to_le_bytes());
        for (name, area) in RingName::ALL.into_iter().zip(entry[8..56].chunks_exact_mut(16)) {
            let produced = (driver != plan.side) == (name == RingName::Request);
            let (page, shift, odd) = (area[0], area[8], area[1]);
            let (offset, capacity) = match (produced, odd) {
                (_, 1) => continue,
                (true, 2) => (u64::MAX - u64::from(page), 1 << (shift % 64)),
                (true, _) => (u64::from(page) * PAGE as u64, 1 << (11 + shift % 7)),
                (false, 3) => (PAGE as u64, 0),
                (false, _) => (0, 0),
            };
            area[..8].copy_from_slice(&u64::to_le_bytes(offset));
            area[8..].copy_from_slice(&u64::to_le_bytes(capacity));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    message(data);
    let Some((choice, data)) = data.split_first_chunk::<CHOICE>() else { return };
    let (head, front) = data.split_at(data.len().min(MESSAGE));
    let said = message(head);
    let lanes = u32::from(choice[0]) % MAX_LANES as u32 + 1;
    let active_lanes = u32::from(choice[1]) % (lanes + 1);
    let (lanes, active_lanes) =
        said.map_or((lanes, active_lanes), |said| (said.active + said.passive, said.active));
    let sizes = RingSizes { main: 4096, events: 4096 };
    let side = if choice[2] & 1 == 0 { Side::Active } else { Side::Passive };
    let plan = Plan { side, lanes, active_lanes, first: sizes, others: sizes };
    // The table comes right behind the identity here: what lies between is not read.
    let mut bytes = vec![0; LANE_TABLE];
    let identity = front.len().min(32);
    bytes[..identity].copy_from_slice(&front[..identity]);
    let table = lanes as usize * size_of::<LaneEntry>();
    bytes.extend(front[identity..].iter().take(table));
    let blocks_end = LANE_BLOCKS + lanes as usize * LANE_BLOCK;
    let len = match choice[3] % 4 {
        0 => bytes.len(),
        1 => blocks_end,
        _ => blocks_end.next_multiple_of(PAGE) + RINGS,
    };
    bytes.truncate(len);
    if choice[2] & 2 != 0 {
        make_honest(&mut bytes, &plan, len);
    }
    if choice[2] & 4 != 0 {
        make_plausible(&mut bytes[LANE_TABLE.min(len)..], &plan);
    }
    if let Ok(segment) = attach_bytes(&bytes, len, &plan) {
        use_all(&segment, &plan, len);
    }
});
