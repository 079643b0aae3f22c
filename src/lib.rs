//! trapline
mod error;
pub mod futex;
pub mod layout;
pub mod ring;
pub mod shared;
mod sync;
