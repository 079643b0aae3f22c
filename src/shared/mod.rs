//! Words and windows: the only way in which anything above touches shared memory.
//!
//! Each word and byte of a segment has one writer. What this side writes is an *own* word or
//! window ([`OwnU32`], [`OwnU64`], [`OwnBytes`]); what the peer writes is a *peer* one
//! ([`PeerU32`], [`PeerU64`], [`PeerBytes`]) and is untrusted: it may change between any two
//! loads, so it is loaded once into a private variable, checked there, and never re-read.
//!
//! ```text
//!   own segment (read-write)             peer's segment (read-only)
//!   OwnRegion ─┬─ OwnU32 / OwnU64        PeerRegion ─┬─ PeerU32 / PeerU64
//!              └─ OwnBytes                           └─ PeerBytes ── SharedBytes<'_>
//! ```
//!
//! A word or window keeps its region alive, so no pointer here ever dangles. Under loom the words
//! are loom's and each byte range is tracked; in tests and under fuzzing a peer word can be made
//! to lie (`Liar`).

mod bytes;
mod copy;
#[cfg(any(test, fuzzing))]
mod liar;
mod region;
#[cfg(not(loom))]
mod words;
#[cfg(loom)]
#[path = "words_loom.rs"]
mod words;

pub use bytes::{OwnBytes, PeerBytes, SharedBytes, bytes};
#[cfg(any(test, fuzzing))]
pub use liar::Liar;
pub use region::{OwnRegion, PeerRegion};
#[cfg(loom)]
pub use words::FutexModel;
#[cfg(loom)]
pub(crate) use words::Sleeper;
pub use words::{OwnU32, OwnU64, PeerU32, PeerU64, word_u32, word_u64};
