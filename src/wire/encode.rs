//! [`Encoder`]: a frame, written straight into the room of a transport. The twin of
//! [`decode`](super::Decoder), section by section.

mod values;

use super::frame::{AREA_ALIGN, Flags, FrameHeader, FrameKind, HEADER_LEN, MAX_DEPTH, UNREF_LEN};
use super::reply::{Failure, Status};
use super::trap::Trap;
use super::value::{Key, Thrown, Value};
use super::{EncodeError, Pointer, Room};

/// Buffers start at a multiple of this in the buffer area.
const BUFFER_ALIGN: u32 = 16;

/// Writes one frame into a [`Room`].
///
/// In this order: [`nested`](Self::nested) at most once, [`unref`](Self::unref) any number of
/// times, one body at most, [`finish`](Self::finish). A frame without a body is an UNREF frame.
/// After an error the room holds no frame, and another encoder may start over in it.
///
/// `refs` says which pointer a reference crosses as. It is called once for each reference, in the
/// order of the wire, and must not touch the transport. That a pointer was *sent* is only true
/// once the transport has published the frame.
///
/// ```
/// use trapline::wire::{Encoder, Failure, Flags, FrameHeader, Status, Value, VecRoom};
///
/// let mut room = VecRoom::new(0, 1024);
/// let answer = Value::<()>::from("forty-two");
/// let mut encoder = Encoder::new(&mut room);
/// encoder.reply_value(&answer, &mut |()| unreachable!("no reference in it"))?;
/// let len = encoder.finish(Flags::NONE, 0, 7)?;
///
/// let header = FrameHeader::parse(room.frame(24).try_into()?, len)?;
/// assert_eq!((header.id, header.op), (7, Status::Value as u8));
/// assert_eq!(len, 24 + 2 + 9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Encoder<'v, W: Room> {
    room: W,
    /// Bytes of the frame that are written, or spoken for by the header.
    at: usize,
    kind: FrameKind,
    op: u8,
    flags: Flags,
    unrefs: u16,
    /// What `finish` copies behind the control part, in this order. None of them is empty.
    buffers: Vec<&'v [u8]>,
    area_len: u32,
}

impl<'v, W: Room> Encoder<'v, W> {
    /// Starts a frame at the first byte of `room`.
    #[inline]
    pub fn new(room: W) -> Self {
        Self {
            room,
            at: HEADER_LEN,
            kind: FrameKind::Unref,
            op: 0,
            flags: Flags::NONE,
            unrefs: 0,
            buffers: Vec::new(),
            area_len: 0,
        }
    }

    // The lists before the body.

    /// Says in which call this one is nested.
    ///
    /// # Errors
    /// No room.
    pub fn nested(&mut self, parent: u64) -> Result<(), EncodeError> {
        debug_assert_eq!(self.at, HEADER_LEN, "the parent comes first");
        self.flags = self.flags | Flags::NESTED;
        self.put(parent.to_le_bytes())
    }

    /// Gives back `count` receipts of `pointer`.
    ///
    /// # Errors
    /// No room, or more entries than a frame can count.
    pub fn unref(&mut self, pointer: Pointer, count: u32) -> Result<(), EncodeError> {
        debug_assert_eq!(self.kind, FrameKind::Unref, "unrefs come before the body");
        let max = u16::MAX.into();
        self.unrefs = self.unrefs.checked_add(1).ok_or(EncodeError::TooManyUnrefs { max })?;
        let entry = self.reserve(UNREF_LEN)?;
        entry[..8].copy_from_slice(&pointer.to_bits().to_le_bytes());
        entry[8..].copy_from_slice(&count.to_le_bytes());
        Ok(())
    }

    // Requests.

    /// The body of a `global`.
    pub fn global(&mut self) {
        self.begin(FrameKind::Request, Trap::Global as u8);
    }

    /// The body of a `get`.
    ///
    /// # Errors
    /// No room.
    #[inline]
    pub fn get(&mut self, target: Pointer, key: Key<'_>) -> Result<(), EncodeError> {
        self.begin(FrameKind::Request, Trap::Get as u8);
        self.put_target_and_key(target, key)
    }

    /// The body of a `set`.
    ///
    /// # Errors
    /// No room, or an error of `refs`.
    #[inline]
    pub fn set<R>(
        &mut self,
        target: Pointer,
        key: Key<'_>,
        value: &'v Value<R>,
        refs: &mut impl FnMut(&R) -> Result<Pointer, EncodeError>,
    ) -> Result<(), EncodeError> {
        self.begin(FrameKind::Request, Trap::Set as u8);
        self.put_target_and_key(target, key)?;
        self.put_value(value, refs)
    }

    /// The body of an `apply`.
    ///
    /// # Errors
    /// No room, or an error of `refs`.
    #[inline]
    pub fn apply<R>(
        &mut self,
        target: Pointer,
        this: &'v Value<R>,
        args: &'v [Value<R>],
        refs: &mut impl FnMut(&R) -> Result<Pointer, EncodeError>,
    ) -> Result<(), EncodeError> {
        self.begin(FrameKind::Request, Trap::Apply as u8);
        self.put(target.to_bits().to_le_bytes())?;
        self.put_value(this, refs)?;
        self.put_values(args, refs)
    }

    /// The body of a `construct`.
    ///
    /// # Errors
    /// No room, or an error of `refs`.
    #[inline]
    pub fn construct<R>(
        &mut self,
        target: Pointer,
        args: &'v [Value<R>],
        refs: &mut impl FnMut(&R) -> Result<Pointer, EncodeError>,
    ) -> Result<(), EncodeError> {
        self.begin(FrameKind::Request, Trap::Construct as u8);
        self.put(target.to_bits().to_le_bytes())?;
        self.put_values(args, refs)
    }

    // Replies.

    /// The body of a reply: what the handler returned.
    ///
    /// # Errors
    /// No room, or an error of `refs`.
    #[inline]
    pub fn reply_value<R>(
        &mut self,
        value: &'v Value<R>,
        refs: &mut impl FnMut(&R) -> Result<Pointer, EncodeError>,
    ) -> Result<(), EncodeError> {
        self.begin(FrameKind::Reply, Status::Value as u8);
        self.put_value(value, refs)
    }

    /// The body of a reply: what the handler threw.
    ///
    /// # Errors
    /// No room, or an error of `refs`.
    pub fn reply_thrown<R>(
        &mut self,
        thrown: &'v Thrown<R>,
        refs: &mut impl FnMut(&R) -> Result<Pointer, EncodeError>,
    ) -> Result<(), EncodeError> {
        self.begin(FrameKind::Reply, Status::Thrown as u8);
        self.put_text(&thrown.name)?;
        self.put_text(&thrown.message)?;
        self.put_text(&thrown.stack)?;
        self.put_value(&thrown.value, refs)
    }

    /// The body of a reply: why there is no answer of the handler.
    ///
    /// # Errors
    /// No room.
    pub fn reply_failure(&mut self, code: Failure, message: &str) -> Result<(), EncodeError> {
        self.begin(FrameKind::Reply, Status::Failure as u8);
        self.put([code.code()])?;
        self.put_text(message)
    }

    // Frames without values.

    /// Makes it a CANCEL frame.
    pub fn cancel(&mut self) {
        self.begin(FrameKind::Cancel, 0);
    }

    /// The body of a DATA frame: the user's own bytes.
    ///
    /// # Errors
    /// No room.
    pub fn data(&mut self, payload: &[u8]) -> Result<(), EncodeError> {
        self.begin(FrameKind::Data, 0);
        self.reserve(payload.len())?.copy_from_slice(payload);
        Ok(())
    }

    /// Writes the buffers and the header, and returns the length of the frame. The encoder is done
    /// then.
    ///
    /// [`Flags::NESTED`] is set where [`nested`](Self::nested) was called, and not otherwise.
    ///
    /// # Errors
    /// No room, or a `depth` above [`MAX_DEPTH`].
    #[inline]
    pub fn finish(&mut self, flags: Flags, depth: u8, id: u64) -> Result<usize, EncodeError> {
        debug_assert!(!flags.contains(Flags::NESTED), "nested() sets it");
        if depth > MAX_DEPTH {
            return Err(EncodeError::TooDeep { limit: MAX_DEPTH });
        }
        let header = FrameHeader {
            kind: self.kind,
            flags: flags | self.flags,
            depth,
            op: self.op,
            control_len: four_bytes(self.at - HEADER_LEN)?,
            id,
            buffers_len: self.area_len,
            buffer_count: self.buffers.len() as u16, // `put_bytes` keeps it below 2^16
            unref_count: self.unrefs,
        };
        if !self.buffers.is_empty() {
            self.put_area()?;
        }
        let len = self.at;
        self.at = 0;
        for word in header.to_words() {
            self.put(word.to_le_bytes())?;
        }
        Ok(len)
    }

    // Bytes.

    #[inline]
    fn begin(&mut self, kind: FrameKind, op: u8) {
        debug_assert_eq!(self.kind, FrameKind::Unref, "a frame has one body");
        (self.kind, self.op) = (kind, op);
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) -> Result<(), EncodeError> {
        self.reserve(N)?.copy_from_slice(&bytes);
        Ok(())
    }

    /// The next `len` bytes of the frame; all of them have to be written.
    #[inline]
    fn reserve(&mut self, len: usize) -> Result<&mut [u8], EncodeError> {
        let (start, end) = (self.at, self.at.saturating_add(len));
        if self.room.bytes_mut().len() < end {
            self.grow(end)?;
        }
        self.at = end;
        // A room that is shorter than it promised gives an error, not a panic.
        self.room.bytes_mut().get_mut(start..end).ok_or(EncodeError::Full)
    }

    #[cold]
    fn grow(&mut self, min: usize) -> Result<(), EncodeError> {
        // The header's bytes count as written although nothing stands there yet, unless the room
        // is too short even for them.
        let written = self.at.min(self.room.bytes_mut().len());
        Ok(self.room.grow(written, min)?)
    }

    /// Aligns the frame and copies the buffers behind the control part, zeros between them.
    #[cold]
    fn put_area(&mut self) -> Result<(), EncodeError> {
        self.room.align(self.at)?;
        let gap = self.at.next_multiple_of(AREA_ALIGN) - self.at;
        let buffers = std::mem::take(&mut self.buffers);
        let (zeros, mut area) = self.reserve(gap + self.area_len as usize)?.split_at_mut(gap);
        zeros.fill(0);
        let mut end = 0;
        for buffer in buffers {
            let gap = (BUFFER_ALIGN as usize - end % BUFFER_ALIGN as usize) % BUFFER_ALIGN as usize;
            let (zeros, rest) = area.split_at_mut(gap);
            zeros.fill(0);
            let (place, rest) = rest.split_at_mut(buffer.len());
            place.copy_from_slice(buffer);
            (area, end) = (rest, end + gap + buffer.len());
        }
        Ok(())
    }
}

/// A length that the wire holds in four bytes.
#[inline]
fn four_bytes(len: usize) -> Result<u32, EncodeError> {
    u32::try_from(len).map_err(|_| EncodeError::TooLong { len, max: u32::MAX as usize })
}
