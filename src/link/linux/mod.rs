//! Links between processes on Linux.
//!
//! ```text
//!  spawn, inherited   offer        connect, from_stream   listener
//!   process ─────────▶ offer             connect           listener ── users
//!      └──────────────────┴───────┬────────┴───────────────────┘  └── address
//!                             handshake ── control ── message
//!                                 └── liveness
//! ```

mod address;
mod connect;
mod control;
mod handshake;
mod listener;
mod liveness;
mod message;
mod offer;
mod process;
mod users;

pub use listener::{Listener, ListenerOptions};
pub(super) use liveness::Liveness;
pub use message::read_messages;
pub use offer::Offer;
pub(super) use process::{inherited, spawn};
pub use users::Users;
