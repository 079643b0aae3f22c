//! [`AddressError`]: why no listener can stand at a path.

use std::fmt;

/// What is wrong with the path of a listener. Nothing was changed there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// The path does not fit a socket's address.
    TooLong {
        /// Bytes of the path.
        len: usize,
        /// Bytes that fit.
        max: usize,
    },
    /// The path names no file, as `/` and `..` do not.
    NoName,
    /// A listener that is alive has this path.
    InUse,
    /// Something stands there that is no socket; it is left alone.
    NotASocket,
    /// What should be the directory is none; a symbolic link does not count as one.
    NotADirectory,
    /// The directory or the socket belongs to another user.
    Owner {
        /// Whom it belongs to.
        uid: u32,
    },
    /// The directory can be entered by more users than it should.
    Mode {
        /// Its permission bits.
        mode: u32,
        /// Those that it may have at most.
        wanted: u32,
    },
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, max } => {
                write!(f, "path of {len} bytes where at most {max} fit")
            }
            Self::NoName => f.write_str("the path names no file"),
            Self::InUse => f.write_str("a listener has this path"),
            Self::NotASocket => f.write_str("a file that is no socket stands there"),
            Self::NotADirectory => f.write_str("not in a directory"),
            Self::Owner { uid } => write!(f, "it belongs to user {uid}"),
            Self::Mode { mode, wanted } => {
                write!(f, "the directory has mode {mode:03o}, at most {wanted:03o} is safe")
            }
        }
    }
}

impl std::error::Error for AddressError {}
