//! [`FrameHeader`]: the 24 bytes before every frame.
//!
//! ```text
//!   0      1       2       3      4             8        16            20             22       24
//!   ├ kind ┼ flags ┼ depth ┼ op ──┼ control_len ┼ id ────┼ buffers_len ┼ buffer_count ┼ unrefs ┤
//!     u8     u8      u8      u8     u32           u64      u32           u16            u16
//! ```

use std::ops::BitOr;

use super::DecodeError;
use super::reply::Status;

/// Bytes of a header.
pub const HEADER_LEN: usize = 24;

/// The buffer area starts at a multiple of this, counted from the start of the frame.
pub const AREA_ALIGN: usize = 64;

/// Nested calls carry a depth of at most this.
pub const MAX_DEPTH: u8 = 63;

/// Bytes of the parent's id, where [`Flags::NESTED`] is set.
pub(super) const PARENT_LEN: usize = 8;
/// Bytes of an entry of the unref list: pointer `u64`, count `u32`.
pub(super) const UNREF_LEN: usize = 12;
/// Bytes of the shortest value that names a buffer.
const DESCRIPTOR_LEN: usize = 9;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum FrameKind {
    /// A trap; it gets a reply.
    Request = 1,
    /// The answer to the request with the same id.
    Reply = 2,
    /// A list of unrefs and nothing else; it gets no reply.
    Unref = 3,
    /// The asynchronous call with this id is no longer wanted.
    Cancel = 4,
    /// The control part is the user's own bytes, which this crate does not look at.
    Data = 5,
}

impl FrameKind {
    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Request,
            2 => Self::Reply,
            3 => Self::Unref,
            4 => Self::Cancel,
            5 => Self::Data,
            _ => return None,
        })
    }
}

/// The flags of a frame.
///
/// ```
/// use trapline::wire::Flags;
/// let flags = Flags::WAITING | Flags::NESTED;
/// assert!(flags.contains(Flags::NESTED) && !flags.contains(Flags::CANCEL));
/// assert_eq!(flags.bits(), 0b101);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    /// None.
    pub const NONE: Self = Self(0);
    /// The sender waits in a synchronous call, so it can be called.
    pub const WAITING: Self = Self(1 << 0);
    /// Reserved for cancellation; a receiver of version 1.0 ignores it.
    pub const CANCEL: Self = Self(1 << 1);
    /// The control part begins with the id of the call that this one is nested in.
    pub const NESTED: Self = Self(1 << 2);

    /// Every flag that has a meaning.
    const KNOWN: u8 = Self::WAITING.0 | Self::CANCEL.0 | Self::NESTED.0;

    /// The byte as it stands on the wire.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Reads the byte; `None` where a bit has no meaning.
    pub fn from_bits(bits: u8) -> Option<Self> {
        (bits & !Self::KNOWN == 0).then_some(Self(bits))
    }

    /// Whether all of `other` are set.
    #[inline]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the frame is.
    pub kind: FrameKind,
    /// Its flags.
    pub flags: Flags,
    /// How many calls it is nested in, at most [`MAX_DEPTH`].
    pub depth: u8,
    /// The number of the [`Trap`](super::Trap) in a request, of the [`Status`] in a reply, else 0.
    pub op: u8,
    /// Bytes of the control part.
    pub control_len: u32,
    /// Id of the call: chosen by the caller, repeated by the reply.
    pub id: u64,
    /// Bytes of the buffer area; 0 exactly where there are no buffers.
    pub buffers_len: u32,
    /// Buffers in the area, empty ones not counted.
    pub buffer_count: u16,
    /// Entries of the unref list.
    pub unref_count: u16,
}

impl FrameHeader {
    /// The bytes on the wire.
    #[inline]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        for (bytes, word) in bytes.chunks_exact_mut(8).zip(self.to_words()) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The bytes on the wire, as three little-endian words. A header is put together and taken
    /// apart in registers: written byte by byte and read back by words, it would have to wait for
    /// the store buffer, which costs more than the rest of the encoding.
    #[inline]
    pub(crate) fn to_words(self) -> [u64; 3] {
        let front = u32::from_le_bytes([self.kind as u8, self.flags.bits(), self.depth, self.op]);
        let counts = u32::from(self.unref_count) << 16 | u32::from(self.buffer_count);
        let pair = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
        [pair(front, self.control_len), self.id, pair(self.buffers_len, counts)]
    }

    /// The header of a DATA frame, which follows from its length.
    #[inline]
    pub(crate) fn data(control_len: u32) -> Self {
        Self {
            kind: FrameKind::Data,
            flags: Flags::NONE,
            depth: 0,
            op: 0,
            control_len,
            id: 0,
            buffers_len: 0,
            buffer_count: 0,
            unref_count: 0,
        }
    }

    /// Reads the header of a frame of `frame_len` bytes, itself included, and checks all that can
    /// be known without the rest of the frame.
    ///
    /// What it returns is safe to compute with: [`control_len`](Self::control_len) bytes follow
    /// the header, and the buffer area, if any, ends where the frame ends. Whether a request's
    /// `op` names a trap is left to [`Decoder::request`](super::Decoder::request), because such a
    /// request deserves an answer.
    ///
    /// # Errors
    /// The first field that is wrong.
    #[inline]
    pub fn parse(bytes: &[u8; HEADER_LEN], frame_len: usize) -> Result<Self, DecodeError> {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Self::from_words([word(0), word(8), word(16)], frame_len)
    }

    /// As [`Self::parse`], from three little-endian words.
    #[inline]
    pub(crate) fn from_words(
        [front, id, back]: [u64; 3],
        frame_len: usize,
    ) -> Result<Self, DecodeError> {
        let [kind, flags, depth, op] = (front as u32).to_le_bytes();
        let header = Self {
            kind: FrameKind::from_number(kind).ok_or(DecodeError::BadKind(kind))?,
            flags: Flags::from_bits(flags).ok_or(DecodeError::BadFlags(flags))?,
            depth,
            op,
            control_len: (front >> 32) as u32,
            id,
            buffers_len: back as u32,
            buffer_count: (back >> 32) as u16,
            unref_count: (back >> 48) as u16,
        };
        if depth > MAX_DEPTH {
            return Err(DecodeError::BadDepth(depth));
        }
        header.check_op()?;
        header.check_lengths(frame_len as u64)?;
        header.check_counts()?;
        Ok(header)
    }

    /// Where the buffer area starts, from the start of the frame; where the frame ends, if it has
    /// none.
    #[inline]
    pub fn buffers_offset(&self) -> usize {
        self.area_start() as usize
    }

    /// Bytes of the whole frame.
    #[inline]
    pub fn frame_len(&self) -> u64 {
        self.area_start() + u64::from(self.buffers_len)
    }

    #[inline]
    fn area_start(&self) -> u64 {
        let end = HEADER_LEN as u64 + u64::from(self.control_len);
        if self.buffer_count == 0 { end } else { end.next_multiple_of(AREA_ALIGN as u64) }
    }

    /// Bytes at the start of the control part that are not the body: parent and unrefs.
    #[inline]
    fn lists_len(&self) -> usize {
        let parent = if self.flags.contains(Flags::NESTED) { PARENT_LEN } else { 0 };
        parent + usize::from(self.unref_count) * UNREF_LEN
    }

    #[inline]
    fn check_op(&self) -> Result<(), DecodeError> {
        let known = match self.kind {
            FrameKind::Request => true,
            FrameKind::Reply => Status::from_number(self.op).is_some(),
            FrameKind::Unref | FrameKind::Cancel | FrameKind::Data => self.op == 0,
        };
        if known { Ok(()) } else { Err(DecodeError::BadOp { kind: self.kind, op: self.op }) }
    }

    #[inline]
    fn check_lengths(&self, actual: u64) -> Result<(), DecodeError> {
        // No buffers and a length for them would leave bytes that belong to nothing.
        let none_is_none = (self.buffer_count == 0) == (self.buffers_len == 0);
        let stated = self.frame_len();
        if stated == actual && none_is_none {
            return Ok(());
        }
        Err(DecodeError::BadLength { stated, actual })
    }

    #[inline]
    fn check_counts(&self) -> Result<(), DecodeError> {
        let (lists, control) = (self.lists_len(), self.control_len as usize);
        let buffers = usize::from(self.buffer_count);
        let fits = lists <= control
            && match self.kind {
                FrameKind::Unref | FrameKind::Cancel => lists == control && buffers == 0,
                FrameKind::Data => buffers == 0,
                FrameKind::Request | FrameKind::Reply => {
                    buffers * DESCRIPTOR_LEN <= control - lists
                        && buffers <= self.buffers_len as usize
                }
            };
        if fits {
            return Ok(());
        }
        Err(DecodeError::BadCount { buffers: self.buffer_count, unrefs: self.unref_count })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: FrameHeader = FrameHeader {
        kind: FrameKind::Request,
        flags: Flags::NONE,
        depth: 0,
        op: 2,
        control_len: 40,
        id: 0x0123_4567_89ab_cdef,
        buffers_len: 0,
        buffer_count: 0,
        unref_count: 0,
    };

    fn parse(header: FrameHeader) -> Result<FrameHeader, DecodeError> {
        FrameHeader::parse(&header.to_bytes(), header.frame_len() as usize)
    }

    #[test]
    fn each_field_stands_where_the_picture_says() {
        let header = FrameHeader {
            kind: FrameKind::Reply,
            flags: Flags::WAITING | Flags::NESTED,
            depth: 63,
            op: 1,
            control_len: 0x0102,
            buffers_len: 0x0506_0708,
            buffer_count: 3,
            unref_count: 2,
            ..HEADER
        };
        let bytes = header.to_bytes();
        assert_eq!(bytes[..4], [2, 0b101, 63, 1]);
        assert_eq!(bytes[4..8], [2, 1, 0, 0]);
        assert_eq!(bytes[8..16], [0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01]);
        assert_eq!(bytes[16..], [8, 7, 6, 5, 3, 0, 2, 0]);
        assert_eq!(parse(header), Ok(header));
        assert_eq!(header.buffers_offset(), (24 + 0x0102_usize).next_multiple_of(64));
    }

    #[test]
    fn the_length_must_be_exact() {
        let with_buffers = FrameHeader { buffers_len: 17, buffer_count: 2, ..HEADER };
        for (header, len) in [(HEADER, 64), (with_buffers, 64 + 17)] {
            assert_eq!(header.frame_len(), len);
            assert_eq!(parse(header), Ok(header));
            for wrong in [len - 1, len + 1, 0, u64::MAX] {
                let error = DecodeError::BadLength { stated: len, actual: wrong };
                assert_eq!(FrameHeader::parse(&header.to_bytes(), wrong as usize), Err(error));
            }
        }
        for (buffers_len, buffer_count) in [(1, 0), (0, 1)] {
            let header = FrameHeader { buffers_len, buffer_count, ..HEADER };
            assert!(matches!(parse(header), Err(DecodeError::BadLength { .. })));
        }
    }

    #[test]
    fn the_largest_lengths_do_not_overflow() {
        let header = FrameHeader {
            control_len: u32::MAX,
            buffers_len: u32::MAX,
            buffer_count: u16::MAX,
            unref_count: u16::MAX,
            ..HEADER
        };
        assert_eq!(header.frame_len(), (24 + u64::from(u32::MAX) + 41) + u64::from(u32::MAX));
        assert!(FrameHeader::parse(&header.to_bytes(), 24).is_err());
        assert_eq!(parse(header), Ok(header));
    }

    #[test]
    fn bytes_without_a_meaning_are_refused() {
        let with = |at: usize, byte: u8| {
            let mut bytes = HEADER.to_bytes();
            bytes[at] = byte;
            FrameHeader::parse(&bytes, 64).unwrap_err()
        };
        for kind in [0, 6, 255] {
            assert_eq!(with(0, kind), DecodeError::BadKind(kind));
        }
        for flags in [8, 16, 128, 255] {
            assert_eq!(with(1, flags), DecodeError::BadFlags(flags));
        }
        assert_eq!(with(2, 64), DecodeError::BadDepth(64));
        let reply = FrameHeader { kind: FrameKind::Reply, op: 3, ..HEADER };
        assert_eq!(parse(reply), Err(DecodeError::BadOp { kind: FrameKind::Reply, op: 3 }));
        let data = FrameHeader { kind: FrameKind::Data, op: 1, ..HEADER };
        assert_eq!(parse(data), Err(DecodeError::BadOp { kind: FrameKind::Data, op: 1 }));
        // A request with an unknown trap is answered, so it passes here.
        assert!(parse(FrameHeader { op: 200, ..HEADER }).is_ok());
    }

    #[test]
    fn counts_that_cannot_be_true_are_refused() {
        let refused = |header| assert!(matches!(parse(header), Err(DecodeError::BadCount { .. })));
        refused(FrameHeader { unref_count: 4, ..HEADER });
        refused(FrameHeader { unref_count: 3, flags: Flags::NESTED, ..HEADER });
        refused(FrameHeader { buffer_count: 5, buffers_len: 100, ..HEADER });
        refused(FrameHeader { buffer_count: 2, buffers_len: 1, ..HEADER });
        refused(FrameHeader { flags: Flags::NESTED, control_len: 7, ..HEADER });
        let unref = FrameHeader { kind: FrameKind::Unref, op: 0, unref_count: 3, ..HEADER };
        refused(unref);
        refused(FrameHeader { kind: FrameKind::Cancel, ..unref });
        assert!(parse(FrameHeader { control_len: 36, ..unref }).is_ok());
        let data = FrameHeader { kind: FrameKind::Data, op: 0, ..HEADER };
        assert!(parse(data).is_ok());
        refused(FrameHeader { buffer_count: 1, buffers_len: 1, ..data });
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_header_that_adds_up_or_an_error(
            mut bytes: [u8; HEADER_LEN],
            plausible: bool,
            frame_len in 0..400_usize,
        ) {
            if plausible {
                bytes[0] = bytes[0] % 5 + 1;
                bytes[1] &= 7;
                bytes[2] &= 63;
                bytes[3] %= 3;
                for at in [5, 6, 7, 17, 18, 19, 21, 23] {
                    bytes[at] = 0;
                }
            }
            if let Ok(header) = FrameHeader::parse(&bytes, frame_len) {
                prop_assert_eq!(header.to_bytes(), bytes);
                prop_assert_eq!(header.frame_len(), frame_len as u64);
                prop_assert!(header.buffers_offset() <= frame_len);
            }
        }
    }
}
