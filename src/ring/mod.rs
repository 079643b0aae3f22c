//! The ring: a lock-free queue of byte records for one producer and one consumer.
//!
//! It does not know where its memory lies, and it makes no system call: what must be woken is said
//! by [`Wake`](crate::futex::Wake), and whoever owns the link rings.
//!
//! ```text
//!        head                        tail
//!         ▼                           ▼
//!  ░░░░░░░├ header │ payload ┤├ header │ payload ┤░░░░░░░░░░░├ pad ┤
//!         └ 8 bytes, length and kind             ▲
//!                                                └ claim: all contiguous free bytes
//! ```
//!
//! Positions are `u64` and only grow; an offset is a position modulo the capacity, a power of two.
//! The producer owns `tail` and the data, the consumer owns `head`. Each keeps its authoritative
//! position in private memory, and a copy of the other's that it refreshes only when the ring
//! looks full or empty. What stands in shared memory is an announcement.
//!
//! A record is contiguous. Where it does not fit before the end of the ring, a *pad* fills the
//! rest. Where its payload must start at a 64-byte address, a *skip* fills the gap. Both become
//! visible by the same store of `tail` as the record that follows them, so a reader never meets
//! one without the other, and a producer that dies in mid-write has published nothing.
//!
//! | pair | strong at | publishes | to |
//! |---|---|---|---|
//! | `tail-publish` | `tail.store(Release)` in `Producer::store_tail`, `tail.load(Acquire)` in `Consumer::refresh` | the bytes of all records below `tail` | the consumer |
//! | `head-publish` | `head.store(Release)` in `Consumer::publish`, `head.load(Acquire)` in `Producer::refresh` | that the bytes below `head` are no longer read | the producer, which may then overwrite them |

mod consumer;
mod producer;
mod record;

pub use consumer::{Consumer, Record};
pub use producer::{Batch, Claim, ClaimError, Producer};
pub use record::{MAX_SKIP, RECORD_HEADER, RecordKind};

#[cfg(all(test, not(loom)))]
mod tests;
