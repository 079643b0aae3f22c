//! Values in and out of the engine.
//!
//! Nothing is lost on the way: what has no counterpart yet (symbols, bigints, strings with lone
//! surrogates) is a `TypeError`.

use rquickjs::{ArrayBuffer, Atom, Type, Value as Js};
use trapline::{Key, Thrown, Value};

use crate::enter::Entered;
use crate::{Object, bytes};

impl<'js> Entered<'_, 'js> {
    /// A value that has crossed, for use within one entry.
    ///
    /// # Errors
    /// A `TypeError` for an object of another engine; what the engine throws where it is out of
    /// memory.
    pub(crate) fn to_js(&self, value: Value<Object>) -> Result<Js<'js>, Thrown<Object>> {
        let ctx = self.ctx.clone();
        Ok(match value {
            Value::Undefined => Js::new_undefined(ctx),
            Value::Null => Js::new_null(ctx),
            Value::Bool(b) => Js::new_bool(ctx, b),
            Value::Number(n) => self.number(n),
            Value::String(s) => self.string(&s)?,
            // Copied, so that what a script keeps counts against the memory limit.
            Value::Bytes(b) => self.caught(ArrayBuffer::new_copy(ctx, b))?.into_value(),
            Value::Reference(object) => object.restore(self)?.into_value(),
            other => return Err(cannot_cross(other.type_name())),
        })
    }

    fn string(&self, text: &str) -> Result<Js<'js>, Thrown<Object>> {
        let string = rquickjs::String::from_str(self.ctx.clone(), text);
        Ok(self.caught(string)?.into_value())
    }

    /// Integers are kept in the engine's small form, except the one that has none: -0.
    fn number(&self, n: f64) -> Js<'js> {
        let integer = n as i32;
        if f64::from(integer).to_bits() == n.to_bits() {
            Js::new_int(self.ctx.clone(), integer)
        } else {
            Js::new_float(self.ctx.clone(), n)
        }
    }

    /// A property key that has crossed.
    ///
    /// # Errors
    /// What the engine throws where it is out of memory.
    pub(crate) fn to_atom(&self, key: Key<'_>) -> Result<Atom<'js>, Thrown<Object>> {
        let ctx = self.ctx.clone();
        match key {
            Key::String(name) => self.caught(Atom::from_str(ctx, name)),
            Key::Index(index) => self.caught(Atom::from_u32(ctx, index)),
            _ => Err(cannot_cross("key of this kind")),
        }
    }

    /// A value of the engine, ready to cross.
    ///
    /// # Errors
    /// A `TypeError` that names what cannot cross.
    pub(crate) fn to_value(&self, value: Js<'js>) -> Result<Value<Object>, Thrown<Object>> {
        if let Some(n) = value.as_number() {
            return Ok(Value::Number(n));
        }
        if let Some(b) = value.as_bool() {
            return Ok(Value::Bool(b));
        }
        match value.try_into_object() {
            Ok(object) if bytes::is_array_buffer(&object) => {
                Ok(Value::Bytes(self.bytes_of(object)?))
            }
            Ok(object) => Ok(Value::Reference(Object::hold(self, object))),
            Err(primitive) => self.primitive_to_value(&primitive),
        }
    }

    fn primitive_to_value(&self, value: &Js<'js>) -> Result<Value<Object>, Thrown<Object>> {
        match (value.type_of(), value.as_string()) {
            (Type::Undefined, _) => Ok(Value::Undefined),
            (Type::Null, _) => Ok(Value::Null),
            (_, Some(text)) => match text.to_string() {
                Err(rquickjs::Error::Utf8(_)) => Err(cannot_cross("string with a lone surrogate")),
                text => Ok(Value::String(self.caught(text)?)),
            },
            (Type::BigInt, _) => Err(cannot_cross("bigint")),
            (Type::Symbol, _) => Err(cannot_cross("symbol")),
            (other, _) => Err(cannot_cross(other.as_str())),
        }
    }
}

fn cannot_cross(what: &str) -> Thrown<Object> {
    Thrown::type_error(format!("a {what} cannot cross yet"))
}
