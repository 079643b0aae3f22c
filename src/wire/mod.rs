//! The wire: which bytes a trap, its reply and the values in them become, and back.
//!
//! It is not a transport. It knows no ring, no futex and no link; it sees memory to write into
//! (a [`Room`]), a private copy of a control part to read from, and a [`BufferArea`] that it may
//! copy out of. `docs/wire.md` says the same byte by byte, for an implementation in another
//! language.
//!
//! ```text
//!  0          24                24+control_len   next multiple of 64
//!  ├─ header ─┼─ control part ──┼─ zeros ────────┼─ buffer area ────────┤
//!  │ kind, op │ parent? unrefs* │ only if there are buffers, each of    │
//!  │ id, …    │ then the body   │ them at a multiple of 16 in the area  │
//! ```
//!
//! Rules:
//!
//! - An [`Encoder`] writes straight into the room of the transport, the control part first; the
//!   buffers stay where they are until [`Encoder::finish`] copies them behind it, once. A call
//!   with a key and small values allocates nothing.
//! - A [`Decoder`] is total: any bytes give a value or a [`DecodeError`]. It allocates for no more
//!   than the bytes that are there, and within [`Limits`].
//! - A decoder works on a copy of the control part that nobody else can write. The buffer area may
//!   lie in the peer's memory: each byte of it is read once at most for each value that names it.
//! - The two share constants ([`tag`], [`Trap`], [`Status`], [`Failure`]) and no state.
//!
//! ```
//! use trapline::wire::{Decoder, Encoder, Flags, FrameHeader, HEADER_LEN, Kind, Limits};
//! use trapline::wire::{Key, Pointer, Request, Side, VecRoom};
//!
//! let global = Pointer::new(1, 0, Kind::Object, Side::Passive);
//! let mut room = VecRoom::new(64, 4096);
//! let mut encoder = Encoder::new(&mut room);
//! encoder.get(global, Key::String("answer"))?;
//! let len = encoder.finish(Flags::WAITING, 0, 7)?;
//!
//! let (header, control) = room.frame(len).split_at(HEADER_LEN);
//! let header = FrameHeader::parse(header.try_into()?, len)?;
//! let mut decoder = Decoder::new(control, [].as_slice(), &Limits::default());
//! let request = decoder.request(header.op, &mut Ok)?;
//! assert_eq!(request, Request::Get { target: global, key: Key::String("answer") });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decode;
mod encode;
mod error;
mod frame;
mod pointer;
mod reply;
mod room;
pub mod tag;
mod trap;
mod value;

#[cfg(test)]
mod tests;

pub use decode::{BufferArea, Decoder, Limits, Unrefs};
pub use encode::Encoder;
pub use error::{DecodeError, EncodeError};
pub use frame::{AREA_ALIGN, Flags, FrameHeader, FrameKind, HEADER_LEN, MAX_DEPTH};
pub use pointer::{Kind, Pointer, Side};
pub use reply::{Failure, Reply, Status};
pub use room::{NoRoom, Room, VecRoom};
pub use trap::{Request, Trap};
pub use value::{Key, Thrown, Value};

/// Major version of the format; ends with different ones do not talk.
pub const VERSION_MAJOR: u16 = crate::layout::VERSION.0;

/// Minor version of the format; two ends use the lower one.
pub const VERSION_MINOR: u16 = crate::layout::VERSION.1;
