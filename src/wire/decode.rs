//! [`Decoder`]: a control part, read. The twin of [`encode`](super::Encoder), section by section.

mod values;

use std::slice::ChunksExact;

use super::frame::UNREF_LEN;
use super::reply::{Failure, Reply, Status};
use super::trap::{Request, Trap};
use super::value::Thrown;
use super::{DecodeError, Pointer};

/// A buffer area, which may lie in memory that its writer changes meanwhile.
pub trait BufferArea {
    /// Bytes in the area; the same each time.
    fn len(&self) -> usize;

    /// Copies `into.len()` bytes from `offset` on. The decoder asks for nothing beyond
    /// [`len`](Self::len).
    fn read(&self, offset: usize, into: &mut [u8]);

    /// Whether there is no area.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies `len` bytes from `offset` on into fresh memory.
    fn read_vec(&self, offset: usize, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.read(offset, &mut bytes);
        bytes
    }
}

impl BufferArea for [u8] {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        into.copy_from_slice(&self[offset..][..into.len()]);
    }

    fn read_vec(&self, offset: usize, len: usize) -> Vec<u8> {
        self[offset..][..len].to_vec()
    }
}

impl<B: BufferArea + ?Sized> BufferArea for &B {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        (**self).read(offset, into);
    }

    fn read_vec(&self, offset: usize, len: usize) -> Vec<u8> {
        (**self).read_vec(offset, len)
    }
}

/// What one frame may cost its receiver, whatever its sender wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Values in a frame; 1,048,576 by default.
    pub nodes: usize,
    /// Bytes of text and buffers in a frame, once decoded; 256 MiB by default. A buffer that is
    /// named twice counts twice.
    pub bytes: usize,
    /// How deep values nest; 64 by default. A value that is no part of another is 1 deep.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { nodes: 1 << 20, bytes: 256 << 20, depth: 64 }
    }
}

/// Reads one control part.
///
/// `control` is a copy that nobody else writes; `area` is read where a value names a buffer. In
/// this order: [`parent`](Self::parent) if the frame is nested, [`unrefs`](Self::unrefs) as many
/// as its header says, then the body.
///
/// `resolve` says what a pointer stands for. It is called once for each pointer, in the order of
/// the wire, also where an error follows behind it: what it returned is then dropped.
///
/// ```
/// use trapline::wire::{DecodeError, Decoder, Limits, Reply, Status, Value};
///
/// let control = [0x08, 2, b'h', b'i'];
/// let mut decoder = Decoder::new(&control, [].as_slice(), &Limits::default());
/// let reply = decoder.reply(Status::Value as u8, &mut Ok);
/// assert_eq!(reply, Ok(Reply::Value("hi".into())));
///
/// let mut decoder = Decoder::new(&control[..3], [].as_slice(), &Limits::default());
/// let reply = decoder.reply(Status::Value as u8, &mut Ok);
/// assert_eq!(reply, Err(DecodeError::Truncated { needed: 2, left: 1 }));
/// ```
#[derive(Debug)]
pub struct Decoder<'a, B: BufferArea> {
    rest: &'a [u8],
    area: B,
    area_len: usize,
    limits: Limits,
    /// What is left of `limits`.
    nodes: usize,
    bytes: usize,
}

impl<'a, B: BufferArea> Decoder<'a, B> {
    /// Starts at the first byte of `control`.
    #[inline]
    pub fn new(control: &'a [u8], area: B, limits: &Limits) -> Self {
        let (nodes, bytes) = (limits.nodes, limits.bytes);
        let area_len = area.len();
        Self { rest: control, area, area_len, limits: *limits, nodes, bytes }
    }

    // The lists before the body.

    /// The id of the call that this one is nested in.
    ///
    /// # Errors
    /// The control part ends before.
    pub fn parent(&mut self) -> Result<u64, DecodeError> {
        self.take().map(u64::from_le_bytes)
    }

    /// The next `count` unrefs: the bits of a pointer, and how many receipts of it are given
    /// back. The bits are handed on as they stand, because a stale one is no error here.
    ///
    /// # Errors
    /// The control part ends before.
    #[inline]
    pub fn unrefs(&mut self, count: u16) -> Result<Unrefs<'a>, DecodeError> {
        let entries = self.take_slice(usize::from(count) * UNREF_LEN)?;
        Ok(Unrefs { entries: entries.chunks_exact(UNREF_LEN) })
    }

    // Requests.

    /// The body of a request whose header has this `op`.
    ///
    /// # Errors
    /// What is wrong with it, or an error of `resolve`.
    #[inline]
    pub fn request<R>(
        &mut self,
        op: u8,
        resolve: &mut impl FnMut(Pointer) -> Result<R, DecodeError>,
    ) -> Result<Request<'a, R>, DecodeError> {
        let request = match Trap::from_number(op) {
            Some(Trap::Global) => Request::Global,
            Some(Trap::Get) => {
                Request::Get { target: self.take_pointer(resolve)?, key: self.take_key()? }
            }
            Some(Trap::Set) => Request::Set {
                target: self.take_pointer(resolve)?,
                key: self.take_key()?,
                value: self.take_value(1, resolve)?,
            },
            Some(Trap::Apply) => Request::Apply {
                target: self.take_pointer(resolve)?,
                this: self.take_value(1, resolve)?,
                args: self.take_values(resolve)?,
            },
            Some(Trap::Construct) => Request::Construct {
                target: self.take_pointer(resolve)?,
                args: self.take_values(resolve)?,
            },
            _ => return Err(DecodeError::UnknownTrap(op)),
        };
        self.end()?;
        Ok(request)
    }

    // Replies.

    /// The body of a reply whose header has this `status` for its op.
    ///
    /// # Errors
    /// What is wrong with it, or an error of `resolve`.
    #[inline]
    pub fn reply<R>(
        &mut self,
        status: u8,
        resolve: &mut impl FnMut(Pointer) -> Result<R, DecodeError>,
    ) -> Result<Reply<R>, DecodeError> {
        let reply = match Status::from_number(status) {
            Some(Status::Value) => Reply::Value(self.take_value(1, resolve)?),
            Some(Status::Thrown) => Reply::Thrown(Thrown {
                name: self.take_string()?,
                message: self.take_string()?,
                stack: self.take_string()?,
                value: self.take_value(1, resolve)?,
            }),
            Some(Status::Failure) => {
                let [code] = self.take()?;
                let code = Failure::from_code(code).ok_or(DecodeError::UnknownFailure(code))?;
                Reply::Failure { code, message: self.take_string()? }
            }
            None => return Err(DecodeError::UnknownStatus(status)),
        };
        self.end()?;
        Ok(reply)
    }

    // Frames without values.

    /// The body of a DATA frame: all that is left.
    pub fn data(&self) -> &'a [u8] {
        self.rest
    }

    // Bytes.

    /// Takes `len` off the budget of bytes.
    #[inline]
    fn spend(&mut self, len: usize) -> Result<(), DecodeError> {
        let left = self.bytes.checked_sub(len);
        self.bytes = left.ok_or(DecodeError::TooManyBytes { limit: self.limits.bytes })?;
        Ok(())
    }

    #[inline]
    fn end(&self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing { left }),
        }
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let left = self.rest.len();
        let (taken, rest) =
            self.rest.split_first_chunk().ok_or(DecodeError::Truncated { needed: N, left })?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    fn take_slice(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let left = self.rest.len();
        let (taken, rest) =
            self.rest.split_at_checked(len).ok_or(DecodeError::Truncated { needed: len, left })?;
        self.rest = rest;
        Ok(taken)
    }
}

/// The unref list of a frame: bits of a pointer, and how many receipts of it are given back.
#[derive(Clone, Debug)]
pub struct Unrefs<'a> {
    entries: ChunksExact<'a, u8>,
}

impl Iterator for Unrefs<'_> {
    type Item = (u64, u32);

    #[inline]
    fn next(&mut self) -> Option<(u64, u32)> {
        let [pointer @ .., c0, c1, c2, c3] = *self.entries.next()?.first_chunk::<UNREF_LEN>()?;
        Some((u64::from_le_bytes(pointer), u32::from_le_bytes([c0, c1, c2, c3])))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for Unrefs<'_> {}
