//! Errors, in three families that a caller treats differently.
//!
//! - [`Misuse`]: this program asked for something that can never work; fix the program.
//! - [`PeerError`]: the other end died, closed, lied, refused, or took too long.
//! - [`SystemError`]: the operating system refused an operation.
//!
//! [`LinkError`] is what operations on a link return: one of the three. What a trap returns adds
//! what the other side threw: [`CallError`](crate::CallError).

mod address;

use std::fmt;
use std::path::PathBuf;

pub use address::AddressError;

/// This program asked for something that cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// A message of `len` bytes where `max` fit.
    TooLong {
        /// Bytes that the message needs.
        len: usize,
        /// Bytes that the ring carries in one record.
        max: usize,
    },
    /// A proxy of another link was passed.
    ForeignProxy,
    /// A message that cannot be written, however much room there is.
    Unencodable {
        /// Why.
        problem: String,
    },
    /// A blocking call towards an end that nobody serves.
    NotServed,
    /// A thread that is serving this link blocked on it in a way that could never end.
    WouldDeadlock,
    /// The link has no lane that this end drives (or serves), or not that many.
    NoLane {
        /// The lane asked for.
        lane: usize,
        /// How many there are.
        lanes: usize,
    },
    /// A value in a configuration that cannot be used.
    Config {
        /// The option.
        option: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A variable or descriptor that the parent should have handed over is missing or unusable.
    Inheritance {
        /// What is wrong with it.
        problem: String,
    },
    /// A path at which no listener can stand, or may not.
    Address {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        problem: AddressError,
    },
    /// This platform has no implementation of what was asked.
    Unsupported {
        /// What was asked.
        what: &'static str,
    },
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, max } => {
                write!(f, "message of {len} bytes where at most {max} fit")
            }
            Self::ForeignProxy => f.write_str("proxy belongs to another link"),
            Self::Unencodable { problem } => write!(f, "message cannot be written: {problem}"),
            Self::NotServed => f.write_str("the other end does not serve this lane"),
            Self::WouldDeadlock => {
                f.write_str("a thread that serves this link would wait for itself")
            }
            Self::NoLane { lane, lanes } => {
                write!(f, "lane {lane} does not exist here, this end has {lanes}")
            }
            Self::Config { option, problem } => write!(f, "option {option}: {problem}"),
            Self::Inheritance { problem } => {
                write!(f, "no link was inherited from the parent process: {problem}")
            }
            Self::Address { path, problem } => write!(f, "{}: {problem}", path.display()),
            Self::Unsupported { what } => write!(f, "{what} is not supported on this platform"),
        }
    }
}

impl std::error::Error for Misuse {}

/// The other end died, closed, lied, refused or took too long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerError {
    /// The peer is gone; what was in flight may or may not have been done.
    PeerDied {
        /// What is known of a call that was in flight.
        outcome: Outcome,
    },
    /// The link was closed in order, by either end.
    Closed,
    /// The peer broke the protocol; the link stays unusable.
    Poisoned(Poison),
    /// The deadline passed; the link stays usable.
    Timeout,
    /// Somebody on this side ended the wait with [`Waker::wake`](crate::Waker::wake); the link
    /// stays usable.
    Interrupted,
    /// The ring has no room now; nothing was sent.
    Full,
    /// The handshake failed.
    Refused(Refusal),
}

/// What is known of a call whose reply will never come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It may have been executed, in part, in whole, or not at all.
    Unknown,
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerDied { .. } => {
                f.write_str("the peer died; the outcome of what was in flight is unknown")
            }
            Self::Closed => f.write_str("the link is closed"),
            Self::Poisoned(reason) => write!(f, "the link is poisoned: {reason}"),
            Self::Timeout => f.write_str("the deadline passed"),
            Self::Interrupted => f.write_str("the wait was interrupted"),
            Self::Full => f.write_str("the ring is full"),
            Self::Refused(refusal) => write!(f, "the handshake failed: {refusal}"),
        }
    }
}

impl std::error::Error for PeerError {}

/// How the peer broke the protocol. Sticky: a link keeps its first reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Poison {
    /// A published position ran backwards, beyond the capacity, or off the grid of 8 bytes.
    Position {
        /// The position published.
        published: u64,
        /// The position last known.
        known: u64,
        /// Bytes of the ring.
        capacity: u64,
    },
    /// A record header with an unknown kind, or a length beyond what is published.
    Record {
        /// The header word.
        header: u64,
        /// Bytes that are published behind the position.
        available: u64,
    },
    /// A padding or skip record where none may stand.
    Padding {
        /// The header word.
        header: u64,
    },
    /// A frame that does not decode: the header, or a reply to our own request.
    Frame {
        /// Bytes of the record.
        len: usize,
    },
    /// A word of the segment with a value that has no meaning.
    Word {
        /// The word's name.
        name: &'static str,
        /// The value.
        value: u64,
    },
}

impl fmt::Display for Poison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position { published, known, capacity } => write!(
                f,
                "position {published} published where {known} was known, in a ring of {capacity} bytes"
            ),
            Self::Record { header, available } => {
                write!(f, "record header {header:#018x} where {available} bytes are published")
            }
            Self::Padding { header } => write!(f, "misplaced padding, header {header:#018x}"),
            Self::Frame { len } => write!(f, "a record of {len} bytes is no frame"),
            Self::Word { name, value } => write!(f, "the word {name} has the value {value:#x}"),
        }
    }
}

impl std::error::Error for Poison {}

/// Why a handshake failed. Both ends get one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// A message of the handshake that is none: wrong length, magic or kind.
    Malformed {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The peer speaks another major version.
    Version {
        /// Ours, major and minor.
        ours: (u16, u16),
        /// Theirs, major and minor.
        theirs: (u16, u16),
    },
    /// Not exactly the one file descriptor that the message must carry.
    Descriptors {
        /// How many came.
        count: usize,
    },
    /// The file descriptor is not a sealed memory file with all the seals a segment needs.
    Unsealed {
        /// The seals that it has, as the kernel's bits; `None` where it is not a memory file.
        seals: Option<u32>,
    },
    /// The segment is not as long as announced, or longer than `max_segment`.
    Size {
        /// Bytes of the file.
        len: u64,
        /// Bytes announced.
        announced: u64,
        /// Bytes that this end accepts.
        max: u64,
    },
    /// The first bytes of the segment do not describe a segment that fits this link.
    Layout {
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// The peer runs as a user who is not allowed here.
    User {
        /// The peer's user.
        uid: u32,
    },
    /// The other end refused; its reason, by number.
    ByPeer {
        /// The number of the reason, see `docs/layout.md`.
        code: u32,
    },
    /// The other end hung up in mid-handshake.
    HungUp,
    /// The handshake did not end in time.
    Timeout,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { problem } => write!(f, "malformed message: {problem}"),
            Self::Version { ours, theirs } => {
                write!(f, "version {}.{} here, {}.{} there", ours.0, ours.1, theirs.0, theirs.1)
            }
            Self::Descriptors { count } => {
                write!(f, "{count} file descriptors where exactly one belongs")
            }
            Self::Unsealed { seals: Some(seals) } => {
                write!(f, "the segment lacks seals (it has {seals:#x})")
            }
            Self::Unsealed { seals: None } => f.write_str("the segment is not a memory file"),
            Self::Size { len, announced, max } => write!(
                f,
                "segment of {len} bytes, announced as {announced}, at most {max} accepted"
            ),
            Self::Layout { field, value } => {
                write!(f, "segment field {field} has the unusable value {value:#x}")
            }
            Self::User { uid } => write!(f, "user {uid} is not allowed"),
            Self::ByPeer { code } => write!(f, "the other end refused, reason {code}"),
            Self::HungUp => f.write_str("the other end hung up"),
            Self::Timeout => f.write_str("no answer in time"),
        }
    }
}

impl std::error::Error for Refusal {}

/// The operating system refused an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemError {
    /// The operation, by the name of the system call or function.
    pub operation: &'static str,
    /// The error number.
    pub errno: i32,
}

impl SystemError {
    /// Keeps the number of `error` and names the operation.
    pub(crate) fn new(operation: &'static str, error: impl Into<std::io::Error>) -> Self {
        Self { operation, errno: error.into().raw_os_error().unwrap_or(0) }
    }
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, std::io::Error::from_raw_os_error(self.errno))
    }
}

impl std::error::Error for SystemError {}

/// What an operation on a link returns when it fails: one of the three families.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// This program asked for something that cannot work.
    Misuse(Misuse),
    /// The other end died, closed, lied, refused or took too long.
    Peer(PeerError),
    /// The operating system refused an operation.
    System(SystemError),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(e) => e.fmt(f),
            Self::Peer(e) => e.fmt(f),
            Self::System(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Misuse(e) => Some(e),
            Self::Peer(e) => Some(e),
            Self::System(e) => Some(e),
        }
    }
}

impl From<Misuse> for LinkError {
    fn from(e: Misuse) -> Self {
        Self::Misuse(e)
    }
}

impl From<PeerError> for LinkError {
    fn from(e: PeerError) -> Self {
        Self::Peer(e)
    }
}

impl From<Poison> for LinkError {
    fn from(e: Poison) -> Self {
        Self::Peer(PeerError::Poisoned(e))
    }
}

impl From<Refusal> for LinkError {
    fn from(e: Refusal) -> Self {
        Self::Peer(PeerError::Refused(e))
    }
}

impl From<SystemError> for LinkError {
    fn from(e: SystemError) -> Self {
        Self::System(e)
    }
}
