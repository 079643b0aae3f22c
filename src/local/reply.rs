//! [`Response`]: what a request is answered with, and how it becomes a frame.

use std::any::Any;

use crate::link::{Body, SMALL};
use crate::wire::{EncodeError, Encoder, Failure, Pointer, Room, Thrown, Value};

/// What a request is answered with.
pub(super) enum Response<O> {
    Value(Value<O>),
    Thrown(Thrown<O>),
    Failure(Failure, String),
}

/// Room that a reply without text or buffers needs.
pub(super) const SMALL_REPLY: usize = 64;

pub(super) struct ReplyBody<'v, O> {
    pub(super) response: &'v Response<O>,
    /// Of the one reference in it.
    pub(super) pointer: Option<Pointer>,
}

impl<O> ReplyBody<'_, O> {
    /// Bytes to expect, and whether they are a control part only.
    pub(super) fn size(&self) -> (usize, bool) {
        match self.response {
            Response::Value(Value::Bytes(bytes)) => (SMALL_REPLY + bytes.len(), false),
            Response::Value(Value::String(s)) => {
                (SMALL_REPLY + s.len(), SMALL_REPLY + s.len() <= SMALL)
            }
            _ => (SMALL_REPLY, true),
        }
    }
}

impl<'v, O> Body<'v> for ReplyBody<'v, O> {
    #[inline]
    fn write<W: Room>(&mut self, encoder: &mut Encoder<'v, W>) -> Result<(), EncodeError> {
        let pointer = self.pointer;
        let refs = &mut |_: &O| pointer.ok_or(EncodeError::Unencodable { type_name: "reference" });
        match self.response {
            Response::Value(value) => encoder.reply_value(value, refs),
            Response::Thrown(thrown) => encoder.reply_thrown(thrown, refs),
            Response::Failure(failure, message) => encoder.reply_failure(*failure, message),
        }
    }
}

/// What a panic said, if it said it in words.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned()
}
