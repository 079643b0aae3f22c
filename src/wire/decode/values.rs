//! Values, pointers and keys, read. The twin of `encode/values.rs`.

use super::{BufferArea, Decoder};
use crate::wire::value::{CANONICAL_NAN, Key, Value};
use crate::wire::{DecodeError, Pointer, tag};

impl<'a, B: BufferArea> Decoder<'a, B> {
    // Values.

    #[inline]
    pub(super) fn take_values<R>(
        &mut self,
        resolve: &mut impl FnMut(Pointer) -> Result<R, DecodeError>,
    ) -> Result<Vec<Value<R>>, DecodeError> {
        let count = u32::from_le_bytes(self.take()?) as usize;
        // A value has one byte at least, so memory is set aside for no more than are there.
        if count > self.rest.len() {
            return Err(DecodeError::Truncated { needed: count, left: self.rest.len() });
        }
        if count > self.nodes {
            return Err(DecodeError::TooManyNodes { limit: self.limits.nodes });
        }
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(self.take_value(1, resolve)?);
        }
        Ok(values)
    }

    /// Always inlined, what needs memory never: a number that comes back through a call is moved
    /// three times, in pieces that stall the loads behind them.
    #[inline(always)]
    pub(super) fn take_value<R>(
        &mut self,
        depth: usize,
        resolve: &mut impl FnMut(Pointer) -> Result<R, DecodeError>,
    ) -> Result<Value<R>, DecodeError> {
        if depth > self.limits.depth {
            return Err(DecodeError::TooDeep { limit: self.limits.depth });
        }
        let left = self.nodes.checked_sub(1);
        self.nodes = left.ok_or(DecodeError::TooManyNodes { limit: self.limits.nodes })?;
        let [tag] = self.take()?;
        Ok(match tag {
            tag::UNDEFINED => Value::Undefined,
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::I8 => Value::Number(i8::from_le_bytes(self.take()?).into()),
            tag::I32 => Value::Number(i32::from_le_bytes(self.take()?).into()),
            tag::F64 => Value::Number(self.take_number()?),
            tag::STRING_8 | tag::STRING_32 => Value::String(self.take_owned(tag)?),
            tag::BYTES => Value::Bytes(self.take_bytes()?),
            tag::POINTER => Value::Reference(self.take_pointer(resolve)?),
            _ => return Err(DecodeError::UnknownTag(tag)),
        })
    }

    /// Any NaN becomes the one NaN: engines hide pointers in the bits of others.
    #[inline]
    fn take_number(&mut self) -> Result<f64, DecodeError> {
        let n = f64::from_le_bytes(self.take()?);
        Ok(if n.is_nan() { f64::from_bits(CANONICAL_NAN) } else { n })
    }

    pub(super) fn take_string(&mut self) -> Result<String, DecodeError> {
        let [tag] = self.take()?;
        self.take_owned(tag)
    }

    #[inline(never)]
    fn take_owned(&mut self, tag: u8) -> Result<String, DecodeError> {
        let text = self.take_text(tag)?;
        self.spend(text.len())?;
        Ok(text.to_owned())
    }

    #[inline]
    fn take_text(&mut self, tag: u8) -> Result<&'a str, DecodeError> {
        let len = match tag {
            tag::STRING_8 => u8::from_le_bytes(self.take()?).into(),
            tag::STRING_32 => u32::from_le_bytes(self.take()?) as usize,
            _ => return Err(DecodeError::UnknownTag(tag)),
        };
        let text = self.take_slice(len)?;
        std::str::from_utf8(text).map_err(|e| DecodeError::InvalidUtf8 { valid: e.valid_up_to() })
    }

    #[inline(never)]
    fn take_bytes(&mut self) -> Result<Vec<u8>, DecodeError> {
        let offset = u32::from_le_bytes(self.take()?);
        let len = u32::from_le_bytes(self.take()?);
        let (start, size) = (offset as usize, len as usize);
        if start.checked_add(size).is_none_or(|end| end > self.area_len) {
            return Err(DecodeError::BufferOutside { offset, len, area: self.area_len });
        }
        self.spend(size)?;
        Ok(if size == 0 { Vec::new() } else { self.area.read_vec(start, size) })
    }

    // Pointers and keys.

    #[inline]
    pub(super) fn take_pointer<R>(
        &mut self,
        resolve: &mut impl FnMut(Pointer) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        let bits = u64::from_le_bytes(self.take()?);
        resolve(Pointer::from_bits(bits).ok_or(DecodeError::StalePointer(bits))?)
    }

    #[inline]
    pub(super) fn take_key(&mut self) -> Result<Key<'a>, DecodeError> {
        let [tag] = self.take()?;
        if tag == tag::INDEX {
            return Ok(Key::Index(u32::from_le_bytes(self.take()?)));
        }
        self.take_text(tag).map(Key::String)
    }
}
