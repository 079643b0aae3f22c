//! trapline
#![allow(missing_docs)]
mod error;
pub mod futex;
pub mod layout;
#[cfg(not(loom))]
pub mod link;
pub mod ring;
#[cfg(not(loom))]
pub mod segment;
pub mod shared;
mod sync;
pub mod wire;
pub use error::*;
pub use wire::*;
pub use link::*;
