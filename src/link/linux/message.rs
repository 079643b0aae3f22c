//! The messages of the handshake as bytes: 64 each. `docs/layout.md` draws them.

use bytemuck::{Pod, Zeroable};

use crate::error::Refusal;
use crate::layout::{MAGIC, MAX_LANES, VERSION};
use crate::link::Lanes;

/// Bytes of a message.
pub(super) const LEN: usize = size_of::<Message>();

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Kind {
    /// Passive to active: here is my segment, these are the lanes.
    Offer = 1,
    /// Active to passive: here is mine.
    Accept = 2,
    /// Passive to active: your segment is fine, go on.
    Ready = 3,
    /// Either: no, and why.
    Refuse = 4,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Offer, Self::Accept, Self::Ready, Self::Refuse];

    /// File descriptors beside such a message: exactly so many.
    pub(super) fn files(self) -> usize {
        usize::from(matches!(self, Self::Offer | Self::Accept))
    }
}

/// A message as it stands on the socket. All fields little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Message {
    pub(super) magic: [u8; 8],
    pub(super) major: u16,
    pub(super) minor: u16,
    pub(super) kind: u32,
    pub(super) segment_len: u64,
    pub(super) lanes: u32,
    pub(super) active_lanes: u32,
    pub(super) refusal: u32,
    pub(super) reserved: [u32; 7],
}

const _: () = assert!(LEN == 64);

impl Message {
    pub(super) fn new(kind: Kind) -> Self {
        let (major, minor) = VERSION;
        Self { magic: MAGIC, major, minor, kind: kind as u32, ..Self::zeroed() }
    }

    /// The message that these bytes are, if it is one of `kind`.
    pub(super) fn parse(bytes: &[u8], kind: Kind) -> Result<Self, Refusal> {
        let mut message = Self::zeroed();
        if bytes.len() != LEN {
            return Err(Refusal::Malformed { problem: "wrong length" });
        }
        bytemuck::bytes_of_mut(&mut message).copy_from_slice(bytes);
        if message.magic != MAGIC {
            return Err(Refusal::Malformed { problem: "wrong magic" });
        }
        if message.major != VERSION.0 {
            let theirs = (message.major, message.minor);
            return Err(Refusal::Version { ours: VERSION, theirs });
        }
        match Kind::ALL.into_iter().find(|kind| *kind as u32 == message.kind) {
            Some(Kind::Refuse) => Err(Refusal::ByPeer { code: message.refusal }),
            Some(is) if is == kind => Ok(message),
            Some(_) => Err(Refusal::Malformed { problem: "a message out of turn" }),
            None => Err(Refusal::Malformed { problem: "unknown kind" }),
        }
    }

    /// The lanes that an offer names.
    pub(super) fn offered_lanes(&self) -> Result<Lanes, Refusal> {
        let Self { lanes, active_lanes, .. } = *self;
        let possible = (1..=MAX_LANES as u32).contains(&lanes) && active_lanes <= lanes;
        if !possible {
            return Err(Refusal::Layout { field: "lanes", value: lanes.into() });
        }
        Ok(Lanes { active: active_lanes, passive: lanes - active_lanes })
    }
}

/// The number under which a refusal crosses.
pub(super) fn refusal_code(refusal: &Refusal) -> u32 {
    match refusal {
        Refusal::Malformed { .. } => 1,
        Refusal::Version { .. } => 2,
        Refusal::Descriptors { .. } => 3,
        Refusal::Unsealed { .. } => 4,
        Refusal::Size { .. } => 5,
        Refusal::Layout { .. } => 6,
        Refusal::Timeout => 7,
        Refusal::ByPeer { .. } | Refusal::HungUp => 8,
        Refusal::User { .. } => 10,
    }
}

/// For the fuzzer: what an active end makes of these bytes as an offer, and a passive one of them
/// as an answer. Lanes and segment length where they are accepted.
#[doc(hidden)]
pub fn read_messages(bytes: &[u8]) -> [Result<(Lanes, u64), Refusal>; 2] {
    let offer = Message::parse(bytes, Kind::Offer)
        .and_then(|offer| Ok((offer.offered_lanes()?, offer.segment_len)));
    let accept = Message::parse(bytes, Kind::Accept)
        .map(|accept| (Lanes { active: 0, passive: 0 }, accept.segment_len));
    [offer, accept]
}
