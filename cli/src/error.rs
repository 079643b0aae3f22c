//! [`Error`]: why a command failed, in one line.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use trapline::{CallError, LinkError};

#[derive(Debug)]
pub(crate) enum Error {
    /// The second process could not be started, or died before it was linked.
    Start(LinkError),
    /// The second process ended in the middle; how, where that is known.
    Ended(Option<std::process::ExitStatus>),
    /// The second process did not answer.
    Silent(Duration),
    /// The link failed for another reason.
    Link(LinkError),
    /// A trap failed for another reason.
    Call(CallError),
    /// A script threw: class and message, and where.
    Thrown { error: String, place: Option<String> },
    /// A file that cannot be loaded.
    File { path: PathBuf, problem: String },
    /// What should be called is not there, or is no function.
    NoFunction { name: String, problem: String },
    /// The standard input cannot be used.
    Input(String),
    /// The output cannot be written.
    Output(io::Error),
    /// What came is not what had to come.
    Unexpected(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(e) => write!(f, "the second process could not be started: {e}"),
            Self::Ended(Some(status)) => write!(f, "the second process ended early: {status}"),
            Self::Ended(None) => f.write_str("the second process ended early"),
            Self::Silent(limit) => {
                write!(f, "the second process did not answer within {limit:?} and was ended")
            }
            Self::Link(e) => e.fmt(f),
            Self::Call(e) => e.fmt(f),
            Self::Thrown { error, place: Some(place) } => write!(f, "{error} ({place})"),
            Self::Thrown { error, place: None } => f.write_str(error),
            Self::File { path, problem } => write!(f, "{}: {problem}", path.display()),
            Self::NoFunction { name, problem } => write!(f, "cannot call {name}: {problem}"),
            Self::Input(problem) => write!(f, "standard input: {problem}"),
            Self::Output(e) => write!(f, "cannot write the output: {e}"),
            Self::Unexpected(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

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
