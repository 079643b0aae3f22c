//! Why bytes could not be written or read.

use std::fmt;

use super::NoRoom;
use super::frame::FrameKind;
use super::reply::Failure;

/// Why a frame could not be encoded. Nothing of it is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The transport has no room now; it will once the reader released something.
    Full,
    /// The frame, or a part whose length has four bytes, is too long for this transport.
    TooLong {
        /// Bytes needed.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// More buffers than a frame can count.
    TooManyBuffers {
        /// Buffers allowed.
        max: usize,
    },
    /// More entries in the unref list than a frame can count.
    TooManyUnrefs {
        /// Entries allowed.
        max: usize,
    },
    /// Calls nested deeper than a frame can say.
    TooDeep {
        /// Depth allowed.
        limit: u8,
    },
    /// A reference belongs to another link.
    ForeignProxy,
    /// No more references fit into the owner's table.
    LimitReached {
        /// References allowed.
        limit: usize,
    },
    /// A value of this type does not cross.
    Unencodable {
        /// What it is.
        type_name: &'static str,
    },
}

impl From<NoRoom> for EncodeError {
    fn from(error: NoRoom) -> Self {
        match error {
            NoRoom::Full => Self::Full,
            NoRoom::TooLong { len, max } => Self::TooLong { len, max },
        }
    }
}

impl EncodeError {
    /// How the caller is told, where an answer met this error.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Full | Self::TooLong { .. } => Failure::TooLong,
            Self::TooManyBuffers { .. } | Self::TooManyUnrefs { .. } => Failure::TooLong,
            Self::LimitReached { .. } => Failure::LimitReached,
            Self::ForeignProxy | Self::Unencodable { .. } | Self::TooDeep { .. } => {
                Failure::Unencodable
            }
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("no room until the reader releases some"),
            Self::TooLong { len, max } => write!(f, "{len} bytes, {max} at most"),
            Self::TooManyBuffers { max } => write!(f, "more than {max} buffers in a frame"),
            Self::TooManyUnrefs { max } => write!(f, "more than {max} unrefs in a frame"),
            Self::TooDeep { limit } => write!(f, "calls nested deeper than {limit}"),
            Self::ForeignProxy => f.write_str("a reference belongs to another link"),
            Self::LimitReached { limit } => write!(f, "more than {limit} references"),
            Self::Unencodable { type_name } => write!(f, "a {type_name} does not cross"),
        }
    }
}

impl std::error::Error for EncodeError {}

/// Why bytes are no frame, no request or no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The first byte names no kind of frame.
    BadKind(u8),
    /// Flags that have no meaning, or none for this kind.
    BadFlags(u8),
    /// A depth above the largest one.
    BadDepth(u8),
    /// An op that has no meaning for this kind.
    BadOp {
        /// Kind of the frame.
        kind: FrameKind,
        /// What stands there.
        op: u8,
    },
    /// The lengths in the header do not add up to the length of the frame.
    BadLength {
        /// What the header says.
        stated: u64,
        /// Bytes of the frame.
        actual: u64,
    },
    /// More buffers or unrefs than the stated lengths can hold, or for a kind that has none.
    BadCount {
        /// Stated number of buffers.
        buffers: u16,
        /// Stated number of unrefs.
        unrefs: u16,
    },
    /// The control part ends too early.
    Truncated {
        /// Bytes that had to follow.
        needed: usize,
        /// Bytes that do.
        left: usize,
    },
    /// Bytes remain after the body.
    Trailing {
        /// How many.
        left: usize,
    },
    /// A request names no trap, or one that this version does not read.
    UnknownTrap(u8),
    /// A reply with a status that has no meaning.
    UnknownStatus(u8),
    /// A failure with a code that has no meaning.
    UnknownFailure(u8),
    /// A value or key of a type that this version does not read here.
    UnknownTag(u8),
    /// Text that is not UTF-8.
    InvalidUtf8 {
        /// Bytes of it that are.
        valid: usize,
    },
    /// A buffer does not lie in the buffer area.
    BufferOutside {
        /// Stated offset.
        offset: u32,
        /// Stated length.
        len: u32,
        /// Bytes of the area.
        area: usize,
    },
    /// A pointer that was freed, forged, or never sent.
    StalePointer(u64),
    /// No more references fit into the receiver's table.
    LimitReached {
        /// References allowed.
        limit: usize,
    },
    /// More values than allowed.
    TooManyNodes {
        /// Values allowed.
        limit: usize,
    },
    /// More text and buffers than allowed.
    TooManyBytes {
        /// Bytes allowed.
        limit: usize,
    },
    /// Values nested deeper than allowed.
    TooDeep {
        /// Levels allowed.
        limit: usize,
    },
}

impl DecodeError {
    /// Whether the bytes are well-formed, but more than the receiver takes.
    pub fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::LimitReached { .. }
                | Self::TooManyNodes { .. }
                | Self::TooManyBytes { .. }
                | Self::TooDeep { .. }
        )
    }

    /// How the sender of a request is told.
    pub fn failure(&self) -> Failure {
        match self {
            Self::StalePointer(_) => Failure::StalePointer,
            Self::LimitReached { .. } => Failure::LimitReached,
            _ => Failure::Malformed,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadKind(kind) => write!(f, "no frame has kind {kind}"),
            Self::BadFlags(flags) => write!(f, "flags {flags:#04x} have no meaning here"),
            Self::BadDepth(depth) => write!(f, "call depth {depth}"),
            Self::BadOp { kind, op } => write!(f, "op {op} in a frame of kind {kind:?}"),
            Self::BadLength { stated, actual } => {
                write!(f, "a frame of {actual} bytes states {stated}")
            }
            Self::BadCount { buffers, unrefs } => {
                write!(f, "{buffers} buffers and {unrefs} unrefs do not fit the frame")
            }
            Self::Truncated { needed, left } => {
                write!(f, "{needed} bytes needed where {left} are left")
            }
            Self::Trailing { left } => write!(f, "{left} bytes after the end of the body"),
            Self::UnknownTrap(op) => write!(f, "unknown trap {op}"),
            Self::UnknownStatus(status) => write!(f, "unknown status {status}"),
            Self::UnknownFailure(code) => write!(f, "unknown failure code {code}"),
            Self::UnknownTag(tag) => write!(f, "unknown tag {tag:#04x}"),
            Self::InvalidUtf8 { valid } => write!(f, "text is not UTF-8 after {valid} bytes"),
            Self::BufferOutside { offset, len, area } => {
                write!(f, "buffer of {len} bytes at {offset} in an area of {area}")
            }
            Self::StalePointer(bits) => write!(f, "pointer {bits:#018x} is not in use"),
            Self::LimitReached { limit } => write!(f, "more than {limit} references"),
            Self::TooManyNodes { limit } => write!(f, "more than {limit} values in a frame"),
            Self::TooManyBytes { limit } => {
                write!(f, "more than {limit} bytes of text and buffers in a frame")
            }
            Self::TooDeep { limit } => write!(f, "values nested deeper than {limit}"),
        }
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_lower_case_without_a_full_stop_and_carry_the_numbers() {
        let decode = [
            DecodeError::BadLength { stated: 12, actual: 34 },
            DecodeError::BufferOutside { offset: 12, len: 34, area: 1 },
            DecodeError::Truncated { needed: 12, left: 34 },
            DecodeError::BadCount { buffers: 12, unrefs: 34 },
        ];
        let encode = EncodeError::TooLong { len: 12, max: 34 };
        let texts = decode.iter().map(ToString::to_string).chain([encode.to_string()]);
        for text in texts {
            assert!(text.contains("12") && text.contains("34"), "{text}");
            assert!(!text.ends_with('.') && !text.starts_with(char::is_uppercase), "{text}");
        }
    }

    #[test]
    fn errors_become_the_failure_that_names_them() {
        assert_eq!(DecodeError::StalePointer(9).failure(), Failure::StalePointer);
        assert_eq!(DecodeError::UnknownTrap(9).failure(), Failure::Malformed);
        assert_eq!(EncodeError::from(NoRoom::Full).failure(), Failure::TooLong);
        assert_eq!(EncodeError::ForeignProxy.failure(), Failure::Unencodable);
        assert_eq!(EncodeError::LimitReached { limit: 1 }.failure(), Failure::LimitReached);
    }
}
