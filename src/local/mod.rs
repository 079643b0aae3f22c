//! The local: owns the objects and executes the traps of the other end.
//!
//! ```text
//!  ring ─▶ LaneState::next ─▶ Decoder ─▶ dispatch ─▶ Reflect ─▶ Encoder ─▶ ring
//!          control part       Request     one match   the host    Value, Thrown
//!          copied once        of objects  a trap                  or Failure
//! ```
//!
//! Between taking a request and claiming room for its reply nothing is borrowed: the host may be
//! entered again meanwhile.

mod caller;
mod dispatch;
mod reflect;
mod reply;
mod serve;

pub use caller::Caller;
pub use reflect::{Answer, Outcome, Reflect};
pub use serve::Local;
