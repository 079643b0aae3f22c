//! Platforms without segments: opening a link is an error there.

use super::{OwnSegment, PeerSegment, Plan};
use crate::error::{LinkError, Misuse};

/// No segment on this platform.
///
/// # Errors
/// Always [`Misuse::Unsupported`].
pub fn heap(_: &Plan) -> Result<(OwnSegment, PeerSegment), LinkError> {
    Err(Misuse::Unsupported { what: "a link" }.into())
}
