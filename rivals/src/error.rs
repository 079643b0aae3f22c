//! [`Error`]: why a visit, or the program, came to no end.

use std::fmt;
use std::io;

use trapline::{CallError, LinkError};

/// Why something did not work.
#[derive(Debug)]
pub(crate) enum Error {
    /// The link that carries the line, or trapline as a contender.
    Link(LinkError),
    /// A trap.
    Call(CallError),
    /// The operating system: a rival of its own kind, a process, the output.
    Io(io::Error),
    /// Another crate's transport, in its words.
    Rival(String),
    /// A reply that is not the one to the request.
    Wrong(String),
    /// No end in time; the second process was killed.
    Hung,
}

impl Error {
    /// What another crate says.
    pub(crate) fn rival(error: impl fmt::Debug) -> Self {
        Self::Rival(format!("{error:?}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => error.fmt(f),
            Self::Call(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Rival(error) => f.write_str(error),
            Self::Wrong(what) => write!(f, "wrong reply: {what}"),
            Self::Hung => f.write_str("no end in time"),
        }
    }
}

impl std::error::Error for Error {}

impl From<LinkError> for Error {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rustix::io::Errno> for Error {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Io(errno.into())
    }
}
