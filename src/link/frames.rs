//! [`LaneState`]: frames in and out of one lane, for whoever holds its lock.

use super::carrier::Carrier;
use super::counters::Count;
use super::transport::{InFrame, Interest, Transport};
use crate::error::{LinkError, Misuse, Poison};
use crate::futex::Deadline;
use crate::layout::RingName;
use crate::ring::ClaimError;
use crate::shared::SharedBytes;
use crate::wire::{EncodeError, Encoder, Flags, FrameHeader, HEADER_LEN, Room};

/// Control parts up to this long may start over at the front of the ring.
pub(crate) const SMALL: usize = 4 << 10;
/// A received frame up to this long is copied to private memory in one go.
const SHORT: usize = 512;

/// Which end of a lane this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The remote of the lane.
    Driver,
    /// The local of the lane.
    Server,
}

impl Role {
    /// The ring that this end writes synchronous frames to.
    #[inline]
    pub(crate) fn out(self) -> RingName {
        if self == Self::Driver { RingName::Request } else { RingName::Reply }
    }

    /// The ring that this end reads synchronous frames from.
    #[inline]
    pub(crate) fn inward(self) -> RingName {
        if self == Self::Driver { RingName::Reply } else { RingName::Request }
    }
}

/// What [`LaneState::send`] writes into a frame. It may be asked several times, each time for a
/// fresh frame, and runs no code of a host.
pub(crate) trait Body<'v> {
    /// Writes everything between the header and the end of the control part.
    fn write<W: Room>(&mut self, encoder: &mut Encoder<'v, W>) -> Result<(), EncodeError>;
}

/// Why a frame was not sent. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    Link(LinkError),
    Encode(EncodeError),
}

impl From<LinkError> for SendError {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl From<SendError> for LinkError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Link(error) => error,
            SendError::Encode(EncodeError::TooLong { len, max }) => {
                Misuse::TooLong { len, max }.into()
            }
            SendError::Encode(EncodeError::ForeignProxy) => Misuse::ForeignProxy.into(),
            SendError::Encode(error) => Misuse::Unencodable { error }.into(),
        }
    }
}

/// A lane's own state, behind its lock.
#[derive(Debug)]
pub(crate) struct LaneState {
    pub(crate) carrier: Carrier,
    pub(crate) role: Role,
    /// Its number.
    pub(crate) lane: usize,
    /// Where control parts are copied to; whoever reads a frame takes it and puts it back.
    pub(crate) scratch: Vec<u8>,
    last_id: u64,
}

impl LaneState {
    pub(super) fn new(carrier: Carrier, role: Role, lane: usize) -> Self {
        Self { carrier, role, lane, scratch: vec![0; SHORT], last_id: 0 }
    }

    /// A call id that this end has not used on this lane.
    #[inline]
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn count(&self, count: Count, by: u64) {
        if let Some(rings) = self.carrier.rings() {
            rings.counters().bump(count, by);
        }
    }

    #[inline]
    pub(crate) fn count_trap(&self, op: u8) {
        if let Some(rings) = self.carrier.rings() {
            rings.counters().bump_trap(op);
        }
    }

    /// Encodes a frame straight into the ring and publishes it; waits for room until `deadline`.
    /// `hint` is how many bytes are expected, `small` that they are a control part only.
    #[inline]
    pub(crate) fn send<'v>(
        &mut self,
        envelope: Envelope,
        hint: usize,
        small: bool,
        body: &mut impl Body<'v>,
        deadline: &mut Deadline,
    ) -> Result<(), SendError> {
        let ring = self.role.out();
        let mut min = hint;
        loop {
            match self.carrier.claim(ring, min, small) {
                Ok(mut out) => {
                    let mut encoder = Encoder::new(&mut out);
                    let Envelope { flags, depth, id } = envelope;
                    let done = body
                        .write(&mut encoder)
                        .and_then(|()| encoder.finish(flags, depth, id));
                    match done {
                        Ok(len) => {
                            out.commit(len);
                            return Ok(());
                        }
                        Err(EncodeError::Full) => {}
                        Err(error) => return Err(SendError::Encode(error)),
                    }
                    // It needs more than there was: twice as much next time, up to half a ring.
                    min = (out.bytes_mut().len() + 1).max(2 * min);
                }
                Err(ClaimError::Full) => {}
                // Doubling went too far: whatever fits a record fits the largest one.
                Err(ClaimError::TooLong { max, .. }) if min > hint && min > max => {
                    min = max;
                    continue;
                }
                Err(ClaimError::TooLong { len, max }) => {
                    return Err(SendError::Encode(EncodeError::TooLong { len, max }));
                }
                Err(ClaimError::Corrupt(reason)) => {
                    return Err(self.carrier.poison(reason).into());
                }
            }
            self.wait_for_room(ring, min, deadline)?;
        }
    }

    /// Publishes a DATA frame, whose header follows from its length; waits for room until
    /// `deadline`.
    #[inline]
    pub(crate) fn send_data(
        &mut self,
        payload: &[u8],
        deadline: &mut Deadline,
    ) -> Result<(), LinkError> {
        let (ring, len) = (self.role.out(), HEADER_LEN + payload.len());
        loop {
            match self.carrier.claim(ring, len, len <= SMALL) {
                Ok(mut out) => {
                    let (header, rest) = out.bytes_mut().split_at_mut(HEADER_LEN);
                    // A claim that long was granted, so it is below 2^31 bytes.
                    header.copy_from_slice(&FrameHeader::data(payload.len() as u32).to_bytes());
                    rest[..payload.len()].copy_from_slice(payload);
                    out.commit(len);
                    return Ok(());
                }
                Err(ClaimError::Full) => self.wait_for_room(ring, len, deadline)?,
                Err(ClaimError::TooLong { len, max }) => {
                    return Err(Misuse::TooLong { len, max }.into());
                }
                Err(ClaimError::Corrupt(reason)) => return Err(self.carrier.poison(reason)),
            }
        }
    }

    #[cold]
    fn wait_for_room(
        &mut self,
        ring: RingName,
        min: usize,
        deadline: &mut Deadline,
    ) -> Result<(), LinkError> {
        self.count(Count::FullWaits, 1);
        self.carrier.wait(Interest::Space { ring, min }, deadline)
    }

    /// Takes the next frame: copies its control part into `scratch`, lets `read` decode it while
    /// the buffers are still there, and gives the record back. `None` where there is no frame.
    #[inline]
    pub(crate) fn next<'s, T>(
        &mut self,
        scratch: &'s mut Vec<u8>,
        read: impl FnOnce(&FrameHeader, &'s [u8], SharedBytes<'_>) -> T,
    ) -> Result<Option<T>, LinkError> {
        let Some(frame) = self.carrier.next(self.role.inward())? else { return Ok(None) };
        let len = frame.bytes().len();
        let taken = match copy_control(&frame, scratch) {
            Some(header) => {
                let (area_at, control_end) =
                    (header.buffers_offset(), HEADER_LEN + header.control_len as usize);
                let area = frame.bytes().slice(area_at, len - area_at);
                Some(read(&header, &scratch[HEADER_LEN..control_end], area))
            }
            None => None,
        };
        frame.release();
        taken.map(Some).ok_or_else(|| self.carrier.poison(Poison::Frame { len }))
    }

    /// Takes the next frame, a DATA frame: its payload replaces what is in `into`.
    #[inline]
    pub(crate) fn next_data(&mut self, into: &mut Vec<u8>) -> Result<bool, LinkError> {
        let Some(frame) = self.carrier.next(self.role.inward())? else { return Ok(false) };
        let len = frame.bytes().len();
        let is_data = copy_data(&frame, into);
        frame.release();
        if is_data { Ok(true) } else { Err(self.carrier.poison(Poison::Frame { len })) }
    }

    /// Waits for a frame to take.
    #[inline]
    pub(crate) fn wait_for_frame(&mut self, deadline: &mut Deadline) -> Result<(), LinkError> {
        let ring = self.role.inward();
        self.carrier.wait(Interest::Data(ring), deadline)
    }
}

/// What a frame's header says besides its lengths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) flags: Flags,
    pub(crate) depth: u8,
    pub(crate) id: u64,
}

/// Copies header and control part to private memory, checks the header there and returns it.
#[inline]
fn copy_control(frame: &InFrame<'_>, scratch: &mut Vec<u8>) -> Option<FrameHeader> {
    let bytes = frame.bytes();
    let len = bytes.len();
    let first = if len <= SHORT { len } else { HEADER_LEN };
    if scratch.len() < first {
        scratch.resize(SHORT, 0);
    }
    bytes.copy_to(0, &mut scratch[..first]);
    let header = FrameHeader::parse(scratch.first_chunk().filter(|_| len >= HEADER_LEN)?, len).ok()?;
    let end = HEADER_LEN + header.control_len as usize;
    if end > first {
        // `parse` has checked that the frame is that long.
        if scratch.len() < end {
            scratch.resize(end, 0);
        }
        bytes.copy_to(first, &mut scratch[first..end]);
    }
    Some(header)
}

/// Copies the payload of a DATA frame; `false` where it is none.
#[inline]
fn copy_data(frame: &InFrame<'_>, into: &mut Vec<u8>) -> bool {
    let bytes = frame.bytes();
    let Some(len) = bytes.len().checked_sub(HEADER_LEN) else { return false };
    // A record is shorter than 2^31 bytes.
    if bytes.load::<HEADER_LEN>(0) != FrameHeader::data(len as u32).to_bytes() {
        return false;
    }
    into.resize(len, 0);
    bytes.copy_to(HEADER_LEN, into);
    true
}
