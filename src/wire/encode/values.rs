//! Values, pointers and keys, written. The twin of `decode/values.rs`.

use super::{BUFFER_ALIGN, Encoder, four_bytes};
use crate::wire::value::{CANONICAL_NAN, Key, Value};
use crate::wire::{EncodeError, Pointer, Room, tag};

impl<'v, W: Room> Encoder<'v, W> {
    // Values.

    #[inline]
    pub(super) fn put_values<R>(
        &mut self,
        values: &'v [Value<R>],
        refs: &mut impl FnMut(&R) -> Result<Pointer, EncodeError>,
    ) -> Result<(), EncodeError> {
        self.put(four_bytes(values.len())?.to_le_bytes())?;
        values.iter().try_for_each(|value| self.put_value(value, refs))
    }

    #[inline]
    pub(super) fn put_value<R>(
        &mut self,
        value: &'v Value<R>,
        refs: &mut impl FnMut(&R) -> Result<Pointer, EncodeError>,
    ) -> Result<(), EncodeError> {
        match value {
            Value::Undefined => self.put([tag::UNDEFINED]),
            Value::Null => self.put([tag::NULL]),
            Value::Bool(false) => self.put([tag::FALSE]),
            Value::Bool(true) => self.put([tag::TRUE]),
            Value::Number(n) => self.put_number(*n),
            Value::String(s) => self.put_text(s),
            Value::Bytes(b) => self.put_bytes(b),
            Value::Reference(r) => self.put_tagged(tag::POINTER, refs(r)?.to_bits().to_le_bytes()),
        }
    }

    /// The shortest form that gives the same number back; the bits of a NaN are not kept.
    #[inline]
    fn put_number(&mut self, n: f64) -> Result<(), EncodeError> {
        let integral = n as i32;
        // By their bits, so that -0 is no integer.
        if f64::from(integral).to_bits() != n.to_bits() {
            let bits = if n.is_nan() { CANONICAL_NAN } else { n.to_bits() };
            return self.put_tagged(tag::F64, bits.to_le_bytes());
        }
        match i8::try_from(integral) {
            Ok(small) => self.put_tagged(tag::I8, small.to_le_bytes()),
            Err(_) => self.put_tagged(tag::I32, integral.to_le_bytes()),
        }
    }

    #[inline]
    pub(super) fn put_text(&mut self, text: &str) -> Result<(), EncodeError> {
        let len = text_len(text)?;
        write_text(self.reserve(len)?, text);
        Ok(())
    }

    /// Notes a buffer for `put_area` and writes where it will be. An empty one needs no place.
    fn put_bytes(&mut self, bytes: &'v [u8]) -> Result<(), EncodeError> {
        let len = four_bytes(bytes.len())?;
        let mut offset = 0;
        if len != 0 {
            if self.buffers.len() == usize::from(u16::MAX) {
                return Err(EncodeError::TooManyBuffers { max: u16::MAX.into() });
            }
            let end = |offset: &u32| offset.checked_add(len);
            let next = self.area_len.checked_next_multiple_of(BUFFER_ALIGN);
            (offset, self.area_len) = next
                .and_then(|offset| Some((offset, end(&offset)?)))
                .ok_or(EncodeError::TooLong { len: bytes.len(), max: u32::MAX as usize })?;
            self.buffers.push(bytes);
        }
        let descriptor = self.reserve(9)?;
        descriptor[0] = tag::BYTES;
        descriptor[1..5].copy_from_slice(&offset.to_le_bytes());
        descriptor[5..].copy_from_slice(&len.to_le_bytes());
        Ok(())
    }

    // Pointers and keys.

    /// One reservation for both, because they are the whole of a `get`.
    #[inline]
    pub(super) fn put_target_and_key(
        &mut self,
        target: Pointer,
        key: Key<'_>,
    ) -> Result<(), EncodeError> {
        let key_len = match key {
            Key::String(name) => text_len(name)?,
            Key::Index(_) => 5,
        };
        let (pointer, rest) = self.reserve(8 + key_len)?.split_at_mut(8);
        pointer.copy_from_slice(&target.to_bits().to_le_bytes());
        match key {
            Key::String(name) => write_text(rest, name),
            Key::Index(index) => {
                rest[0] = tag::INDEX;
                rest[1..].copy_from_slice(&index.to_le_bytes());
            }
        }
        Ok(())
    }

    #[inline]
    fn put_tagged<const N: usize>(&mut self, tag: u8, body: [u8; N]) -> Result<(), EncodeError> {
        let slot = self.reserve(1 + N)?;
        slot[0] = tag;
        slot[1..].copy_from_slice(&body);
        Ok(())
    }
}

/// Bytes of a text with its tag and length.
#[inline]
fn text_len(text: &str) -> Result<usize, EncodeError> {
    let short = four_bytes(text.len())? <= u8::MAX.into();
    Ok(if short { 2 } else { 5 } + text.len())
}

/// Writes tag, length and text into `slot`, which is [`text_len`] long.
#[inline]
fn write_text(slot: &mut [u8], text: &str) {
    let (head, body) = slot.split_at_mut(slot.len() - text.len());
    if let [tag, len] = head {
        (*tag, *len) = (tag::STRING_8, text.len() as u8);
    } else {
        head[0] = tag::STRING_32;
        head[1..].copy_from_slice(&(text.len() as u32).to_le_bytes());
    }
    body.copy_from_slice(text.as_bytes());
}
