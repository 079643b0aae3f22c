//! What crosses: [`Value`], the [`Key`] of a property, and [`Thrown`], what a handler throws.
//!
//! All three are generic over the one thing that differs between the ends: how a non-primitive
//! is held. On the local it is the host's own object, on the remote a
//! [`Proxy`](crate::Proxy), on the wire a [`Pointer`](crate::wire::Pointer).

use std::fmt;

/// The bits of the one NaN that crosses, sign and payload zero.
pub(super) const CANONICAL_NAN: u64 = 0x7ff8_0000_0000_0000;

/// A value that crosses a link: a primitive by copy, anything else as a reference `R`.
///
/// ```
/// use trapline::Value;
/// let v: Value<()> = "hello".into();
/// assert_eq!(v.as_str(), Some("hello"));
/// assert_ne!(Value::<()>::Undefined, Value::Null);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<R> {
    /// No value at all; distinct from [`Value::Null`].
    Undefined,
    /// The null value.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number; the sign of zero, NaN and the infinities are kept.
    Number(f64),
    /// Text.
    String(String),
    /// A buffer of bytes; it travels in the frame's buffer area.
    Bytes(Vec<u8>),
    /// Anything else, as a pointer.
    Reference(R),
}

impl<R> Value<R> {
    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        if let Self::Number(n) = self { Some(*n) } else { None }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(s) = self { Some(s) } else { None }
    }

    /// The bytes, if it is a buffer.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(b) = self { Some(b) } else { None }
    }

    /// The reference, if it is one.
    pub fn as_reference(&self) -> Option<&R> {
        if let Self::Reference(r) = self { Some(r) } else { None }
    }

    /// The reference, or the value itself back.
    ///
    /// # Errors
    /// The value, where it is no reference.
    pub fn into_reference(self) -> Result<R, Self> {
        if let Self::Reference(r) = self { Ok(r) } else { Err(self) }
    }

    /// The name of the variant, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Reference(_) => "reference",
        }
    }
}

impl<R> From<bool> for Value<R> {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl<R> From<f64> for Value<R> {
    fn from(n: f64) -> Self {
        Self::Number(n)
    }
}

impl<R> From<i32> for Value<R> {
    fn from(n: i32) -> Self {
        Self::Number(n.into())
    }
}

impl<R> From<u32> for Value<R> {
    fn from(n: u32) -> Self {
        Self::Number(n.into())
    }
}

impl<R> From<&str> for Value<R> {
    fn from(s: &str) -> Self {
        Self::String(s.to_owned())
    }
}

impl<R> From<String> for Value<R> {
    fn from(s: String) -> Self {
        Self::String(s)
    }
}

impl<R> From<Vec<u8>> for Value<R> {
    fn from(b: Vec<u8>) -> Self {
        Self::Bytes(b)
    }
}

impl<R> From<()> for Value<R> {
    fn from((): ()) -> Self {
        Self::Undefined
    }
}

/// The name of a property, borrowed from the frame (local) or from the caller (remote).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key<'a> {
    /// A property name.
    String(&'a str),
    /// An array index.
    Index(u32),
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(s: &'a str) -> Self {
        Self::String(s)
    }
}

impl<'a> From<&'a String> for Key<'a> {
    fn from(s: &'a String) -> Self {
        Self::String(s)
    }
}

impl From<u32> for Key<'_> {
    fn from(i: u32) -> Self {
        Self::Index(i)
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(s) => f.write_str(s),
            Self::Index(i) => write!(f, "{i}"),
        }
    }
}

/// What a handler throws, as it arrives at the caller: class name, message, the stack of the side
/// that threw, and the thrown value itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Thrown<R> {
    /// Class of the error, such as `TypeError`; `Error` where the host knows none.
    pub name: String,
    /// The message, without the class.
    pub message: String,
    /// The stack of the side that threw, in its own notation; empty where it keeps none.
    pub stack: String,
    /// What was thrown: often a reference to the error object, sometimes a plain value.
    pub value: Value<R>,
}

impl<R> Thrown<R> {
    /// An error of class `name`, without a stack.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            message: message.into(),
            stack: String::new(),
            value: Value::Undefined,
        }
    }

    /// A `TypeError`: the operation does not fit the target.
    pub fn type_error(message: impl Into<String>) -> Self {
        Self::new("TypeError", message)
    }
}

impl<R> fmt::Display for Thrown<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl<R: fmt::Debug> std::error::Error for Thrown<R> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_accessor_knows_its_own_variant_only() {
        let values: [Value<u8>; 7] = [
            ().into(),
            Value::Null,
            true.into(),
            1.5.into(),
            "text".into(),
            vec![1, 2].into(),
            Value::Reference(9),
        ];
        let count = |is: fn(&Value<u8>) -> bool| values.iter().filter(|v| is(v)).count();
        assert_eq!(count(|v| v.as_number() == Some(1.5)), 1);
        assert_eq!(count(|v| v.as_str() == Some("text")), 1);
        assert_eq!(count(|v| v.as_bytes() == Some(&[1, 2])), 1);
        assert_eq!(count(|v| v.as_reference() == Some(&9)), 1);
        assert_eq!(count(|v| v.clone().into_reference().is_ok()), 1);
        let mut names = values.each_ref().map(Value::type_name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn integers_keys_and_errors_read_as_written() {
        assert_eq!(Value::<()>::from(u32::MAX).as_number(), Some(4_294_967_295.0));
        assert_eq!(Value::<()>::from(-1), Value::Number(-1.0));
        assert_eq!(Key::from("a").to_string(), "a");
        assert_eq!(Key::from(7).to_string(), "7");
        assert_ne!(Key::from("7"), Key::from(7));
        assert_eq!(Thrown::<()>::type_error("no").to_string(), "TypeError: no");
    }
}
