//! The header of a record, and the sizes that follow from it.
//!
//! ```text
//!  bit 63 .. 40   39..32   31 .. 0
//!      zero       kind     bytes of the payload
//! ```

/// Bytes of a record's header.
pub const RECORD_HEADER: u64 = 8;
/// Most bytes that a skip record covers, its header included.
pub const MAX_SKIP: u64 = 56;
/// Where payloads are aligned, they start at multiples of this.
pub(super) const LINE: u64 = 64;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// A message.
    Frame = 1,
    /// Fills the ring up to its end.
    Pad = 2,
    /// Fills the gap before an aligned message.
    Skip = 3,
}

impl RecordKind {
    /// The header of a record of this kind with `len` bytes of payload.
    #[inline]
    pub(super) fn header(self, len: u64) -> u64 {
        (self as u64) << 32 | len
    }
}

/// Kind and payload length of a header; `None` where it means nothing.
#[inline]
pub(super) fn parse(header: u64) -> Option<(RecordKind, u64)> {
    let kind = match header >> 32 {
        1 => RecordKind::Frame,
        2 => RecordKind::Pad,
        3 => RecordKind::Skip,
        _ => return None,
    };
    Some((kind, header & 0xffff_ffff))
}

/// Bytes that a record with `len` bytes of payload takes in the ring.
#[inline]
pub(super) fn size(len: u64) -> u64 {
    RECORD_HEADER + len.next_multiple_of(8)
}
