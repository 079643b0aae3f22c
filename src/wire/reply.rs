//! [`Reply`]: what comes back, and the numbers of [`Status`] and [`Failure`].

use std::fmt;

use super::value::{Thrown, Value};

/// How a request ended. Its number stands in the `op` of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Status {
    /// The handler returned a value.
    Value = 0,
    /// The handler threw.
    Thrown = 1,
    /// There is no answer of the handler.
    Failure = 2,
}

impl Status {
    /// The status with this number.
    #[inline]
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Value,
            1 => Self::Thrown,
            2 => Self::Failure,
            _ => return None,
        })
    }
}

/// Why there is no answer of the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Failure {
    /// The request names a pointer that was freed or never sent.
    StalePointer = 1,
    /// The request could not be decoded.
    Malformed = 2,
    /// The answer does not fit the way back.
    TooLong = 3,
    /// The handler panicked.
    Panicked = 4,
    /// Nobody serves requests at this end.
    NotServed = 5,
    /// The call was cancelled.
    Cancelled = 6,
    /// The answer holds something that does not cross.
    Unencodable = 7,
    /// The table of references is full.
    LimitReached = 8,
}

impl Failure {
    /// The failure with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::StalePointer,
            2 => Self::Malformed,
            3 => Self::TooLong,
            4 => Self::Panicked,
            5 => Self::NotServed,
            6 => Self::Cancelled,
            7 => Self::Unencodable,
            8 => Self::LimitReached,
            _ => return None,
        })
    }

    /// Its code on the wire.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StalePointer => "the pointer is not in use",
            Self::Malformed => "the request could not be decoded",
            Self::TooLong => "the answer is too long",
            Self::Panicked => "the handler panicked",
            Self::NotServed => "nobody serves requests there",
            Self::Cancelled => "the call was cancelled",
            Self::Unencodable => "the answer does not cross",
            Self::LimitReached => "the table of references is full",
        })
    }
}

/// A reply, decoded. `R` is how the receiver holds references.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reply<R> {
    /// What the handler returned.
    Value(Value<R>),
    /// What the handler threw.
    Thrown(Thrown<R>),
    /// Why there is neither.
    Failure {
        /// The reason.
        code: Failure,
        /// More about it, for people.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_the_document_lists_each() {
        let doc = include_str!("../../docs/wire.md");
        for number in 0..=u8::MAX {
            if let Some(status) = Status::from_number(number) {
                assert_eq!(status as u8, number);
                assert!(doc.contains(&format!("| {number} | `{status:?}` |")));
            }
            if let Some(failure) = Failure::from_code(number) {
                assert_eq!(failure.code(), number);
                assert!(doc.contains(&format!("| {number} | `{failure:?}` |")));
                assert!(!failure.to_string().ends_with('.'));
            }
        }
        assert_eq!(
            (Status::from_number(3), Failure::from_code(0), Failure::from_code(9)),
            (None, None, None)
        );
    }
}
