//! [`Room`]: the memory a frame is encoded into, as the transport gives it.

use std::fmt;

/// Memory that one frame is written into, owned by the writer until the transport publishes it.
///
/// The frame starts at the first byte of [`bytes_mut`](Self::bytes_mut). An encoder does not know
/// the length beforehand, so it asks for more as it goes; the room may then lie elsewhere.
pub trait Room {
    /// All the room there is now, from the first byte of the frame on.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Makes the room at least `min` bytes long and keeps the first `written`. An aligned frame
    /// stays aligned.
    ///
    /// # Errors
    /// [`NoRoom`]; what is written stays as it was.
    fn grow(&mut self, written: usize, min: usize) -> Result<(), NoRoom>;

    /// Moves the frame so that it starts at an address divisible by 64 and keeps the first
    /// `written` bytes. The room may be shorter afterwards, but not shorter than `written`.
    ///
    /// # Errors
    /// [`NoRoom`]; what is written stays as it was.
    fn align(&mut self, written: usize) -> Result<(), NoRoom>;
}

impl<W: Room + ?Sized> Room for &mut W {
    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        (**self).bytes_mut()
    }

    #[inline]
    fn grow(&mut self, written: usize, min: usize) -> Result<(), NoRoom> {
        (**self).grow(written, min)
    }

    #[inline]
    fn align(&mut self, written: usize) -> Result<(), NoRoom> {
        (**self).align(written)
    }
}

/// Why a room did not grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// Not now: the reader has to release something first.
    Full,
    /// Never: a frame of `len` bytes is above the largest one, `max`.
    TooLong {
        /// Bytes asked for.
        len: usize,
        /// Bytes of the largest frame.
        max: usize,
    },
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("no room until the reader releases some"),
            Self::TooLong { len, max } => write!(f, "{len} bytes, {max} at most"),
        }
    }
}

impl std::error::Error for NoRoom {}

/// A room on the heap that grows up to a maximum: for streams, and for tests.
///
/// ```
/// use trapline::wire::{NoRoom, Room, VecRoom};
/// let mut room = VecRoom::new(8, 100);
/// assert_eq!(room.bytes_mut().len(), 8);
/// room.grow(0, 64).unwrap();
/// assert!(room.bytes_mut().len() >= 64);
/// assert_eq!(room.grow(0, 101), Err(NoRoom::TooLong { len: 101, max: 100 }));
/// ```
#[derive(Clone, Debug)]
pub struct VecRoom {
    bytes: Vec<u8>,
    /// Where the frame starts in `bytes`; not 0 only in an aligned room.
    start: usize,
    aligned: bool,
    max: usize,
    grown: usize,
}

impl VecRoom {
    /// A room of `len` bytes that may grow to `max`.
    pub fn new(len: usize, max: usize) -> Self {
        Self { bytes: vec![0; len.min(max)], start: 0, aligned: false, max, grown: 0 }
    }

    /// The first `len` bytes: the frame, once encoded. As many as there are, where `len` is more.
    pub fn frame(&self, len: usize) -> &[u8] {
        let frame = &self.bytes[self.start..];
        &frame[..len.min(frame.len())]
    }

    /// How often it grew.
    pub fn grown(&self) -> usize {
        self.grown
    }

    /// Puts the frame into fresh memory of at least `len` bytes after the start.
    fn move_to(&mut self, written: usize, len: usize) {
        let slack = if self.aligned { 63 } else { 0 };
        let mut bytes = vec![0; len + slack];
        let start = if self.aligned { bytes.as_ptr().align_offset(64).min(slack) } else { 0 };
        bytes.truncate(start + len);
        bytes[start..start + written].copy_from_slice(&self.bytes[self.start..][..written]);
        (self.bytes, self.start) = (bytes, start);
    }
}

impl Room for VecRoom {
    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    fn grow(&mut self, written: usize, min: usize) -> Result<(), NoRoom> {
        if min > self.max {
            return Err(NoRoom::TooLong { len: min, max: self.max });
        }
        let len = self.bytes.len() - self.start;
        if min > len {
            self.grown += 1;
            self.move_to(written, len.saturating_mul(2).clamp(min, self.max));
        }
        Ok(())
    }

    fn align(&mut self, written: usize) -> Result<(), NoRoom> {
        if !self.aligned {
            self.aligned = true;
            self.move_to(written, self.bytes.len());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_survives_growing_and_aligning() {
        let mut room = VecRoom::new(4, 4096);
        room.bytes_mut().copy_from_slice(b"abcd");
        room.grow(4, 5).unwrap();
        assert_eq!(room.frame(4), b"abcd");
        room.align(4).unwrap();
        assert_eq!(room.bytes_mut().as_ptr().align_offset(64), 0);
        for min in [64, 100, 1000, 4096] {
            room.grow(4, min).unwrap();
            assert!(room.bytes_mut().len() >= min);
            assert_eq!(room.frame(4), b"abcd");
            assert_eq!(room.bytes_mut().as_ptr().align_offset(64), 0);
        }
        assert_eq!(room.grown(), 5);
    }

    #[test]
    fn it_never_grows_beyond_its_maximum() {
        let mut room = VecRoom::new(90, 100);
        assert_eq!(room.grow(0, 101), Err(NoRoom::TooLong { len: 101, max: 100 }));
        room.grow(0, 91).unwrap();
        assert_eq!(room.bytes_mut().len(), 100);
        assert_eq!(VecRoom::new(200, 100).frame(500).len(), 100);
    }
}
