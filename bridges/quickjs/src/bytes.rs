//! The bytes of an `ArrayBuffer`, copied out of the engine.

#![allow(unsafe_code, reason = "the bytes of a buffer are the engine's memory")]

use rquickjs::{ArrayBuffer, Value, qjs};
use trapline::Thrown;

use crate::Object;
use crate::enter::Entered;

/// Whether `value` is an `ArrayBuffer`, detached or not; a `SharedArrayBuffer` is none.
pub(crate) fn is_array_buffer(value: &Value<'_>) -> bool {
    // SAFETY: `value` holds a live value of the engine. The call reads its class and nothing else.
    unsafe { qjs::JS_IsArrayBuffer(value.as_raw()) }
}

impl<'js> Entered<'_, 'js> {
    /// Copies the bytes of an `ArrayBuffer`.
    ///
    /// # Errors
    /// A `TypeError` where it is detached, a `RangeError` where there is no memory for the copy.
    pub(crate) fn bytes_of(
        &self,
        object: rquickjs::Object<'js>,
    ) -> Result<Vec<u8>, Thrown<Object>> {
        let buffer = ArrayBuffer::from_object(object);
        let Some(memory) = buffer.as_ref().and_then(ArrayBuffer::as_raw) else {
            // An empty buffer may have no memory either, but then nothing is thrown.
            let detached = self.ctx.has_exception();
            self.ctx.catch();
            return if detached {
                Err(Thrown::type_error("a detached ArrayBuffer cannot cross"))
            } else {
                Ok(Vec::new())
            };
        };
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(memory.len()).map_err(|_| {
            Thrown::new("RangeError", format!("no memory to copy {} bytes", memory.len()))
        })?;
        // SAFETY: `as_raw` has just given the start and length of the buffer's initialised memory,
        // `buffer` keeps it alive, and no script runs while the slice is in use.
        bytes.extend_from_slice(unsafe { memory.as_ref() });
        Ok(bytes)
    }
}
