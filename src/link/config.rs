//! [`LinkConfig`]: lanes, sizes and limits of a link.

use std::time::Duration;

use crate::error::{LinkError, Misuse};
use crate::futex::WaitPolicy;
use crate::layout::{MAX_LANES, MAX_RING, MIN_RING};
use crate::segment::{Plan, RingSizes};
use crate::wire::{Limits, Side};

/// How many lanes each side drives. The passive side decides; the other follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// Lanes driven by the active side, the one that was started.
    pub active: u32,
    /// Lanes driven by the passive side, the one that starts the other.
    pub passive: u32,
}

/// The options of a link. `LinkConfig::default()` is right for most.
///
/// ```
/// use trapline::{Lanes, LinkConfig};
/// // The parent drives objects of the child it starts.
/// let config = LinkConfig { lanes: Lanes { active: 0, passive: 1 }, ..LinkConfig::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// Lanes of each direction, 1 to 64 in all; one driven by the active side by default. What
    /// the active side says here is ignored.
    pub lanes: Lanes,
    /// Bytes of the rings of lane 0, a power of two from 4 KiB to 2 GiB; 4 MiB by default. The
    /// longest message is half of it. Pages are used only once they are touched.
    pub ring_bytes: u64,
    /// Bytes of the rings of every other lane; 256 KiB by default.
    pub other_ring_bytes: u64,
    /// Bytes of each events ring; 256 KiB by default.
    pub events_bytes: u64,
    /// Largest segment of the peer that is mapped; 1 GiB by default.
    pub max_segment: u64,
    /// Most objects that the other side may hold at a time; 1,048,576 by default.
    pub max_refs: usize,
    /// What one received frame may cost.
    pub limits: Limits,
    /// How this side waits.
    pub wait: WaitPolicy,
    /// When a peer that does not answer during the handshake is given up; 10 s by default.
    pub handshake_timeout: Duration,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            lanes: Lanes { active: 1, passive: 0 },
            ring_bytes: 4 << 20,
            other_ring_bytes: 256 << 10,
            events_bytes: 256 << 10,
            max_segment: 1 << 30,
            max_refs: 1 << 20,
            limits: Limits::default(),
            wait: WaitPolicy::Adaptive,
            handshake_timeout: Duration::from_secs(10),
        }
    }
}

impl LinkConfig {
    /// A link on which the passive side, the one that starts the other, drives `lanes` lanes.
    pub fn driven_by_passive(lanes: u32) -> Self {
        Self { lanes: Lanes { active: 0, passive: lanes }, ..Self::default() }
    }

    /// The shape of `side`'s segment with these lanes.
    pub(crate) fn plan(&self, side: Side, lanes: Lanes) -> Result<Plan, LinkError> {
        let total = lanes.active.saturating_add(lanes.passive);
        if total == 0 || total as usize > MAX_LANES {
            let problem = format!("{total} lanes, 1 to {MAX_LANES} are possible");
            return Err(Misuse::Config { option: "lanes", problem }.into());
        }
        ring_size("ring_bytes", self.ring_bytes)?;
        ring_size("other_ring_bytes", self.other_ring_bytes)?;
        ring_size("events_bytes", self.events_bytes)?;
        Ok(Plan {
            side,
            lanes: total,
            active_lanes: lanes.active,
            first: RingSizes { main: self.ring_bytes, events: self.events_bytes },
            others: RingSizes { main: self.other_ring_bytes, events: self.events_bytes },
        })
    }
}

fn ring_size(option: &'static str, bytes: u64) -> Result<(), Misuse> {
    if bytes.is_power_of_two() && (MIN_RING..=MAX_RING).contains(&bytes) {
        return Ok(());
    }
    let problem = format!("{bytes} is no power of two from {MIN_RING} to {MAX_RING}");
    Err(Misuse::Config { option, problem })
}
