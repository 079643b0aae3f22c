//! What is exchanged, and the two ends of a transport: [`Asks`] and [`Answers`].

use std::hint::black_box;
use std::process::{Child, Command};

use trapline::Lane;

use crate::error::Error;
use crate::watch::Watch;

/// Bytes of a request and of its reply, both at least 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) request: usize,
    pub(crate) reply: usize,
}

/// What every contender is measured with.
pub(crate) const SHAPES: [Shape; 4] = [
    Shape { request: 8, reply: 8 },
    Shape { request: 64, reply: 64 },
    Shape { request: 8, reply: 64 << 10 },
    Shape { request: 8, reply: 1 << 20 },
];

/// The longest request.
pub(crate) const LONGEST_REQUEST: usize = 64;
/// The longest reply.
pub(crate) const LONGEST_REPLY: usize = 1 << 20;

/// The number of a request that has no reply: the exchange is over.
pub(crate) const STOP: u64 = u64::MAX;

/// The first process's end of a transport. The lane is for trapline itself: a contender of another
/// kind leaves it alone.
pub(crate) trait Asks: Sized {
    /// What is made before the second process starts.
    type Prepared;

    /// Makes what the second process is to inherit.
    fn prepare(command: &mut Command) -> Result<Self::Prepared, Error>;

    /// Connects, once the second process has said that its end is there.
    fn connect(prepared: Self::Prepared, child: &mut Child, watch: &Watch) -> Result<Self, Error>;

    /// Sends a request.
    fn ask(&mut self, lane: &mut Lane<'_>, request: &[u8]) -> Result<(), Error>;

    /// Waits for a reply of `len` bytes, reads it, and returns its number.
    fn hear(&mut self, lane: &mut Lane<'_>, len: usize) -> Result<u64, Error>;
}

/// The second process's end of a transport.
pub(crate) trait Answers: Sized {
    /// Takes over what was inherited.
    fn connect() -> Result<Self, Error>;

    /// Waits for a request of `len` bytes, and returns its number.
    fn take(&mut self, lane: &mut Lane<'_>, len: usize) -> Result<u64, Error>;

    /// Sends the reply to it.
    fn give(&mut self, lane: &mut Lane<'_>, reply: &[u8]) -> Result<(), Error>;
}

/// The number in the first bytes of a request or a reply of `len` bytes.
#[inline]
pub(crate) fn number(bytes: &[u8], len: usize) -> Result<u64, Error> {
    match bytes.first_chunk() {
        Some(first) if bytes.len() == len => Ok(u64::from_ne_bytes(*first)),
        _ => Err(Error::Wrong(format!("{} bytes instead of {len}", bytes.len()))),
    }
}

/// As [`number`], and reads a byte of each line.
#[inline]
pub(crate) fn read(reply: &[u8], len: usize) -> Result<u64, Error> {
    let sum = reply.iter().step_by(64).fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    black_box(sum);
    number(reply, len)
}

/// Writes the number into a message.
#[inline]
pub(crate) fn set_number(message: &mut [u8], number: u64) {
    message[..8].copy_from_slice(&number.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_and_a_wrong_length_does_not() {
        let mut message = [0; 64];
        set_number(&mut message, 7);
        assert_eq!(read(&message, 64).unwrap(), 7);
        assert!(read(&message, 8).is_err() && number(&message[..4], 4).is_err());
    }

    #[test]
    fn the_longest_are_the_longest() {
        assert_eq!(SHAPES.iter().map(|shape| shape.request).max(), Some(LONGEST_REQUEST));
        assert_eq!(SHAPES.iter().map(|shape| shape.reply).max(), Some(LONGEST_REPLY));
    }
}
