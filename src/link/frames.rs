//! [`LaneState`]: frames in and out of one lane, for whoever holds its lock.

use super::carrier::{Carrier, carry};
use super::counters::Count;
use super::rings::RingLane;
use super::transport::{InFrame, Interest, Transport};
use crate::error::{LinkError, Misuse, PeerError, Poison};
use crate::futex::Deadline;
use crate::layout::RingName;
use crate::ring::ClaimError;
use crate::shared::SharedBytes;
use crate::wire::{EncodeError, Encoder, Flags, FrameHeader, HEADER_LEN, Room};

/// Control parts up to this long may start over at the front of the ring.
pub(crate) const SMALL: usize = 4 << 10;
/// Room for a control part before the first one has come.
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

    /// What this end waits for when a frame of `min` bytes has no room. A driver also waits for
    /// what it has to read; the server then never waits for a driver that waits for it.
    fn room(self, min: usize) -> Interest {
        match self {
            Self::Driver => Interest::SpaceOrData { ring: self.out(), min, data: self.inward() },
            Self::Server => Interest::Space { ring: self.out(), min },
        }
    }
}

/// When a DATA frame becomes visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Publish {
    /// At once.
    Now,
    /// When 2 KiB of the ring wait, or with whatever publishes next.
    InBunches,
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
    /// There is no room, and frames have come that were not read: two ends that wait for room of
    /// each other would wait for ever. Read, then send again.
    Unread,
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
            SendError::Unread => PeerError::Full.into(),
            SendError::Encode(EncodeError::TooLong { len, max }) => {
                Misuse::TooLong { len, max }.into()
            }
            SendError::Encode(EncodeError::ForeignProxy) => Misuse::ForeignProxy.into(),
            SendError::Encode(error) => Misuse::Unencodable { problem: error.to_string() }.into(),
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
    /// The call that the last reply was for. Replies come in the order of their requests, so the
    /// next one is for a later call: a peer cannot send more replies than it got requests.
    pub(crate) last_reply: u64,
}

impl LaneState {
    pub(super) fn new(carrier: Carrier, role: Role, lane: usize) -> Self {
        Self { carrier, role, lane, scratch: vec![0; SHORT], last_id: 0, last_reply: 0 }
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

    /// Fails where the link is closed or poisoned: what is sent then would be lost without a word,
    /// as long as the ring has room.
    #[inline]
    fn check(&self) -> Result<(), LinkError> {
        self.carrier.rings().map_or(Ok(()), RingLane::check_send)
    }

    /// Encodes a frame straight into the ring and publishes it; waits for room until `deadline`.
    /// `hint` is how many bytes are expected, `small` that they are a control part only. A driver
    /// gets [`SendError::Unread`] instead of a wait while there is something to read.
    #[inline]
    pub(crate) fn send<'v>(
        &mut self,
        envelope: Envelope,
        hint: usize,
        small: bool,
        body: &mut impl Body<'v>,
        deadline: &mut Deadline,
    ) -> Result<(), SendError> {
        self.check()?;
        let role = self.role;
        carry!(self.carrier, lane => send(lane, role, envelope, hint, small, body, deadline))
    }

    /// Writes a DATA frame and publishes it; waits for room until `deadline`.
    #[inline]
    pub(crate) fn send_data(
        &mut self,
        payload: &[u8],
        publish: Publish,
        deadline: &mut Deadline,
    ) -> Result<(), LinkError> {
        self.check()?;
        let ring = self.role.out();
        carry!(self.carrier, lane => send_data(lane, ring, payload, publish, deadline))
    }

    /// Takes the next frame: copies its control part into `scratch`, lets `read` decode it while
    /// the buffers are still there, and gives the record back. `None` where there is no frame.
    #[inline]
    pub(crate) fn next<'s, T>(
        &mut self,
        scratch: &'s mut Vec<u8>,
        read: impl FnOnce(&FrameHeader, &'s [u8], SharedBytes<'_>) -> T,
    ) -> Result<Option<T>, LinkError> {
        let ring = self.role.inward();
        carry!(self.carrier, lane => next(lane, ring, scratch, read))
    }

    /// Takes the next frame, a DATA frame: its payload replaces what is in `into`.
    #[inline]
    pub(crate) fn next_data(&mut self, into: &mut Vec<u8>) -> Result<bool, LinkError> {
        let ring = self.role.inward();
        carry!(self.carrier, lane => next_data(lane, ring, into))
    }

    /// Waits for a frame to take.
    #[inline]
    pub(crate) fn wait_for_frame(&mut self, deadline: &mut Deadline) -> Result<(), LinkError> {
        let ring = self.role.inward();
        self.carrier.wait(Interest::Data(ring), deadline)
    }
}

// The frames themselves. Each is written for one transport, so that nothing of a claim or a record
// is moved through memory on its way.

#[inline]
fn send<'v, T: Transport + ?Sized>(
    lane: &mut T,
    role: Role,
    envelope: Envelope,
    hint: usize,
    small: bool,
    body: &mut impl Body<'v>,
    deadline: &mut Deadline,
) -> Result<(), SendError> {
    let ring = role.out();
    let mut min = hint;
    let mut waited_for = None;
    loop {
        match lane.claim(ring, min, small) {
            Ok(mut out) => {
                let mut encoder = Encoder::new(&mut out);
                let Envelope { flags, depth, id } = envelope;
                let done = body.write(&mut encoder).and_then(|()| encoder.finish(flags, depth, id));
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
            // The wait is over, but not because of room.
            Err(ClaimError::Full) if waited_for == Some(min) => return Err(SendError::Unread),
            Err(ClaimError::Full) => {}
            // A hint is an estimate, and doubling may go too far. What really does not fit a
            // record is found while it is written.
            Err(ClaimError::TooLong { max, .. }) if min > max && max > 0 => {
                min = max;
                continue;
            }
            Err(ClaimError::TooLong { len, max }) => {
                return Err(SendError::Encode(EncodeError::TooLong { len, max }));
            }
            Err(ClaimError::Corrupt(reason)) => return Err(lane.poison(reason).into()),
        }
        if role == Role::Driver {
            waited_for = Some(min);
        }
        lane.wait(role.room(min), deadline)?;
    }
}

#[inline]
fn send_data<T: Transport + ?Sized>(
    lane: &mut T,
    ring: RingName,
    payload: &[u8],
    publish: Publish,
    deadline: &mut Deadline,
) -> Result<(), LinkError> {
    let len = HEADER_LEN + payload.len();
    loop {
        match lane.claim(ring, len, len <= SMALL) {
            Ok(mut out) => {
                let (header, rest) = out.bytes_mut().split_at_mut(HEADER_LEN);
                // A claim that long was granted, so it is below 2^31 bytes.
                let words = FrameHeader::data(payload.len() as u32).to_words();
                for (bytes, word) in header.chunks_exact_mut(8).zip(words) {
                    bytes.copy_from_slice(&word.to_le_bytes());
                }
                rest[..payload.len()].copy_from_slice(payload);
                match publish {
                    Publish::Now => out.commit(len),
                    Publish::InBunches => out.commit_later(len),
                }
                return Ok(());
            }
            Err(ClaimError::Full) => lane.wait(Interest::Space { ring, min: len }, deadline)?,
            Err(ClaimError::TooLong { len, max }) => {
                return Err(Misuse::TooLong { len, max }.into());
            }
            Err(ClaimError::Corrupt(reason)) => return Err(lane.poison(reason)),
        }
    }
}

#[inline]
fn next<'s, T: Transport + ?Sized, R>(
    lane: &mut T,
    ring: RingName,
    scratch: &'s mut Vec<u8>,
    read: impl FnOnce(&FrameHeader, &'s [u8], SharedBytes<'_>) -> R,
) -> Result<Option<R>, LinkError> {
    let Some(frame) = lane.next(ring)? else { return Ok(None) };
    let len = frame.bytes().len();
    let taken = match copy_control(&frame, scratch) {
        Some(header) => {
            let area_at = header.buffers_offset();
            let area = frame.bytes().slice(area_at, len - area_at);
            Some(read(&header, &scratch[..header.control_len as usize], area))
        }
        None => None,
    };
    frame.release();
    taken.map(Some).ok_or_else(|| lane.poison(Poison::Frame { len }))
}

#[inline]
fn next_data<T: Transport + ?Sized>(
    lane: &mut T,
    ring: RingName,
    into: &mut Vec<u8>,
) -> Result<bool, LinkError> {
    let Some(frame) = lane.next(ring)? else { return Ok(false) };
    let len = frame.bytes().len();
    let is_data = copy_data(&frame, into);
    frame.release();
    if is_data { Ok(true) } else { Err(lane.poison(Poison::Frame { len })) }
}

/// What a frame's header says besides its lengths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) flags: Flags,
    pub(crate) depth: u8,
    pub(crate) id: u64,
}

/// The header of a frame that is long enough for one, each word loaded once.
#[inline]
fn header_words(bytes: SharedBytes<'_>) -> [u64; 3] {
    [bytes.load_u64(0), bytes.load_u64(8), bytes.load_u64(16)]
}

/// Checks the header on a private copy and copies the control part into `scratch`.
#[inline]
fn copy_control(frame: &InFrame<'_>, scratch: &mut Vec<u8>) -> Option<FrameHeader> {
    let bytes = frame.bytes();
    if bytes.len() < HEADER_LEN {
        return None;
    }
    let header = FrameHeader::from_words(header_words(bytes), bytes.len()).ok()?;
    let len = header.control_len as usize;
    if scratch.len() < len {
        scratch.resize(len, 0);
    }
    // The frame is that long: `from_words` has checked it.
    bytes.copy_to(HEADER_LEN, &mut scratch[..len]);
    Some(header)
}

/// Copies the payload of a DATA frame; `false` where it is none.
#[inline]
fn copy_data(frame: &InFrame<'_>, into: &mut Vec<u8>) -> bool {
    let bytes = frame.bytes();
    let Some(len) = bytes.len().checked_sub(HEADER_LEN) else { return false };
    // A record is shorter than 2^31 bytes.
    let ([a, b, c], [x, y, z]) = (header_words(bytes), FrameHeader::data(len as u32).to_words());
    if (a ^ x) | (b ^ y) | (c ^ z) != 0 {
        return false;
    }
    into.resize(len, 0);
    bytes.copy_to(HEADER_LEN, into);
    true
}
