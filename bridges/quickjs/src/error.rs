//! [`CreateError`]: why no engine could be made.

use std::fmt;

/// Why [`QuickJs::new`](crate::QuickJs::new) failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateError {
    /// A field of [`Limits`](crate::Limits) is outside of what the engine can keep.
    OutOfRange {
        /// Name of the field.
        limit: &'static str,
        /// What was asked for, in bytes.
        given: usize,
        /// The least it can be, in bytes.
        least: usize,
        /// The most it can be, in bytes.
        most: usize,
    },
    /// The engine could not be set up, usually for want of memory; the text is its own.
    Engine(String),
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { limit, given, least, most } => {
                write!(f, "the limit {limit} is {given} bytes, outside of {least} to {most}")
            }
            Self::Engine(text) => write!(f, "the engine could not be set up: {text}"),
        }
    }
}

impl std::error::Error for CreateError {}
